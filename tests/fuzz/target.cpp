// The limits of memory, through the sanitizer's hooks around malloc and free, and the other promises.
#include "tests/fuzz/target.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "heddle/base/parallel.hpp"
#include "heddle/core/allocator.hpp"

// Of sanitizer/allocator_interface.h, which not every compiler's package has.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                                         void (*free_hook)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void*);
extern "C" void __sanitizer_print_stack_trace();
extern "C" void __sanitizer_set_report_fd(void* descriptor);

namespace heddle::fuzz {
namespace {

std::atomic<bool> watching{false};
std::atomic<std::int64_t> held{0}, limit{0};

int reports = STDERR_FILENO;

void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(reports, text.data(), text.size());
}

[[noreturn]] void give_up(std::string_view why) {
  watching = false;
  say("fuzz: ");
  say(why);
  say("\n");
  __sanitizer_print_stack_trace();
  std::abort();
}

void on_malloc(const volatile void*, std::size_t size) {
  if (!watching.load(std::memory_order_relaxed)) return;
  const auto bytes = static_cast<std::int64_t>(size);
  const auto now = held.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (bytes < 0 || now > limit.load(std::memory_order_relaxed)) {
    watching = false;
    give_up("expected at most " + std::to_string(limit) + " bytes of memory for this input, got a request for " +
            std::to_string(size) + " beside " + std::to_string(now - bytes));
  }
}

void on_free(const volatile void* memory) {
  if (!memory || !watching.load(std::memory_order_relaxed)) return;
  held.fetch_sub(static_cast<std::int64_t>(__sanitizer_get_allocated_size(memory)), std::memory_order_relaxed);
}

// One thread: what an input does is then the same each time. Reports reach standard error as it was at the beginning, also
// where a target silences the program.
const bool prepared = [] {
  set_num_threads(1);
  reports = ::dup(STDERR_FILENO);
  __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<std::intptr_t>(reports)));
  return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
}();

}  // namespace

Input::Input(const std::uint8_t* data, std::size_t size, std::size_t beyond)
    : bytes_(reinterpret_cast<const char*>(data), size) {
  require(prepared, "the sanitizer has room for hooks");
  empty_cache(cpu);  // cached blocks would serve without being counted
  held = 0;
  limit = static_cast<std::int64_t>(4 * size + beyond);
  watching = true;
}

Input::~Input() {
  watching = false;
}

std::string_view part_of(std::string_view bytes, int number) {
  constexpr std::string_view border = "\n%%\n";
  for (int i = 0; i < number; ++i) {
    const auto at = bytes.find(border);
    if (at == std::string_view::npos) return {};
    bytes.remove_prefix(at + border.size());
  }
  return bytes.substr(0, bytes.find(border));
}

void require(bool good, std::string_view promise) {
  if (!good) give_up("broken: " + std::string(promise));
}

void require_readable(std::string_view message) {
  require(!message.empty() && message.size() < (64 << 10), "an Error's message has a length for people");
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    require(byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7f), "an Error's message has no control characters");
  }
}

}  // namespace heddle::fuzz
