// Where modules live, for those who look for modules that nothing names (audit.hpp). Internal.
#pragma once

#include <cstddef>
#include <vector>

#include "heddle/nn/containers.hpp"
#include "heddle/nn/module.hpp"

namespace heddle::nn::internal {

/// A module's life begins and ends.
void born(const Module* module);
void died(const Module* module);
/// The bytes that a module takes, as note_size() (containers.hpp) was given them by one who knows its type; 0 where none did.
std::size_t noted_size(const Module* module);
/// Those that live at addresses in [begin, begin + bytes), in order.
std::vector<const Module*> modules_in(const void* begin, std::size_t bytes);

}  // namespace heddle::nn::internal
