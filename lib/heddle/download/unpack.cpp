#include "heddle/download/unpack.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "heddle/base/check.hpp"
#include "heddle/download/descriptor.hpp"

namespace heddle::download {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view where = "unpack";

// A new folder beside the one that it becomes, gone with everything in it unless it became that. What mkdtemp makes is its
// owner's alone, so the files lie in a folder within.
class Unfinished {
 public:
  explicit Unfinished(const fs::path& folder) {
    std::string name = folder.string() + ".part-XXXXXX";
    const bool made = ::mkdtemp(name.data()) != nullptr;  // by itself: a check's values may be read before its condition
    check(made, where, "expected to make a folder beside '{}', got: {}", folder.string(), std::strerror(errno));
    outer_ = name;
    std::error_code error;
    if (fs::create_directory(path(), error); error) refuse(path(), error);
  }
  ~Unfinished() {
    std::error_code ignored;
    fs::remove_all(outer_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  fs::path path() const { return outer_ / "files"; }
  void become(const fs::path& folder) {
    std::error_code error;
    if (fs::rename(path(), folder, error); error) refuse(folder, error);
  }

 private:
  [[noreturn]] static void refuse(const fs::path& path, const std::error_code& error) {
    fail(where, strings::format("expected to make the folder '{}', got: {}", path.string(), error.message()));
  }

  fs::path outer_;
};

std::string reason_of(::archive* reader) {
  const char* const text = archive_error_string(reader);
  return text ? text : "no reason given";
}

struct Unpacking {
  const fs::path& archive;
  const UnpackOptions& options;
  ::archive* reader;
  std::uint64_t bytes = 0;

  void check_read(int result) const {
    check(result >= ARCHIVE_WARN, where, "expected a whole archive in '{}', got a damaged one ({})", archive.string(),
          reason_of(reader));
  }
};

// The member's path, relative and leading nowhere but downwards.
fs::path path_of(const Unpacking& work, archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (!name) name = archive_entry_pathname_utf8(entry);
  check(name != nullptr && *name != 0, where, "expected members with names in '{}', got one without", work.archive.string());
  const fs::path path(name);
  check(path.is_relative() && std::find(path.begin(), path.end(), "..") == path.end(), where,
        "expected members below the archive's own folder in '{}', got '{}'", work.archive.string(), name);
  fs::path plain = path.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();  // a folder's trailing slash
  return plain;
}

// The data of one file. Holes are written as zeros, and count.
void write_member(Unpacking& work, const fs::path& name, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  check(!error, where, "expected to make the folder '{}', got: {}", to.parent_path().string(), error.message());
  const detail::Descriptor file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  check(file.valid() || errno != EEXIST, where, "expected each file once in '{}', got '{}' twice", work.archive.string(),
        name.string());
  check(file.valid(), where, "expected to write '{}', got: {}", to.string(), std::strerror(errno));
  std::uint64_t end = 0;
  const auto put = [&](const char* bytes, std::uint64_t count) {
    check(count <= work.options.max_bytes - work.bytes, where, "expected at most {} bytes in all of '{}', got more",
          work.options.max_bytes, work.archive.string());
    work.bytes += count;
    end += count;
    while (count > 0) {
      const ssize_t done = ::write(file.value(), bytes, count);
      if (done < 0 && errno == EINTR) continue;
      check(done >= 0, where, "expected to write '{}', got: {}", to.string(), std::strerror(errno));
      bytes += done;
      count -= static_cast<std::uint64_t>(done);
    }
  };
  for (;;) {
    const void* block = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(work.reader, &block, &count, &offset);
    if (result == ARCHIVE_EOF) break;
    check(result == ARCHIVE_OK, where, "expected a whole archive in '{}', got a damaged one ({}, in '{}')",
          work.archive.string(), reason_of(work.reader), name.string());
    check(offset >= 0 && static_cast<std::uint64_t>(offset) >= end, where,
          "expected a whole archive in '{}', got one whose '{}' is out of order", work.archive.string(), name.string());
    static constexpr char zeros[4096] = {};
    while (end < static_cast<std::uint64_t>(offset))
      put(zeros, std::min<std::uint64_t>(sizeof zeros, static_cast<std::uint64_t>(offset) - end));
    put(static_cast<const char*>(block), count);
  }
  const bool flushed = ::fsync(file.value()) == 0;
  check(flushed, where, "expected to write '{}', got: {}", to.string(), std::strerror(errno));
}

void unpack_member(Unpacking& work, archive_entry* entry, const fs::path& into) {
  const fs::path name = path_of(work, entry);
  const auto type = archive_entry_filetype(entry);
  const bool link = archive_entry_hardlink(entry) || archive_entry_symlink(entry);
  check((type == AE_IFDIR || type == AE_IFREG) && !link, where, "expected files and folders alone in '{}', got '{}', {}",
        work.archive.string(), name.string(), link || type == AE_IFLNK ? "a link" : "something else");
  if (type == AE_IFDIR) {
    std::error_code error;
    fs::create_directories(into / name, error);
    check(!error, where, "expected to make the folder '{}', got: {}", (into / name).string(), error.message());
    return;
  }
  const auto& members = work.options.members;
  check(members.empty() || std::find(members.begin(), members.end(), name.generic_string()) != members.end(), where,
        "expected the files {} in '{}', got '{}'", strings::join(members, ", "), work.archive.string(), name.string());
  write_member(work, name, into / name);
}

using Reader = std::unique_ptr<::archive, int (*)(::archive*)>;

Reader make_reader(const fs::path& archive) {
  Reader reader(archive_read_new(), archive_read_free);
  check(reader != nullptr, where, "expected a reader of libarchive's, got none: out of memory?");
  // A libarchive that was built without one of these runs the program of that name, and says so by a warning.
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  constexpr std::size_t block = 1 << 16;
  const bool opened = archive_read_open_filename(reader.get(), archive.c_str(), block) == ARCHIVE_OK;
  check(opened, where, "expected a whole archive in '{}', got: {}", archive.string(), reason_of(reader.get()));
  return reader;
}

}  // namespace

void unpack(const fs::path& archive, const fs::path& to, const UnpackOptions& options) {
  const fs::path folder = to.has_filename() ? to : to.parent_path();  // without a slash at its end
  check(!fs::exists(fs::symlink_status(folder)), where, "expected '{}' not to exist yet, found it", folder.string());
  const Reader reader = make_reader(archive);
  Unfinished unfinished(folder);
  Unpacking work{.archive = archive, .options = options, .reader = reader.get()};
  std::size_t count = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    work.check_read(result);
    check(++count <= options.max_members, where, "expected at most {} files and folders in '{}', got more", options.max_members,
          archive.string());
    unpack_member(work, entry, unfinished.path());
  }
  check(count > 0, where, "expected an archive in '{}', got nothing in it", archive.string());
  unfinished.become(folder);
}

}  // namespace heddle::download
