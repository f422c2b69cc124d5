#include "heddle/core/safetensors_header.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/printable.hpp"

namespace heddle::detail {
namespace {

constexpr std::pair<DType, const char*> names[] = {
    {float32, "F32"}, {float64, "F64"}, {int64, "I64"}, {uint8, "U8"}, {bfloat16, "BF16"}};

// Takes the parser's events one by one: no document is built, and each name is looked up once.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  Reader(std::size_t available, const std::string& file) : available_(available), file_(file) {}

  SafetensorsHeader header;

  [[noreturn]] void refuse(const std::string& why) const {
    fail("safetensors", strings::format("expected {} to be a safetensors file, got {}", file_, why));
  }

  bool start_object(std::size_t) override {
    open();
    if (depth_ == 2) entry_ = {}, shape_.clear(), offsets_.clear(), fields_.clear(), dtype_known_ = false;
    if (depth_ > 2 && !passing_over()) malformed(strings::format("an object for {}", field()));
    return true;
  }
  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) finish_entry();
    return true;
  }
  bool start_array(std::size_t) override {
    open();
    if (depth_ == 1) no_object("an array");
    if (depth_ == 2) malformed("an array, not an object");
    if (depth_ == 3 && !(is("shape") || is("data_offsets")) && !passing_over())
      malformed(strings::format("an array for {}", field()));
    if (depth_ > 3 && !passing_over()) malformed(strings::format("an array within {}", field()));
    return true;
  }
  bool end_array() override { return --depth_, true; }
  bool key(string_t& text) override {
    if (depth_ == 1) {
      if (!names_.insert(text).second) refuse(strings::format("the name '{}' twice", strings::printable(text)));
      name_ = text;
      in_metadata_ = text == "__metadata__";
    } else if (depth_ == 2) {
      if (!fields_.insert(text).second) malformed(strings::format("{} twice", quoted(text)));
      field_ = text;
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 3 && !passing_over() && (is("shape") || is("data_offsets"))) {
      auto& list = is("shape") ? shape_ : offsets_;
      list.push_back(value);
      if (list.size() > (is("shape") ? std::size_t{Shape::max_rank} : 2))
        malformed(is("shape") ? strings::format("more than the {} dimensions that a tensor may have", Shape::max_rank)
                              : std::string("more than two data_offsets"));
      return true;
    }
    return other(std::to_string(value));
  }
  bool number_integer(number_integer_t value) override { return other(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return other(text); }
  bool null() override { return other("null"); }
  bool boolean(bool value) override { return other(value ? "true" : "false"); }
  bool binary(binary_t&) override { return other("bytes"); }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_metadata_) return header.metadata[field_] = text, true;
    if (depth_ == 2 && is("dtype")) return set_dtype(text), true;
    return other(text);
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    no_object(error.what());
  }

 private:
  static constexpr int max_depth = 32;

  static std::string quoted(std::string_view text) { return strings::format("'{}'", strings::printable(text.substr(0, 200))); }
  std::string field() const { return quoted(field_); }
  bool is(std::string_view name) const { return !in_metadata_ && field_ == name; }
  bool passing_over() const { return !in_metadata_ && !is("dtype") && !is("shape") && !is("data_offsets"); }
  [[noreturn]] void no_object(const std::string& why) const {
    refuse(strings::format("a header that is no JSON object: {}", why));
  }
  [[noreturn]] void malformed(const std::string& why) const {
    refuse(strings::format("a malformed entry {}: {}", quoted(name_), why));
  }

  void open() {
    if (++depth_ > max_depth) refuse(strings::format("a header nested more than {} deep", max_depth));
  }
  // A value where only certain others may stand.
  bool other(const std::string& value) {
    if (depth_ == 0) no_object(value);
    if (depth_ == 1) malformed(strings::format("{}, not an object", quoted(value)));
    if (!passing_over()) malformed(strings::format("{} for {}", quoted(value), field()));
    return true;
  }
  void set_dtype(const std::string& text) {
    for (auto [type, name] : names)
      if (text == name) return entry_.dtype = type, static_cast<void>(dtype_known_ = true);
    fail("safetensors", strings::format("expected F32, F64, I64, U8 or BF16 for {}, got {} in {}", quoted(name_),
                                        strings::printable(text.substr(0, 40)), file_));
  }
  void finish_entry() {
    for (const char* needed : {"dtype", "shape", "data_offsets"})
      if (!fields_.contains(needed)) malformed(strings::format("no {}", needed));
    if (!dtype_known_) malformed("no dtype");
    if (offsets_.size() != 2) malformed("no two data_offsets");
    std::size_t expected = size_of(entry_.dtype);
    for (const std::uint64_t size : shape_)
      if (size > std::uint64_t{INT64_MAX} || __builtin_mul_overflow(expected, size, &expected))
        refuse(strings::format("shape [{}] for {}", strings::join(shape_, ", "), quoted(name_)));
    entry_.shape = Shape(std::vector<std::int64_t>(shape_.begin(), shape_.end()));
    entry_.name = name_;
    entry_.begin = offsets_[0], entry_.end = offsets_[1];
    if (entry_.begin > entry_.end || entry_.end > available_ || entry_.end - entry_.begin != expected)
      refuse(strings::format("bytes [{}, {}) of {} for {} of shape {}", entry_.begin, entry_.end, available_, quoted(name_),
                             entry_.shape));
    header.entries.push_back(entry_);
  }

  std::size_t available_;
  const std::string& file_;
  int depth_ = 0;
  std::unordered_set<std::string> names_, fields_;
  std::string name_, field_;
  bool in_metadata_ = false, dtype_known_ = false;
  SafetensorsEntry entry_;
  std::vector<std::uint64_t> shape_, offsets_;
};

}  // namespace

const char* safetensors_name_of(DType type) {
  for (auto [known, name] : names)
    if (known == type) return name;
  return "";
}

SafetensorsHeader parse_safetensors_header(std::string_view text, std::size_t available, const std::string& file) {
  Reader reader(available, file);
  // The parser would pass over a byte order mark and spaces, and take a zero byte for the end.
  if (!text.starts_with('{')) reader.refuse("a header that is no JSON object: it does not begin with '{'");
  if (text.find('\0') != std::string_view::npos) reader.refuse("a header with a zero byte");
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);

  // The tensors' bytes must follow each other without overlap, and without gaps in which something could hide.
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (const auto& entry : reader.header.entries) taken.emplace_back(entry.begin, entry.end);
  std::sort(taken.begin(), taken.end());
  taken.emplace_back(available, available);
  std::size_t reached = 0;
  for (const auto& [begin, end] : taken) {
    if (begin != reached)
      reader.refuse(strings::format("tensors that {} at byte {} of {}", begin < reached ? "overlap" : "leave a gap",
                                    std::min(begin, reached), available));
    reached = end;
  }
  return std::move(reader.header);
}

}  // namespace heddle::detail
