#include "heddle/core/safetensors.hpp"

#include <bit>
#include <cstring>
#include <unordered_set>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/json_memory.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/base/printable.hpp"
#include "heddle/core/safetensors_header.hpp"

namespace heddle {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian, and so far heddle's machines too");

std::size_t bytes_of(const Tensor& t) {
  return static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
}

// The entries are written one by one: an ordered document would look through all names for each.
std::string header_of(const Safetensors& content, const std::filesystem::path& path) {
  std::unordered_set<std::string> known;
  std::size_t offset = 0;
  std::string text = "{";
  try {
    if (!content.metadata.empty()) text += "\"__metadata__\":" + JsonDocument(content.metadata).dump();
    for (const auto& [name, t] : content.tensors) {
      check(name != "__metadata__", "safetensors", "expected another name than '{}', which the format keeps for itself", name);
      check(known.insert(name).second, "safetensors", "expected each name once, got '{}' again", strings::printable(name));
      text += strings::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", text.size() > 1 ? "," : "",
                              JsonDocument(name).dump(), detail::safetensors_name_of(t.dtype()),
                              strings::join(t.shape(), ","), offset, offset + bytes_of(t));
      offset += bytes_of(t);
    }
  } catch (const nlohmann::json::exception&) {
    fail("safetensors", strings::format("expected names and metadata in UTF-8 for {}, got other bytes", path.string()));
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the tensors are aligned in a mapped file
  return text;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const Safetensors& content) try {
  const std::string text = header_of(content, path);
  AtomicFile file(path);
  const std::uint64_t length = text.size();
  file.write(&length, sizeof length);
  file.write(text);
  std::vector<char> bytes;
  for (const auto& [name, t] : content.tensors) {
    bytes.resize(bytes_of(t));
    t.copy_to(bytes.data());
    file.write(bytes.data(), bytes.size());
  }
  file.commit();
} catch (const std::bad_alloc&) {
  detail::out_of_memory("safetensors", path.native());
}

Safetensors read_safetensors(std::string_view file, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    fail("safetensors", strings::format("expected {} to be a safetensors file, got {}", name, why));
  };
  constexpr std::uint64_t longest_header = 100'000'000;  // the format's own bound
  std::uint64_t length = 0;
  if (file.size() < sizeof length) refuse(strings::format("one of {} bytes", file.size()));
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length)
    refuse(strings::format("a header of {} bytes in a file of {}", length, file.size()));
  if (length > longest_header) refuse(strings::format("a header of {} bytes, above the format's {}", length, longest_header));
  const std::string_view data = file.substr(sizeof length + length);
  auto header = detail::parse_safetensors_header(file.substr(sizeof length, length), data.size(), name);

  Safetensors content;
  content.metadata = std::move(header.metadata);
  content.tensors.reserve(header.entries.size());
  for (auto& entry : header.entries) {
    Tensor t;
    try {
      t = empty(entry.shape, {.dtype = entry.dtype});
    } catch (const Error& error) {  // no memory, or sizes like [0, 2^62, 8] that pass here and nowhere else
      refuse(strings::format("'{}' of shape {}: {}", strings::printable(entry.name), entry.shape, error.what()));
    }
    if (entry.end > entry.begin) std::memcpy(t.raw_data(), data.data() + entry.begin, entry.end - entry.begin);
    content.tensors.emplace_back(std::move(entry.name), std::move(t));
  }
  return content;
}

Safetensors load_safetensors(const std::filesystem::path& path) try {
  return read_safetensors(read_file(path), path.string());
} catch (const std::bad_alloc&) {
  detail::out_of_memory("safetensors", path.native());
}

}  // namespace heddle
