#include "kernels/simt/registry.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace heddle::simt {
namespace {

constinit std::atomic<KernelEntry*> first{nullptr};
constinit std::atomic<std::uint64_t> total{0};
constinit std::atomic<bool> logging{false};
std::mutex log_mutex;
std::vector<std::string>& log() {
  static std::vector<std::string> names;
  return names;
}

void remove_all(std::string& text, std::string_view part) {
  for (std::size_t at; (at = text.find(part)) != std::string::npos;) text.erase(at, part.size());
}

// "... [with auto Kernel = (& ns::{anonymous}::name<float>); ...]" becomes "ns::name<float>".
std::string readable(std::string_view pretty) {
  constexpr std::string_view key = "Kernel = ";
  const std::size_t at = pretty.find(key);
  if (at == std::string_view::npos) return std::string(pretty);
  std::string name;
  int depth = 0;
  for (char c : pretty.substr(at + key.size())) {
    if (depth == 0 && (c == ']' || c == ';')) break;
    depth += (c == '<' || c == '[') - (c == '>' || c == ']');
    name += c;
  }
  if (name.starts_with("(") && name.ends_with(")")) name = name.substr(1, name.size() - 2);
  name.erase(0, name.find_first_not_of("& "));
  for (std::string_view part : {"{anonymous}::", "(anonymous namespace)::"}) remove_all(name, part);
  for (std::size_t from; (from = name.find("_GLOBAL__N__")) != std::string::npos;) {  // nvcc's anonymous namespace
    const std::size_t to = name.find("::", from);
    name.erase(from, to == std::string::npos ? to : to + 2 - from);
  }
  return name;
}

}  // namespace

KernelEntry::KernelEntry(std::string_view pretty) : name(*new std::string(readable(pretty))), next(first.load()) { first.store(this); }

void note_launch(KernelEntry& entry) {
  entry.launches.fetch_add(1, std::memory_order_relaxed);
  total.fetch_add(1, std::memory_order_relaxed);
  if (!logging.load(std::memory_order_relaxed)) return;
  std::lock_guard lock(log_mutex);
  log().push_back(entry.name);
}

std::vector<KernelInfo> registered_kernels() {
  std::map<std::string, std::uint64_t> by_name;  // kernels of equal name in several files' anonymous namespaces are one
  for (const KernelEntry* e = first.load(); e; e = e->next) by_name[e->name] += e->launches.load();
  std::vector<KernelInfo> kernels;
  for (auto& [name, launches] : by_name) kernels.push_back({name, launches});
  return kernels;
}

std::uint64_t launch_count() { return total.load(); }

void begin_launch_log() {
  std::lock_guard lock(log_mutex);
  log().clear();
  logging = true;
}

std::vector<std::string> end_launch_log() {
  std::lock_guard lock(log_mutex);
  logging = false;
  return std::move(log());
}

}  // namespace heddle::simt
