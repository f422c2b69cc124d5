// Runs a fuzz target without libFuzzer: every file of a corpus, then inputs changed from them at random.
//
//   fuzz_TARGET [--runs N] [--seed S] [FILE or FOLDER]...
//
// The changes follow from the seed alone. An input that ends the program, or takes longer than ten seconds, is left in
// finding-TARGET in the current folder: `fuzz_TARGET finding-TARGET` repeats it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/target.hpp"

extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace {

namespace fs = std::filesystem;
constexpr unsigned seconds_an_input = 10;
constexpr std::size_t largest = 16 << 10;

std::string current;
std::string finding_name = "finding";

// No memory and no locks: this runs in whatever state the program is.
void keep_finding() {
  const int file = ::open(finding_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, current.data(), current.size());
  ::close(file);
  for (const char* piece : {"fuzz: the input is kept in ", finding_name.c_str(), "\n"})
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, piece, std::strlen(piece));
}

void on_signal(int signal) {
  if (signal == SIGALRM) {
    constexpr char text[] = "fuzz: an input takes longer than ten seconds\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, sizeof text - 1);
  }
  keep_finding();
  std::_Exit(1);
}

void run(std::string input) {
  current = std::move(input);
  // A copy of exactly this size, so that one byte too many is noticed.
  const std::vector<std::uint8_t> exact(current.begin(), current.end());
  ::alarm(seconds_an_input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ::alarm(0);
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same numbers on every machine: no distribution of the standard library's, which each makes its own way.
class Mutator {
 public:
  Mutator(const std::vector<std::string>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string input = corpus_[below(corpus_.size())];
    for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
    if (input.size() > largest) input.resize(largest);
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return n ? static_cast<std::size_t>(random_() % n) : 0; }

  void change(std::string& s) {
    const std::size_t at = below(s.size() + 1), length = std::min(s.size() - at, 1 + below(16));
    switch (below(9)) {
      case 0:
        if (!s.empty()) s[below(s.size())] ^= static_cast<char>(1 << below(8));
        return;
      case 1:
        s.erase(at, length);
        return;
      case 2:
        s.insert(at, s.substr(below(s.size() + 1), length));
        return;
      case 3:
        s.insert(at, 1 + below(4), static_cast<char>(below(256)));
        return;
      case 4:
        s.resize(at);
        return;
      case 5:
        splice(s, at);
        return;
      case 6:
        number(s, at);
        return;
      case 7:
        little_endian(s, at);
        return;
      default:
        s.replace(at, length, std::string(length, static_cast<char>(below(2) ? 0xff : 0)));
        return;
    }
  }
  void splice(std::string& s, std::size_t at) {
    const std::string& other = corpus_[below(corpus_.size())];
    s = s.substr(0, at) + other.substr(below(other.size() + 1));
  }
  // Another number in place of one that is written out near here.
  void number(std::string& s, std::size_t at) {
    static const char* const numbers[] = {"0",
                                          "-1",
                                          "1e308",
                                          "-1e308",
                                          "1e-320",
                                          "1e999",
                                          "1.5",
                                          "nan",
                                          "2147483648",
                                          "4294967296",
                                          "9223372036854775807",
                                          "18446744073709551615",
                                          "-0.0",
                                          "1e300",
                                          "true",
                                          "null",
                                          "\"x\"",
                                          "[]"};
    const auto begin = s.find_first_of("0123456789", at);
    if (begin == std::string::npos) return;
    const auto end = std::min(s.find_first_not_of("0123456789.e+-", begin), s.size());
    s.replace(begin, end - begin, numbers[below(std::size(numbers))]);
  }
  void little_endian(std::string& s, std::size_t at) {
    static const std::uint64_t values[] = {
        0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, ~std::uint64_t{0} >> 1, ~std::uint64_t{0}};
    const std::uint64_t value = values[below(std::size(values))];
    const std::size_t bytes = std::min(s.size() - at, std::size_t{1} << below(4));
    std::memcpy(s.data() + at, &value, bytes);
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace

// UBSan's runtime asks for these: it is another library than ASan's with some compilers, and knows nothing of that one's
// death callback. The signal is what keeps the input then.
extern "C" __attribute__((visibility("default"))) const char* __ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}

int main(int argc, char** argv) {
  const std::string name = fs::path(argv[0]).filename().string();
  finding_name = "finding-" + name.substr(name.starts_with("fuzz_") ? 5 : 0);
  std::uint64_t runs = 0, seed = 1;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i + 1 < argc && word == "--runs")
      runs = std::stoull(argv[++i]);
    else if (i + 1 < argc && word == "--seed")
      seed = std::stoull(argv[++i]);
    else if (fs::is_directory(word))
      for (const auto& entry : fs::directory_iterator(word)) files.push_back(entry.path());
    else
      files.push_back(word);
  }
  std::sort(files.begin(), files.end());
  for (const int signal : {SIGALRM, SIGABRT}) std::signal(signal, on_signal);
  __sanitizer_set_death_callback(keep_finding);

  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    corpus.push_back(read(file));
    run(corpus.back());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: expected a file or a folder of files, found none\n", name.c_str());
    return 2;
  }
  Mutator mutator(corpus, seed);
  for (std::uint64_t i = 0; i < runs; ++i) run(mutator.next());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%s: %zu files, %llu inputs changed from them, %.1f s, no finding\n", name.c_str(), files.size(),
              static_cast<unsigned long long>(runs), seconds.count());
  return 0;
}
