// Files are there whole or not at all: whatever fails, what was at the path stays, and no temporary file is left.
#include "heddle/base/file.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "heddle/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a file is written whole, with any bytes and of any length") {
  test::Folder folder;
  std::string bytes(300000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 256);
  for (std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{65535}, std::size_t{65536}, std::size_t{65537}, bytes.size()}) {
    write_file(folder / "f", std::string_view(bytes).substr(0, length));
    CHECK(read_file(folder / "f") == bytes.substr(0, length));
  }
  CHECK(folder.count() == 1);
}

TEST_CASE("until commit, and without it, the old file stands and nothing else is left") {
  test::Folder folder;
  write_file(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write("new and longer");
    CHECK(read_file(folder / "f") == "old");
  }
  CHECK(read_file(folder / "f") == "old");
  CHECK(folder.count() == 1);
  AtomicFile file(folder / "f");
  file.write("n");
  file.write("ew");
  file.commit();
  CHECK(read_file(folder / "f") == "new");
  CHECK(folder.count() == 1);
}

TEST_CASE("what cannot be opened, read or renamed is an error that names the file and the reason") {
  test::Folder folder;
  CHECK_THROWS_WITH(read_file(folder / "absent"), ContainsSubstring("absent") && ContainsSubstring("No such file"));
  CHECK_THROWS_WITH(read_file(folder.path()), ContainsSubstring(folder.path().string()) && ContainsSubstring("directory"));
  CHECK_THROWS_WITH(write_file(folder / "no/such/folder", "x"), ContainsSubstring("no/such/folder") && ContainsSubstring("No such file"));
  std::filesystem::create_directory(folder / "taken");
  CHECK_THROWS_WITH(write_file(folder / "taken", "x"), ContainsSubstring("taken") && ContainsSubstring("Is a directory"));
  CHECK(folder.count() == 1);
}

TEST_CASE("a write that the system refuses leaves the old file and no other") {
  // A limit on the size of files stands in for a full disk where one may not mount.
  test::Folder folder;
  write_file(folder / "f", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_file(folder / "f", std::string(1000000, 'x'));
  } catch (const Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  CHECK_THAT(message, ContainsSubstring((folder / "f").string()) && ContainsSubstring("written") && ContainsSubstring("File too large"));
  CHECK(read_file(folder / "f") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a full disk leaves the old file and no other") {
  test::Folder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("not allowed to mount a small file system here; the test above has a limit on file sizes instead");
    return;
  }
  write_file(folder / "f", "old");
  std::string message;
  try {
    write_file(folder / "f", std::string(1000000, 'x'));
  } catch (const Error& error) {
    message = error.what();
  }
  const std::string left = read_file(folder / "f");
  const int count = folder.count();
  write_file(folder / "f", std::string(100000, 'y'));  // and what was taken is free again
  ::umount(folder.path().c_str());
  CHECK_THAT(message, ContainsSubstring("No space left"));
  CHECK(left == "old");
  CHECK(count == 1);
}

TEST_CASE("writers of one path at the same time: one of them wins, whole") {
  test::Folder folder;
  std::vector<std::thread> writers;
  std::atomic<int> failures = 0;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      try {
        for (int round = 0; round < 20; ++round) write_file(folder / "f", std::string(50000, static_cast<char>('a' + w)));
      } catch (const Error&) {
        ++failures;
      }
    });
  for (auto& writer : writers) writer.join();
  CHECK(failures == 0);
  const std::string text = read_file(folder / "f");
  REQUIRE(text.size() == 50000);
  CHECK(text == std::string(50000, text[0]));
  CHECK(folder.count() == 1);
}
