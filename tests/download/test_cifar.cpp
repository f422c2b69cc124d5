// CIFAR-10 from a server: the whole data set, or an error; drawn images only where there is no network.
#include <cstdlib>

#include "heddle/base/error.hpp"
#include "heddle/base/file.hpp"
#include "heddle/data/find_cifar.hpp"
#include "heddle/download/cifar.hpp"
#include "heddle/download/digest.hpp"
#include "tests/data/cifar_files.hpp"
#include "tests/download/archives.hpp"
#include "tests/download/server.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/folder.hpp"

using namespace heddle;
using namespace heddle::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::vector<Member> cifar10_members() {
  const std::string top = "cifar-10-batches-bin/";
  std::vector<Member> members = {{top, "", AE_IFDIR}};
  for (int file = 1; file <= 5; ++file)
    members.push_back({top + "data_batch_" + std::to_string(file) + ".bin", cifar_bytes(file, 10000, 1, 10)});
  members.push_back({top + "test_batch.bin", cifar_bytes(6, 10000, 1, 10)});
  members.push_back({top + "batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"});
  members.push_back({top + "readme.html", "<html/>"});
  return members;
}

// What find_cifar10 is called with, for a server's archive.
data::FindOptions from(const fs::path& folder, const std::string& url, const std::string& md5) {
  data::FindOptions options{.download_folder = folder, .synthetic_train = 30, .synthetic_test = 10};
  options.download = [=](const fs::path& to) { download::cifar10(to, {.url = url, .md5 = md5, .tries = 1}); };
  return options;
}

}  // namespace

TEST_CASE("CIFAR-10 is downloaded, checked, unpacked and kept", "[download]") {
  ::unsetenv("CIFAR10_DIR");
  test::Folder folder;
  write_archive(folder / "archive", cifar10_members());
  const std::string bytes = heddle::read_file(folder / "archive");
  const std::string md5 = download::digest_of_file(folder / "archive", download::Digest::md5);
  Server server([&](const Request& request) { return part(bytes, request.from); });
  fs::create_directories(folder / "data/.cifar-10-unpacking-1.part-abc/files");  // of a program that was killed

  const auto options = from(folder / "data", server.url(), md5);
  const auto choice = data::find_cifar10(options);
  CHECK_FALSE(choice.synthetic);
  CHECK(choice.train.size() == 50000);
  CHECK(choice.test.class_names()[9] == "truck");
  CHECK(choice.message == "CIFAR-10 from '" + (folder / "data").string() + "' (downloaded)");
  CHECK(std::distance(fs::directory_iterator(folder / "data"), fs::directory_iterator()) == 1);
  CHECK_THAT(data::find_cifar10(options).message, ContainsSubstring("found there"));
  CHECK(server.requests().size() == 1);
}

// All of these ended as "SYNTHETIC IMAGES" with status 0: as if there were no network.
TEST_CASE("a server that answers with something else than CIFAR-10 is an error", "[download]") {
  ::unsetenv("CIFAR10_DIR");
  test::Folder folder;
  write_archive(folder / "archive", {{"cifar-10-batches-bin/data_batch_2.bin", "x"}});
  const std::string bytes = heddle::read_file(folder / "archive");
  const std::string md5 = download::digest_of_file(folder / "archive", download::Digest::md5);
  Server server([&](const Request& request) { return request.path == "/gone" ? status(404) : ok(bytes); });
  const auto find = [&](const std::string& path, const std::string& sum) {
    data::find_cifar10(from(folder / "data", server.url(path), sum));
  };
  const std::string published = download::Cifar10Options().md5;
  CHECK_THROWS_WITH(find("/file", published), ContainsSubstring("expected a file of MD5 " + published + ", got " + md5));
  CHECK_THROWS_WITH(find("/gone", published), ContainsSubstring("404"));
  CHECK_THROWS_WITH(find("/file", md5), ContainsSubstring("[download] expected cifar-10-batches-bin in '"));
  heddle::write_file(folder / "file", "in the way");
  CHECK_THROWS_WITH(data::find_cifar10(from(folder / "file", server.url(), md5)),
                    ContainsSubstring("expected to make the folder"));
  // Files in the data's place that are not all of it.
  heddle::write_file((fs::create_directories(folder / "other/cifar-10-batches-bin"), folder / "other/cifar-10-batches-bin/x"),
                     "");
  CHECK_THROWS_WITH(data::find_cifar10(from(folder / "other", server.url(), md5)),
                    ContainsSubstring("cifar-10-batches-bin', found other files"));
}

TEST_CASE("without a network drawn images stand in, and the message says why", "[download]") {
  ::unsetenv("CIFAR10_DIR");
  ::setenv("no_proxy", "127.0.0.1", 1);
  test::Folder folder;
  const auto choice = data::find_cifar10(from(folder / "data", "http://127.0.0.1:9/file", download::Cifar10Options().md5));
  CHECK(choice.synthetic);
  CHECK(choice.train.size() == 30);
  CHECK_THAT(choice.message, ContainsSubstring("SYNTHETIC IMAGES, NOT CIFAR-10") &&
                                 ContainsSubstring("expected to reach a server for http://127.0.0.1:9/file"));
  CHECK(choice.message.find('\n') == std::string::npos);
  CHECK(fs::is_empty(folder / "data"));
}
