// Numbers and odd command lines: each is taken for what it says, or refused in words.
#include <nlohmann/json.hpp>

#include "heddle/heddle.hpp"
#include "numbers.hpp"
#include "program.hpp"

using namespace heddle;
using namespace heddle::test;

TEST_CASE("whole numbers are decimal, and whole to the last character") {
  const cifar10::WholeRange any;
  CHECK(cifar10::read_whole("0", any) == 0);
  CHECK(cifar10::read_whole("010", any) == 10);
  CHECK(cifar10::read_whole("18446744073709551615", any) == ~std::uint64_t{0});
  for (const char* bad : {"", " ", " 1", "1 ", "+1", "-1", "-0", "0x10", "1e3", "1.0", "1,000", "1_000", "1'000", "many", "inf",
                          "nan", "18446744073709551616", "99999999999999999999999999", "\xd9\xa1"}) {
    INFO(bad);
    CHECK(!cifar10::read_whole(bad, any));
  }
  CHECK(!cifar10::read_whole("0", {1, 3}));
  CHECK(cifar10::read_whole("3", {1, 3}) == 3);
  CHECK(!cifar10::read_whole("4", {1, 3}));
}

TEST_CASE("numbers are decimal, finite and in their range") {
  const cifar10::RealRange lr{0, 1000, true}, share{0, 1}, any;
  CHECK(cifar10::read_real("0.1", lr) == 0.1);
  CHECK(cifar10::read_real("1e-3", lr) == 1e-3);
  CHECK(cifar10::read_real(".5", share) == 0.5);
  CHECK(cifar10::read_real("1", share) == 1.0);
  CHECK(cifar10::read_real("0", share) == 0.0);
  for (const char* bad : {"",      " ",      "0",     "-1",  "1001", "inf", "-inf", "nan",  "NaN", "infinity",
                          "1e309", "1e-400", "0x1p3", "1,5", "1 ",   " 1",  "+1",   "0.1x", "1e",  "1e+"}) {
    INFO(bad);
    CHECK(!cifar10::read_real(bad, lr));
  }
  CHECK(!cifar10::read_real("1.0000001", share));
  CHECK(!cifar10::read_real("-1e-9", any));
}

// "Value 0 not in range [2.2250738585072014e-308 - 1.797...e308]" had 309 digits.
TEST_CASE("mistakes in numbers give the range in words", "[program]") {
  CHECK(cifar10::WholeRange{1, 10}.str() == "a whole number from 1 to 10");
  CHECK(cifar10::WholeRange{}.str() == "a whole number from 0 to 2^64 - 1");
  CHECK(cifar10::RealRange{0, 1, true}.str() == "a number above 0 and at most 1");
  CHECK(cifar10::RealRange{0, 1}.str() == "a number from 0 to 1");
  CHECK(cifar10::RealRange{}.str() == "a number of 0 or more");
  const std::string long_number(5000, '9');
  for (const auto& [option, text, expected] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"--epochs", "0", "--epochs: expected a whole number from 1 to 1000000, got '0'"},
           {"--epochs", "-1", "--epochs: expected a whole number from 1 to 1000000, got '-1'"},
           {"--epochs", "0x10", "got '0x10'"},
           {"--epochs", "1.5", "got '1.5'"},
           {"--epochs", "", "got ''"},
           {"--epochs", long_number, "... (5000 characters)'"},
           {"--batch", "99999999999999999999", "--batch: expected a whole number from 1 to 1000000"},
           {"--lr", "0", "--lr: expected a number above 0 and at most 1000000, got '0'"},
           {"--lr", "nan", "got 'nan'"},
           {"--lr", "1e400", "got '1e400'"},
           {"--momentum", "1.5", "--momentum: expected a number from 0 to 1, got '1.5'"},
           {"--momentum", "inf", "got 'inf'"},
           {"--seed", "-1", "--seed: expected a whole number from 0 to 2^64 - 1, got '-1'"},
           {"--seed", "18446744073709551616", "got '18446744073709551616'"},
           {"--limit", "-5", "--limit: expected a whole number from 0 to"},
           {"--test-limit", "1k", "got '1k'"},
           {"--threads", "-1", "--threads: expected a whole number from 0 to"},
           {"--save-every", "x", "--save-every: expected a whole number from 0 to"}}) {
    const Said said = run({"train", option, text});
    INFO(option << " " << said.err);
    CHECK(said.status == 2);
    CHECK(has(said.err, expected));
    CHECK(said.err.size() < 250);
    CHECK(!has(said.err, "inf]"));
  }
  const Said joined = run({"train", "--epochs=" + long_number});
  CHECK(joined.status == 2);
  CHECK(joined.err.size() < 250);
}

TEST_CASE("010 is ten", "[program]") {
  const Said said = run({"summary", "--arch", "compact", "--batch", "010", "--json"});
  REQUIRE(said.status == 0);
  CHECK(nlohmann::json::parse(said.out)["batch"] == 10);
}

TEST_CASE("odd command lines are refused with what was expected", "[program]") {
  const std::string long_word(100000, 'x');
  for (const auto& [arguments, expected] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"train", "--epochs", "3", "--epochs", "4"}, "expected --epochs once, got it 2 times"},
           {{"train", "--arch", "compact", "--arch", "compact"}, "expected --arch once, got it 2 times"},
           {{"train", "--", "--epochs", "3"}, "expected options in front of '--', got '--epochs' behind it"},
           {{"train", "--epochs"}, "--epochs"},
           {{"train", "--" + long_word}, "(100002 characters)"},
           {{"train", long_word}, "(100000 characters)"},
           {{long_word}, "(100000 characters)"},
           {{"train", "--arch", long_word}, "(100000 characters)"},
           {{"train", "--arch", ""}, "got ''"},
           {{"train", "--arch", "\xff\xfe"}, "got '\\xff\\xfe'"},
           {{"train", ""}, "expected options, got ''"},
           {{""}, "there is no command ''"},
           {{"train", "--resume", "x", "--out", "y"}, "--out"},
           {{"train", "summary"}, "summary"}}) {
    const Said said = run(arguments);
    INFO(said.err.substr(0, 400));
    CHECK(said.status == 2);
    CHECK(said.out.empty());
    CHECK(has(said.err, expected));
    CHECK(said.err.size() < 400);
  }
}

TEST_CASE("places that cannot be written to are errors that name them", "[program]") {
  Folder folder;
  write_file(folder / "file", "text");
  const auto tiny = [&](const std::filesystem::path& out) { return run(tiny_training(out)); };
  for (const auto& out :
       {folder / "file", folder / "file" / "below", std::filesystem::path("/proc/nowhere"), folder / std::string(300, 'x')}) {
    const Said said = tiny(out);
    INFO(said.err);
    CHECK(said.status == 1);
    CHECK(has(said.err, out.filename().string().substr(0, 30)));
    CHECK(has(said.err, "cifar10: ["));
  }
  CHECK(read_file(folder / "file") == "text");
}
