// Archives become folders as a whole, or not at all, and reach nowhere else.
#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/download/unpack.hpp"
#include "tests/download/archives.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using download::unpack;
namespace fs = std::filesystem;

TEST_CASE("an archive becomes a folder", "[download]") {
  test::Folder folder;
  const std::string large(300000, 'z');
  for (const bool zip : {false, true}) {
    write_archive(folder / "a", {{"top/", "", AE_IFDIR}, {"top/one.bin", large}, {"./top/deep/two.txt", "2"}, {"empty", ""}},
                  zip);
    unpack(folder / "a", folder / "out");
    CHECK(read_file(folder / "out/top/one.bin") == large);
    CHECK(read_file(folder / "out/top/deep/two.txt") == "2");
    CHECK(fs::file_size(folder / "out/empty") == 0);
    // No member's mode is taken over: nothing of a stranger's becomes a program.
    CHECK((fs::status(folder / "out/top/deep/two.txt").permissions() & fs::perms::owner_exec) == fs::perms::none);
    CHECK((fs::status(folder / "out").permissions() & fs::perms::owner_all) == fs::perms::owner_all);
    CHECK(folder.count() == 2);
    CHECK_THROWS_WITH(unpack(folder / "a", folder / "out"), ContainsSubstring("out' not to exist yet, found it"));
    fs::remove_all(folder / "out");
  }
}

TEST_CASE("an archive that reaches out of its folder is refused, and leaves nothing", "[download]") {
  test::Folder folder;
  const std::vector<std::pair<std::vector<Member>, std::string>> bad = {
      {{{"../up", "x"}}, "got '../up'"},
      {{{"a/../../up", "x"}}, "got 'a/../../up'"},
      {{{"/abs", "x"}}, "got '/abs'"},
      {{{"fine", "x"}, {"link", "", AE_IFLNK, "/etc"}}, "'link', a link"},
      {{{"link", "", AE_IFLNK, "."}, {"link/file", "x"}}, "'link', a link"},
      {{{"file", "x"}, {"hard", "", AE_IFREG, "", "file"}}, "'hard', a link"},
      {{{"pipe", "", AE_IFIFO}}, "'pipe', something else"},
      {{{"twice", "x"}, {"./twice", "y"}}, "got 'twice' twice"},
      {{{"file", "x"}, {"file/below", "y"}}, "expected to make the folder"},
  };
  for (const auto& [members, message] : bad) {
    INFO(message);
    write_archive(folder / "bad.tar.gz", members);
    CHECK_THROWS_WITH(unpack(folder / "bad.tar.gz", folder / "out"),
                      ContainsSubstring("[unpack] ") && ContainsSubstring(message));
    CHECK(folder.count() == 1);
  }
}

TEST_CASE("limits and expected members are kept to", "[download]") {
  test::Folder folder;
  // A megabyte of zeros in a kilobyte.
  write_archive(folder / "a", {{"top/one", std::string(1000000, '\0')}, {"top/two", "2"}});
  CHECK(fs::file_size(folder / "a") < 5000);
  CHECK_THROWS_WITH(unpack(folder / "a", folder / "out", {.max_bytes = 999999}),
                    ContainsSubstring("expected at most 999999 bytes"));
  CHECK_THROWS_WITH(unpack(folder / "a", folder / "out", {.max_members = 1}), ContainsSubstring("at most 1 files and folders"));
  CHECK_THROWS_WITH(unpack(folder / "a", folder / "out", {.members = {"top/one", "top/other"}}),
                    ContainsSubstring("expected the files top/one, top/other in '") && ContainsSubstring("got 'top/two'"));
  CHECK(folder.count() == 1);
  unpack(folder / "a", folder / "out",
         {.members = {"top/two", "top/one", "top/three"}, .max_bytes = 1000001, .max_members = 2});
  CHECK(fs::file_size(folder / "out/top/one") == 1000000);
}

TEST_CASE("what is no archive, or not all of one, is refused", "[download]") {
  test::Folder folder;
  std::string noise;
  for (int i = 0; i < 60000; ++i) noise += static_cast<char>((i * i * 31 + i / 7) % 253);
  write_archive(folder / "whole", {{"a", noise}, {"b", noise}});
  const std::string whole = read_file(folder / "whole");
  for (const std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{100}, whole.size() / 2, whole.size() - 100}) {
    INFO(length << " of " << whole.size() << " bytes");
    write_file(folder / "cut", whole.substr(0, length));
    CHECK_THROWS_AS(unpack(folder / "cut", folder / "out"), Error);
    CHECK(folder.count() == 2);
  }
  write_file(folder / "cut", "this is text, and no archive");
  CHECK_THROWS_WITH(unpack(folder / "cut", folder / "out"), ContainsSubstring("expected a whole archive in '"));
  CHECK_THROWS_WITH(unpack(folder / "none", folder / "out"), ContainsSubstring("none', got: "));
  CHECK_THROWS_WITH(unpack(folder / "whole", folder / "no/such/out"), ContainsSubstring("expected to make a folder beside"));
  CHECK_FALSE(fs::exists(folder / "out"));
}
