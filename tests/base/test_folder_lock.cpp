// Two processes in one folder: the second is refused, by name of the first, and a killed one holds nobody up.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/folder_lock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a folder is held by one at a time, and is free again afterwards") {
  test::Folder folder;
  {
    FolderLock lock(folder.path());
    CHECK(lock.holds());
    CHECK_THROWS_WITH(FolderLock(folder.path()), ContainsSubstring(folder.path().string()) &&
                                                     ContainsSubstring("process " + std::to_string(::getpid()) + " on "));
    const FolderLock moved(std::move(lock));
    CHECK_THROWS_AS(FolderLock(folder.path()), Error);
  }
  CHECK(folder.count() == 0);
  CHECK_THROWS_WITH(FolderLock(folder / "absent"), ContainsSubstring("No such file"));
}

TEST_CASE("another process holds it until it ends, even by kill -9") {
  test::Folder folder;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    FolderLock lock(folder.path());
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_THROWS_WITH(FolderLock(folder.path()), ContainsSubstring("process " + std::to_string(child)));
  CHECK_THROWS_AS(FolderLock(folder.path()), Error);  // and asking has not let go of it
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(folder.count() == 1);  // the file it left
  { const FolderLock lock(folder.path()); }
  CHECK(folder.count() == 0);
  ::close(ready[0]), ::close(ready[1]);
}

TEST_CASE("a forked child that leaves does not let go of its parent's folder") {
  test::Folder folder;
  FolderLock lock(folder.path());
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    { const FolderLock mine(std::move(lock)); }
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(folder.count() == 1);
  CHECK_THROWS_AS(FolderLock(folder.path()), Error);
}
