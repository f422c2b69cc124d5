// Command lines that are nearly right: what was meant, and what is wrong with them.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
class Validator;
}  // namespace CLI

namespace cifar10 {

/// The candidate that takes the fewest letters left out, added, changed or swapped with their neighbours; "" where none is
/// near.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);
/// ": did you mean X?", or "" where none is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

/// What was given, for a message: its beginning where it is long.
std::string shortened(const std::string& text);

/// For an option that takes one of a few words.
CLI::Validator one_of(const std::vector<std::string>& words);
/// For --device.
CLI::Validator device_name();
std::vector<std::string> architecture_names();

/// Tells on standard error what is wrong with the command line; what asks for help gets it on standard output. Returns the
/// program's exit status: 0 or 2.
int explain(const CLI::App& app, const CLI::ParseError& error);

}  // namespace cifar10
