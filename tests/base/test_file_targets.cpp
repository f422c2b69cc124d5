// Writing over a name once replaced whatever was there: a symbolic link became a file, 0600 became 0644, and as root
// /dev/stdout became a regular file. Now a name stands for what it leads to.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

struct stat status_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

mode_t mode_of(const fs::path& path) {
  return status_of(path).st_mode & 07777;
}

// The exit status of a child that does this.
template <class F>
int in_child(F f) {
  std::fflush(stdout);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int status = 1;
    try {
      status = f();
    } catch (...) {
      status = 99;
    }
    ::_exit(status);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

TEST_CASE("a link is followed and stays, be it one of several, relative, or to what is not there yet") {
  test::Folder folder;
  fs::create_directory(folder / "deep");
  write_file(folder / "deep/file", "old");
  fs::create_symlink("deep/middle", folder / "link");
  fs::create_symlink("file", folder / "deep/middle");
  for (const char* text : {"new", "newer"}) {
    write_file(folder / "link", text);
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(fs::is_symlink(folder / "deep/middle"));
    CHECK(!fs::is_symlink(folder / "deep/file"));
    CHECK(read_file(folder / "deep/file") == text);
  }
  fs::create_symlink("deep/absent", folder / "dangling");
  write_file(folder / "dangling", "made");
  CHECK(fs::is_symlink(folder / "dangling"));
  CHECK(read_file(folder / "deep/absent") == "made");
  AppendFile(folder / "link").append("grown");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_file(folder / "deep/file") == "grown");
  CHECK(folder.count() == 3);

  fs::create_symlink("round", folder / "about");
  fs::create_symlink("about", folder / "round");
  fs::create_symlink("no/folder/file", folder / "nowhere");
  CHECK_THROWS_WITH(write_file(folder / "round", "x"),
                    ContainsSubstring("round") && ContainsSubstring("levels of symbolic links"));
  CHECK_THROWS_WITH(write_file(folder / "nowhere", "x"), ContainsSubstring("nowhere") && ContainsSubstring("No such file"));
  CHECK_THROWS_AS(AppendFile(folder / "round"), Error);
}

TEST_CASE("a file that is written again keeps its mode and its owner; a new one has what the umask leaves") {
  test::Folder folder;
  for (const mode_t mode : {0600, 0640, 0444, 0755}) {
    write_file(folder / "f", "old");
    REQUIRE(::chmod((folder / "f").c_str(), mode) == 0);
    if (mode == 0444 && ::geteuid() != 0) continue;
    write_file(folder / "f", "new");
    CHECK(mode_of(folder / "f") == mode);
    CHECK(read_file(folder / "f") == "new");
    REQUIRE(::chmod((folder / "f").c_str(), 0600) == 0);
  }
  const mode_t before = ::umask(027);
  write_file(folder / "new", "x");
  AppendFile grows(folder / "grows");
  ::umask(before);
  CHECK(mode_of(folder / "new") == 0640);
  CHECK(mode_of(folder / "grows") == 0640);
  if (::geteuid() != 0) return;
  REQUIRE(::chown((folder / "f").c_str(), 1234, 4321) == 0);
  write_file(folder / "f", "root's");
  CHECK(status_of(folder / "f").st_uid == 1234);
  CHECK(status_of(folder / "f").st_gid == 4321);
}

TEST_CASE("a file that may not be written is not replaced, although its folder may be written") {
  test::Folder folder;
  write_file(folder / "f", "mine");
  REQUIRE(::chmod((folder / "f").c_str(), 0444) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  CHECK(in_child([&] {
          if (::geteuid() == 0 && (::setegid(65534) != 0 || ::seteuid(65534) != 0)) return 2;
          try {
            write_file(folder / "f", "yours");
          } catch (const Error& error) {
            return std::string(error.what()).find("Permission denied") != std::string::npos ? 0 : 3;
          }
          return 4;
        }) == 0);
  CHECK(read_file(folder / "f") == "mine");
  CHECK(folder.count() == 1);
}

TEST_CASE("what is no regular file is written into and stays what it is") {
  write_file("/dev/null", "nothing");
  CHECK(S_ISCHR(status_of("/dev/null").st_mode));
  test::Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  fs::create_symlink("pipe", folder / "link");
  std::string got;
  std::thread reader([&] { got = read_file(folder / "pipe"); });
  write_file(folder / "link", std::string(200000, 'p'));
  reader.join();
  CHECK(got == std::string(200000, 'p'));
  CHECK(S_ISFIFO(status_of(folder / "pipe").st_mode));
  std::thread again([&] { got = read_file(folder / "pipe"); });
  AppendFile(folder / "pipe").append("piece");
  again.join();
  CHECK(got == "piece");
  CHECK(folder.count() == 2);
  CHECK_THROWS_WITH(write_file("/dev/full", "x"), ContainsSubstring("/dev/full") && ContainsSubstring("No space left"));
  CHECK(S_ISCHR(status_of("/dev/full").st_mode));
}

TEST_CASE("standard output by its name is standard output, at its place") {
  test::Folder folder;
  for (const char* name : {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    const std::string out = folder / "out";
    CHECK(in_child([&] {
            if (::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO) < 0) return 2;
            std::printf("before ");
            write_file(name, "between ");
            std::printf("after");
            return std::fflush(stdout);
          }) == 0);
    CHECK(read_file(out) == "before between after");
  }
  CHECK(fs::is_symlink("/dev/stdout"));
}

TEST_CASE("names at the length that a file system allows are written; longer ones are an error") {
  test::Folder folder;
  const std::string longest(255, 'n'), longer(256, 'n');
  for (const char* text : {"first", "second"}) write_file(folder / longest, text);
  CHECK(read_file(folder / longest) == "second");
  CHECK(folder.count() == 1);
  CHECK_THROWS_WITH(write_file(folder / longer, "x"), ContainsSubstring("File name too long"));
}

TEST_CASE("what a killed writer left goes with the next writer of the file; a living writer's and others' files stay") {
  test::Folder folder;
  write_file(folder / "f", "old");
  CHECK(in_child([&] {
          AtomicFile file(folder / "f");
          file.write("half");
          return ::kill(::getpid(), SIGKILL);
        }) == -SIGKILL);
  CHECK(folder.count() == 2);
  for (const char* other : {"g.part1-0", "f.part", "f.part1", "f.partition-1", "f.part1-x"}) write_file(folder / other, "mine");
  AtomicFile living(folder / "f");
  living.write("later");
  write_file(folder / "f", "new");
  CHECK(read_file(folder / "f") == "new");
  CHECK(folder.count() == 7);
  living.commit();
  CHECK(read_file(folder / "f") == "later");
  CHECK(folder.count() == 6);
  remove_abandoned(folder.path(), [](const std::string& name) { return name == "g"; });
  CHECK(folder.count() == 5);
}
