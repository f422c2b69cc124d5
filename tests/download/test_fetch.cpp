// A file from a server that behaves, and from servers that do not: what arrives is the file that was meant, or an error.
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "heddle/base/file.hpp"
#include "heddle/download/digest.hpp"
#include "heddle/download/fetch.hpp"
#include "tests/download/server.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
using download::Digest;
using download::fetch;

namespace {

const std::string& body() {
  static const std::string bytes = [] {
    std::string b;
    for (int i = 0; i < 100000; ++i) b += static_cast<char>(i * 7 % 251);
    return b;
  }();
  return bytes;
}

std::string md5_of(const std::string& bytes) {
  test::Folder folder;
  write_file(folder / "bytes", bytes);
  return download::digest_of_file(folder / "bytes", Digest::md5);
}

}  // namespace

TEST_CASE("checksums are the standards' own", "[download]") {
  test::Folder folder;
  const auto sum = [&](const std::string& text, Digest digest) {
    write_file(folder / "text", text);
    return download::digest_of_file(folder / "text", digest);
  };
  CHECK(sum("", Digest::md5) == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(sum("abc", Digest::md5) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(sum("abc", Digest::sha256) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_THROWS_WITH(download::digest_of_file(folder / "none", Digest::md5), ContainsSubstring("none', got: No such file"));
  CHECK_THROWS_WITH(download::digest_of_file(folder.path(), Digest::md5), ContainsSubstring("got: Is a directory"));
}

TEST_CASE("a file is fetched, with its progress, and not a second time", "[download]") {
  test::Folder folder;
  Server server([](const Request&) { return ok(body()); });
  std::uint64_t seen = 0, all = 0;
  fetch(server.url(), folder / "file",
        {.md5 = md5_of(body()), .progress = [&](std::uint64_t bytes, std::uint64_t total) { seen = bytes, all = total; }});
  CHECK(read_file(folder / "file") == body());
  CHECK(seen == body().size());
  CHECK(all == body().size());
  CHECK(folder.count() == 1);
  fetch(server.url(), folder / "file", {.md5 = md5_of(body())});
  CHECK(server.requests().size() == 1);
  // Without a checksum nothing tells that it is the same.
  fetch(server.url(), folder / "file");
  CHECK(server.requests().size() == 2);
  // A checksum in capitals is the same checksum.
  std::string capitals = md5_of(body());
  for (char& c : capitals) c = static_cast<char>(std::toupper(c));
  fetch(server.url(), folder / "file", {.md5 = capitals});
  CHECK(server.requests().size() == 2);
}

// The archive's MD5 was another than the published one: the program said "downloading failed", drew images instead and trained
// on those, as it does without a network.
TEST_CASE("a wrong checksum is an error that names both, and nothing is kept", "[download]") {
  test::Folder folder;
  Server server([](const Request&) { return ok("something else"); });
  const auto wrong = [&](const download::FetchOptions& options) { fetch(server.url(), folder / "file", options); };
  const std::string expected = md5_of(body()), got = md5_of("something else");
  CHECK_THROWS_WITH(wrong({.md5 = expected}), ContainsSubstring("expected a file of MD5 " + expected + ", got " + got) &&
                                                  ContainsSubstring("14 bytes from " + server.url()));
  CHECK_THROWS_WITH(wrong({.md5 = got, .sha256 = std::string(64, '0')}), ContainsSubstring("expected a file of SHA-256 0000"));
  try {
    wrong({.md5 = expected});
  } catch (const ConnectionError&) {
    FAIL("a server answered");
  } catch (const Error&) {
  }
  CHECK(folder.count() == 0);
  // What was there stays there.
  write_file(folder / "file", "an older one");
  CHECK_THROWS_AS(wrong({.md5 = expected}), Error);
  CHECK(read_file(folder / "file") == "an older one");
  CHECK(folder.count() == 1);
}

TEST_CASE("no connection is a ConnectionError, an answer that is no file is not", "[download]") {
  test::Folder folder;
  ::setenv("no_proxy", "127.0.0.1,nowhere.invalid", 1);
  const auto get = [&](const std::string& url) { fetch(url, folder / "file", {.connect_timeout_seconds = 2, .tries = 1}); };
  CHECK_THROWS_AS(get("http://127.0.0.1:9/file"), ConnectionError);
  CHECK_THROWS_AS(get("http://nowhere.invalid/file"), ConnectionError);
  CHECK_THROWS_WITH(
      get("http://user:secret@127.0.0.1:9/file"),
      ContainsSubstring("[fetch] expected to reach a server for http://127.0.0.1:9/file, got: Failed to connect"));
  Server server([](const Request& request) {
    if (request.path == "/gone") return status(404);
    if (request.path == "/elsewhere") return status(302, "Location: http://127.0.0.1:9/file\r\n");
    return Answer{"not HTTP at all"};
  });
  for (const char* path : {"/gone", "/elsewhere", "/noise"}) {
    bool is_offline = false, is_error = false;
    try {
      get(server.url(path));
    } catch (const ConnectionError&) {
      is_offline = true;
    } catch (const Error&) {
      is_error = true;
    }
    INFO(path);
    CHECK_FALSE(is_offline);
    CHECK(is_error);
  }
  CHECK_THROWS_WITH(get(server.url("/gone")), ContainsSubstring("404"));
  CHECK_THROWS_WITH(get("file:///nowhere/file"), ContainsSubstring("nowhere/file"));
  CHECK_THROWS_WITH(get("ftp://127.0.0.1/file"), ContainsSubstring("expected an address of https, http or file"));
  CHECK(folder.count() == 0);
}

TEST_CASE("a proxy that does not let through is no connection", "[download]") {
  test::Folder folder;
  Server proxy([](const Request&) { return status(403); });
  const char* const before = std::getenv("https_proxy");
  const std::string kept = before ? before : "";
  ::setenv("https_proxy", proxy.url("").c_str(), 1);
  CHECK_THROWS_AS(fetch("https://somewhere.invalid/file", folder / "file"), ConnectionError);
  before ? ::setenv("https_proxy", kept.c_str(), 1) : ::unsetenv("https_proxy");
  CHECK(proxy.requests().size() == 1);
  CHECK(proxy.requests()[0].path == "somewhere.invalid:443");
}

TEST_CASE("a transfer that breaks goes on where it stopped, where a checksum tells that the pieces fit", "[download]") {
  test::Folder folder;
  // 30,000 bytes a connection.
  Server server([](const Request& request) { return part(body(), request.from, request.from + 30000); });
  fetch(server.url(), folder / "file", {.md5 = md5_of(body()), .tries = 4});
  CHECK(read_file(folder / "file") == body());
  REQUIRE(server.requests().size() == 4);
  CHECK(server.requests()[3].from == 90000);
  // Without a checksum it begins anew, and never mixes two files.
  CHECK_THROWS_WITH(fetch(server.url(), folder / "other", {.tries = 2}), ContainsSubstring("[fetch] expected the file of"));
  CHECK(server.requests()[5].from == 0);
  CHECK(folder.count() == 1);
}

TEST_CASE("a later run goes on with what an earlier one kept", "[download]") {
  test::Folder folder;
  bool whole = false;
  Server server([&](const Request& request) { return whole ? part(body(), request.from) : part(body(), 0, 40000); });
  const download::FetchOptions options{.md5 = md5_of(body()), .tries = 1};
  CHECK_THROWS_WITH(fetch(server.url(), folder / "file", options), ContainsSubstring("(40000 bytes are kept, to go on with)"));
  CHECK(std::filesystem::file_size(folder / "file.part") == 40000);
  whole = true;
  fetch(server.url(), folder / "file", options);
  CHECK(server.requests().back().from == 40000);
  CHECK(read_file(folder / "file") == body());
  CHECK(folder.count() == 1);
}

TEST_CASE("what was kept and does not fit is thrown away", "[download]") {
  test::Folder folder;
  bool ranges = true;
  Server server([&](const Request& request) { return ranges ? part(body(), request.from) : ok(body()); });
  const download::FetchOptions options{.md5 = md5_of(body())};
  for (const bool supported : {true, false})
    for (const std::size_t size : {std::size_t{500}, body().size() - 1}) {
      ranges = supported;
      write_file(folder / "file.part", std::string(size, 'x'));  // of another file
      fetch(server.url(), folder / "file", options);
      CHECK(read_file(folder / "file") == body());
      CHECK(folder.count() == 1);
      std::filesystem::remove(folder / "file");
    }
  // A part of the whole length or more, of which a server has nothing left to send.
  Server strict(
      [&](const Request& request) { return request.from >= body().size() ? status(416) : part(body(), request.from); });
  for (const std::string& kept : {body(), std::string(body().size(), 'x'), body() + "more"}) {
    write_file(folder / "file.part", kept);
    fetch(strict.url(), folder / "file", options);
    CHECK(read_file(folder / "file") == body());
    std::filesystem::remove(folder / "file");
  }
}

TEST_CASE("a server that is busy is asked again, one that refuses is not", "[download]") {
  test::Folder folder;
  int asked = 0;
  Server server([&](const Request& request) {
    if (request.path == "/never") return status(403);
    return ++asked < 3 ? status(503) : ok(body());
  });
  fetch(server.url(), folder / "file");
  CHECK(asked == 3);
  CHECK_THROWS_WITH(fetch(server.url("/never"), folder / "never"), ContainsSubstring("403"));
  CHECK(server.requests().size() == 4);
}

TEST_CASE("redirects are followed, and not for ever", "[download]") {
  test::Folder folder;
  Server server([](const Request& request) {
    if (request.path == "/old") return status(301, "Location: /new\r\n");
    if (request.path == "/circle") return status(302, "Location: /circle\r\n");
    if (request.path == "/inside") return status(302, "Location: file:///etc/passwd\r\n");
    return ok(body());
  });
  fetch(server.url("/old"), folder / "file");
  CHECK(read_file(folder / "file") == body());
  CHECK_THROWS_WITH(fetch(server.url("/circle"), folder / "other"), ContainsSubstring("redirects"));
  CHECK(server.requests().size() == 2 + 11);
  CHECK_THROWS_AS(fetch(server.url("/inside"), folder / "other"), Error);
  CHECK(folder.count() == 1);
}

TEST_CASE("a server that stalls, or sends without end, is left", "[download]") {
  test::Folder folder;
  Server server([](const Request& request) {
    if (request.path == "/stall") return Answer{part(body(), 0, 1000).bytes, std::chrono::milliseconds(3000)};
    return Answer{"HTTP/1.1 200 OK\r\n\r\n" + body()};
  });
  CHECK_THROWS_WITH(fetch(server.url("/stall"), folder / "file", {.stall_timeout_seconds = 1, .tries = 1}),
                    ContainsSubstring("too slow"));
  CHECK_THROWS_WITH(fetch(server.url("/endless"), folder / "file", {.max_bytes = 50000}),
                    ContainsSubstring("[fetch] expected at most 50000 bytes from " + server.url("/endless") + ", got more"));
  fetch(server.url("/exact"), folder / "file", {.max_bytes = body().size()});
  CHECK(folder.count() == 1);
}

TEST_CASE("what the progress throws goes to the caller", "[download]") {
  test::Folder folder;
  Server server([](const Request&) { return Answer{part(body(), 0, 1000).bytes, std::chrono::milliseconds(5000)}; });
  const auto stop = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH(fetch(server.url(), folder / "file", {.progress = stop}), ContainsSubstring("enough"));
}

TEST_CASE("two that fetch one file wait for each other", "[download]") {
  test::Folder folder;
  Server server([](const Request&) { return ok(body()); });
  const auto get = [&] { fetch(server.url(), folder / "file", {.md5 = md5_of(body())}); };
  std::thread other(get);
  get();
  other.join();
  CHECK(server.requests().size() == 1);
  CHECK(read_file(folder / "file") == body());
  CHECK(folder.count() == 1);
}

TEST_CASE("where nothing can be written is an error that says so", "[download]") {
  test::Folder folder;
  Server server([](const Request&) { return ok(body()); });
  CHECK_THROWS_WITH(fetch(server.url(), folder / "nowhere/file"),
                    ContainsSubstring("nowhere/file.part' to be opened, got: No such"));
  std::filesystem::create_symlink("/etc/passwd", folder / "link.part");
  CHECK_THROWS_WITH(fetch(server.url(), folder / "link"), ContainsSubstring("to be opened"));
  ::mkfifo((folder / "pipe.part").c_str(), 0600);
  CHECK_THROWS_WITH(fetch(server.url(), folder / "pipe"), ContainsSubstring("to be a regular file"));
  CHECK_THROWS_WITH(fetch(server.url(), folder / "x", {.md5 = "123"}),
                    ContainsSubstring("an MD5 of 32 hexadecimal digits, got '123'"));
  CHECK(server.requests().empty());
}
