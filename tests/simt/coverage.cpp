// Names the kernels that no test launched: simt_coverage <folder of the programs' notes> <folder of sources>. The notes
// (HD_SIMT_COVERAGE, in grid.cpp) say what every program contained and launched; the sources are searched for kernels that
// no program even contains.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <iostream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  if (argc != 3 || !fs::is_directory(argv[1]) || !fs::is_directory(argv[2])) {
    std::cerr << "usage: simt_coverage <folder of notes> <folder of sources>\n";
    return 2;
  }
  std::map<std::string, unsigned long long> launches;
  for (const auto& note : fs::directory_iterator(argv[1])) {
    std::ifstream in(note.path());
    unsigned long long count = 0;
    for (std::string name; in >> count && std::getline(in >> std::ws, name);) launches[name] += count;
  }

  int problems = 0;
  std::set<std::string> launched;  // without namespaces and template arguments
  for (const auto& [name, count] : launches) {
    if (count == 0) {
      std::cout << "never launched: " << name << "\n";
      ++problems;
      continue;
    }
    const std::string plain = name.substr(0, name.find('<'));
    const std::size_t colons = plain.rfind("::");
    launched.insert(colons == std::string::npos ? plain : plain.substr(colons + 2));
  }

  // "HD_KERNEL void HD_LAUNCH_BOUNDS(256) name(": the first word before a parenthesis that is no macro of ours.
  const std::regex kernel(R"(HD_KERNEL\s+void\s+(?:HD_LAUNCH_BOUNDS\([^)]*\)\s+)?(\w+)\s*\()");
  std::size_t found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(argv[2])) {
    const std::string extension = entry.path().extension();
    if (extension != ".cu" && extension != ".cuh" && extension != ".hpp") continue;
    if (entry.path().parent_path().filename() == "simt") continue;
    std::ifstream in(entry.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (std::sregex_iterator it(text.begin(), text.end(), kernel), end; it != end; ++it) {
      ++found;
      const std::string name = (*it)[1];
      if (launched.contains(name)) continue;
      std::cout << "never launched: " << name << " in " << entry.path().string() << "\n";
      ++problems;
    }
  }
  std::cout << found << " kernels in the sources, " << launches.size() << " variants in the test programs, " << problems
            << " problems\n";
  return problems ? 1 : 0;
}
