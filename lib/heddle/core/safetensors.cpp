#include "heddle/core/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"

namespace heddle {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and so far heddle's machines too");

using Json = nlohmann::ordered_json;
constexpr std::pair<DType, const char*> names[] = {{float32, "F32"}, {float64, "F64"}, {int64, "I64"}, {uint8, "U8"}, {bfloat16, "BF16"}};

const char* file_name_of(DType type) {
  for (auto [known, name] : names)
    if (known == type) return name;
  return "";
}

DType dtype_of_name(const std::string& text, const std::string& tensor) {
  for (auto [type, name] : names)
    if (text == name) return type;
  fail("safetensors", strings::format("expected F32, F64, I64, U8 or BF16 for '{}', got {}", tensor, text));
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  Json header = Json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::size_t offset = 0;
  for (const auto& [name, t] : content.tensors) {
    check(name != "__metadata__", "safetensors", "expected another name than '{}', which the format keeps for itself", name);
    check(!header.contains(name), "safetensors", "expected each name once, got '{}' again", name);
    const std::size_t bytes = static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
    header[name] = {{"dtype", file_name_of(t.dtype())},
                    {"shape", std::vector<std::int64_t>(t.shape().begin(), t.shape().end())},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail("safetensors", strings::format("expected names and metadata in UTF-8 for {}, got other bytes", path.string()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the tensors are aligned in a mapped file
  AtomicFile file(path);
  const std::uint64_t length = text.size();
  file.write(&length, sizeof length);
  file.write(text);
  std::vector<char> bytes;
  for (const auto& [name, t] : content.tensors) {
    bytes.resize(static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
    t.copy_to(bytes.data());
    file.write(bytes.data(), bytes.size());
  }
  file.commit();
}

Safetensors load_safetensors(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  const auto refuse = [&](const std::string& why) { fail("safetensors", strings::format("expected {} to be a safetensors file, got {}", path.string(), why)); };
  std::uint64_t length = 0;
  if (file.size() < sizeof length) refuse(strings::format("one of {} bytes", file.size()));
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length) refuse(strings::format("a header of {} bytes in a file of {}", length, file.size()));
  // JSON allows a name twice and parsers keep one of the two: which one is nothing to leave to chance.
  std::set<std::string> known;
  std::string twice;
  const auto note_names = [&](int depth, Json::parse_event_t event, Json& name) {
    if (depth == 1 && event == Json::parse_event_t::key && !known.insert(name.get<std::string>()).second) twice = name;
    return true;
  };
  const Json header = Json::parse(file.data() + sizeof length, file.data() + sizeof length + length, note_names, false);
  if (!header.is_object()) refuse("a header that is no JSON object");
  if (!twice.empty()) refuse(strings::format("the name '{}' twice", twice));
  const std::size_t start = sizeof length + length, available = file.size() - start;

  Safetensors content;
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (const auto& [name, entry] : header.items()) {
    try {
      if (name == "__metadata__") {
        content.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      const DType dtype = dtype_of_name(entry.at("dtype").get<std::string>(), name);
      const Shape shape(entry.at("shape").get<std::vector<std::int64_t>>());
      const auto [begin, end] = entry.at("data_offsets").get<std::pair<std::size_t, std::size_t>>();
      std::size_t expected = size_of(dtype);
      for (auto size : shape)
        if (size < 0 || __builtin_mul_overflow(expected, static_cast<std::size_t>(size), &expected)) refuse(strings::format("shape {} for '{}'", shape.str(), name));
      if (begin > end || end > available || end - begin != expected)
        refuse(strings::format("bytes [{}, {}) of {} for '{}' of shape {}", begin, end, available, name, shape.str()));
      taken.emplace_back(begin, end);
      Tensor t = empty(shape, {.dtype = dtype});
      if (expected) std::memcpy(t.raw_data(), file.data() + start + begin, expected);
      content.tensors.emplace_back(name, std::move(t));
    } catch (const nlohmann::json::exception& error) {
      refuse(strings::format("a malformed entry '{}': {}", name, error.what()));
    }
  }
  // The tensors' bytes must follow each other without overlap, and without gaps in which something could hide.
  std::sort(taken.begin(), taken.end());
  taken.emplace_back(available, available);
  std::size_t reached = 0;
  for (const auto& [begin, end] : taken) {
    if (begin != reached) refuse(strings::format("tensors that {} at byte {} of {}", begin < reached ? "overlap" : "leave a gap", std::min(begin, reached), available));
    reached = end;
  }
  return content;
}

}  // namespace heddle
