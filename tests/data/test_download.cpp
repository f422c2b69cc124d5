// Finding CIFAR-10: the order of places, a download from this machine itself, and what happens without a network.
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "heddle/data/download.hpp"
#include "heddle/data/md5.hpp"
#include "tests/data/cifar_files.hpp"
#include "tests/support/catch.hpp"

using namespace heddle;
using namespace heddle::data;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using heddle::data::detail::Md5;
using heddle::data::detail::md5_of_file;

namespace {

std::string md5(const std::string& text) {
  Md5 m;
  m.update(text);
  return m.finish();
}

// $CIFAR10_DIR for the length of a test.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* old = std::getenv("CIFAR10_DIR")) before_ = old;
    value ? setenv("CIFAR10_DIR", value, 1) : unsetenv("CIFAR10_DIR");
  }
  ~Environment() { before_ ? setenv("CIFAR10_DIR", before_->c_str(), 1) : unsetenv("CIFAR10_DIR"); }

 private:
  std::optional<std::string> before_;
};

FindOptions small(const std::filesystem::path& folder) {
  return {.download_folder = folder, .url = "http://127.0.0.1:9/nothing.tar.gz", .synthetic_train = 30, .synthetic_test = 10};
}

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

bool curl_reads_files() {
  return std::system("curl --version 2>/dev/null | grep -q 'Protocols:.* file '") == 0;
}

}  // namespace

TEST_CASE("MD5 of the standard's examples, in pieces of any length", "[md5]") {
  REQUIRE(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  REQUIRE(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  REQUIRE(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
  const std::string digits = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
  REQUIRE(md5(digits) == "57edf4a22be3c955ac49da2e2107b67a");
  for (std::size_t piece : {1, 7, 63, 64, 65}) {
    Md5 m;
    for (std::size_t at = 0; at < digits.size(); at += piece) m.update(std::string_view(digits).substr(at, piece));
    REQUIRE(m.finish() == "57edf4a22be3c955ac49da2e2107b67a");
  }
  const TempFolder folder;
  write_file(folder / "abc", "abc");
  REQUIRE(md5_of_file(folder / "abc") == md5("abc"));
  REQUIRE_THROWS_WITH(md5_of_file(folder / "none"), ContainsSubstring("none"));
}

TEST_CASE("Without data and without a network the stand-in serves, and says so", "[download]") {
  const Environment environment(nullptr);
  const TempFolder folder;
  const auto choice = find_cifar10(small(folder / "data"));
  REQUIRE(choice.synthetic);
  REQUIRE(choice.train.size() == 30);
  REQUIRE(choice.test.size() == 10);
  REQUIRE_THAT(choice.message, ContainsSubstring("NOT CIFAR-10") && ContainsSubstring("say nothing about CIFAR-10") &&
                                   ContainsSubstring("127.0.0.1:9"));
  REQUIRE(choice.message.find('\n') == std::string::npos);
  REQUIRE(entries(folder / "data") == 0);  // nothing half done is left behind

  auto off = small(folder / "elsewhere");
  off.download = false;
  REQUIRE_THAT(find_cifar10(off).message, ContainsSubstring("downloading is off"));
  REQUIRE_FALSE(std::filesystem::exists(folder / "elsewhere"));

  auto asked = small(folder / "data");
  asked.folder = "synthetic";
  REQUIRE_THAT(find_cifar10(asked).message, ContainsSubstring("as asked"));

  write_file(folder / "file", "in the way");
  REQUIRE(find_cifar10(small(folder / "file")).synthetic);
}

TEST_CASE("A folder that was named and holds no data is an error, not a stand-in", "[download]") {
  const TempFolder folder;
  {
    const Environment environment(nullptr);
    auto options = small(folder / "data");
    options.folder = folder / "nowhere";
    REQUIRE_THROWS_WITH(find_cifar10(options), ContainsSubstring("[find_cifar10]") && ContainsSubstring("nowhere"));
  }
  const Environment environment((folder / "void").c_str());
  REQUIRE_THROWS_WITH(find_cifar10(small(folder / "data")), ContainsSubstring("void") && ContainsSubstring("$CIFAR10_DIR"));
}

TEST_CASE("CIFAR-10 is looked for where the user says, then in the environment's folder, then at home", "[download]") {
  const TempFolder folder;
  write_cifar10(folder / "there");
  std::filesystem::create_directories(folder / "data");
  {
    const Environment environment(nullptr);
    auto options = small(folder / "data");
    options.folder = folder / "there";
    const auto choice = find_cifar10(options);
    REQUIRE_FALSE(choice.synthetic);
    REQUIRE(choice.train.size() == 50000);
    REQUIRE(choice.test.class_names()[9] == "truck");
    REQUIRE_THAT(choice.message, ContainsSubstring("there"));
  }
  {
    const Environment environment((folder / "there").c_str());
    REQUIRE_THAT(find_cifar10(small(folder / "data")).message, ContainsSubstring("$CIFAR10_DIR"));
  }
  const Environment environment(nullptr);
  REQUIRE_FALSE(find_cifar10(small(folder / "there")).synthetic);
  // Damaged files are an error wherever they are.
  write_file(folder / "data/cifar-10-batches-bin/data_batch_1.bin", "short");
  REQUIRE_THROWS_WITH(find_cifar10(small(folder / "data")), ContainsSubstring("data_batch_1.bin"));
}

TEST_CASE("A download is checked, unpacked and kept; a wrong one is thrown away", "[download]") {
  if (!curl_reads_files()) {
    WARN("skipped: needs a curl that reads file:// addresses");
    return;
  }
  const Environment environment(nullptr);
  const TempFolder folder;
  write_cifar10(folder / "there");
  const auto archive = folder / "archive.tar.gz";
  REQUIRE(std::system(
              ("tar -czf '" + archive.string() + "' -C '" + (folder / "there").string() + "' cifar-10-batches-bin").c_str()) ==
          0);
  auto options = small(folder / "data");
  options.url = "file://" + archive.string();

  const auto wrong = find_cifar10(options);
  REQUIRE(wrong.synthetic);
  REQUIRE_THAT(wrong.message, ContainsSubstring("MD5 c32a1d4ab5d03f1284b67883e8d87530"));
  REQUIRE(entries(folder / "data") == 0);

  options.md5 = md5_of_file(archive);
  const auto right = find_cifar10(options);
  REQUIRE_FALSE(right.synthetic);
  REQUIRE(right.train.size() == 50000);
  REQUIRE_THAT(right.message, ContainsSubstring("downloaded"));
  REQUIRE(entries(folder / "data") == 1);

  options.url = "http://127.0.0.1:9/nothing.tar.gz";
  REQUIRE_THAT(find_cifar10(options).message, ContainsSubstring("found there"));
}
