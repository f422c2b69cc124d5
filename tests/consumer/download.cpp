// A program of somebody else's that fetches a file, by the component heddle::download. Without a network, from its own disk.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "heddle/download/digest.hpp"
#include "heddle/download/fetch.hpp"
#include "heddle/heddle.hpp"

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "heddle-consumer-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  heddle::write_file(folder + "/from", "abc");
  heddle::download::fetch("file://" + folder + "/from", folder + "/to", {.md5 = "900150983cd24fb0d6963f7d28e17f72"});
  int result = heddle::read_file(folder + "/to") == "abc" ? 0 : 1;
  try {
    heddle::download::fetch("http://127.0.0.1:9/", folder + "/to");
    result = 1;
  } catch (const heddle::ConnectionError& error) {  // thrown in one library, caught in another
    std::printf("as expected: %s\n", error.what());
  }
  std::filesystem::remove_all(folder);
  return result;
}
