#include "heddle/download/fetch.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <thread>

#include "heddle/base/check.hpp"
#include "heddle/base/connection_error.hpp"
#include "heddle/base/printable.hpp"
#include "heddle/download/digest.hpp"
#include "heddle/download/partial_file.hpp"

namespace heddle::download {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view where = "fetch";

// Without a user's name and password.
std::string shown(const std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const std::size_t host = scheme + 3, at = url.substr(0, url.find('/', host)).rfind('@');
  return at == std::string::npos || at < host ? url : url.substr(0, host) + url.substr(at + 1);
}

// What a transfer works on, and what came of it. libcurl's callbacks must not throw.
struct Transfer {
  detail::PartialFile& part;
  const FetchOptions& options;
  std::uint64_t resumed_at = 0;
  Clock::time_point told = Clock::now();
  int write_error = 0;
  bool too_long = false;
  std::exception_ptr thrown = nullptr;
};

std::size_t on_bytes(char* bytes, std::size_t, std::size_t count, void* user) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.too_long = count > transfer.options.max_bytes || transfer.part.size() > transfer.options.max_bytes - count;
  if (transfer.too_long) return 0;
  if (transfer.part.append(bytes, count)) return count;
  transfer.write_error = errno;
  return 0;
}

int on_progress(void* user, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) noexcept {
  auto& transfer = *static_cast<Transfer*>(user);
  const auto now = Clock::now();
  if (now - transfer.told < std::chrono::seconds(1)) return 0;
  transfer.told = now;
  try {
    transfer.options.progress(transfer.part.size(), total > 0 ? transfer.resumed_at + static_cast<std::uint64_t>(total) : 0);
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 1;
  }
  return 0;
}

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;

Handle make_handle(const std::string& url, const FetchOptions& options, char* message) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(ready == CURLE_OK, where, "expected libcurl to start, got: {}", curl_easy_strerror(ready));
  Handle handle(curl_easy_init(), curl_easy_cleanup);
  check(handle != nullptr, where, "expected a handle of libcurl's, got none: out of memory?");
  CURLcode result = CURLE_OK;
  const auto set = [&](auto option, auto value) {
    if (result == CURLE_OK) result = curl_easy_setopt(handle.get(), option, value);
  };
  // https is never left for http.
  const bool secure = url.starts_with("https:");
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "https,http,file");
  set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "https,http");
#else
  set(CURLOPT_PROTOCOLS, long{CURLPROTO_HTTPS | CURLPROTO_HTTP | CURLPROTO_FILE});
  set(CURLOPT_REDIR_PROTOCOLS, secure ? long{CURLPROTO_HTTPS} : long{CURLPROTO_HTTPS | CURLPROTO_HTTP});
#endif
  set(CURLOPT_ERRORBUFFER, message);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "heddle");
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(options.max_redirects));
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_seconds));
  set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.stall_timeout_seconds));
  set(CURLOPT_WRITEFUNCTION, &on_bytes);
  if (options.progress) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  }
  check(result == CURLE_OK, where, "expected libcurl to take its options for {}, got: {}", shown(url),
        curl_easy_strerror(result));
  return handle;
}

// How an attempt ended that did not bring the whole file.
struct Failure {
  std::string why;
  bool answered = false;     // a server did
  bool unreachable = false;  // none can be reached
  bool again = false;        // another attempt may do better
  bool restart = false;      // from the beginning
};

Failure failure_of(CURL* handle, CURLcode code, const char* message) {
  long status = 0, proxy = 0;
  curl_off_t connected = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &proxy);
  curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected);
  Failure failure;
  failure.why = *message ? message : curl_easy_strerror(code);
  const bool refused_by_proxy = proxy >= 300;
  failure.answered = !refused_by_proxy && status != 0;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      failure.unreachable = !failure.answered;
      failure.again = failure.answered;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      failure.unreachable = !failure.answered && connected == 0;
      failure.again = !failure.unreachable;
      break;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      failure.again = true;
      break;
    case CURLE_RANGE_ERROR:
    case CURLE_BAD_DOWNLOAD_RESUME:
      failure.again = failure.restart = true;
      break;
    case CURLE_HTTP_RETURNED_ERROR:
      failure.again = status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
      break;
    default:
      break;
  }
  if (refused_by_proxy) failure.unreachable = true;
  return failure;
}

// One attempt, from where the part ends.
std::optional<Failure> attempt(const std::string& url, Transfer& transfer) {
  char message[CURL_ERROR_SIZE] = "";
  const Handle handle = make_handle(url, transfer.options, message);
  transfer.resumed_at = transfer.part.size();
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle.get(), CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(handle.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.resumed_at));
  const CURLcode code = curl_easy_perform(handle.get());
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (transfer.too_long) transfer.part.clear();
  check(!transfer.too_long, where, "expected at most {} bytes from {}, got more", transfer.options.max_bytes, shown(url));
  check(transfer.write_error == 0, where, "expected to write '{}', got: {}", transfer.part.part().string(),
        std::strerror(transfer.write_error));
  if (code == CURLE_OK) return std::nullopt;
  Failure failure = failure_of(handle.get(), code, message);
  failure.answered = failure.answered || transfer.part.size() > transfer.resumed_at;
  return failure;
}

bool has_checksum(const FetchOptions& options) {
  return !options.md5.empty() || !options.sha256.empty();
}

// Tries until the part is the whole file. True when it was brought in more than one piece.
bool try_to_transfer(const std::string& url, detail::PartialFile& part, const FetchOptions& options) {
  Transfer transfer{.part = part, .options = options};
  bool answered = false, pieces = part.size() > 0;
  for (int attempts = 1;; ++attempts) {
    const auto failure = attempt(url, transfer);
    if (!failure) return pieces;
    answered = answered || failure->answered;
    const std::uint64_t kept = has_checksum(options) ? part.size() : 0;
    const std::string rest = kept ? strings::format(" ({} bytes are kept, to go on with)", kept) : std::string();
    if (failure->unreachable && !answered)
      throw ConnectionError(strings::printable_lines(
          strings::format("[{}] expected to reach a server for {}, got: {}{}", where, shown(url), failure->why, rest)));
    const bool again = failure->again || (failure->unreachable && answered);
    check(again && attempts < options.tries, where, "expected the file of {}, got: {}{}", shown(url), failure->why, rest);
    if (failure->restart || kept == 0) part.clear();
    pieces = part.size() > 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(500) * attempts);
  }
}

// The whole file into the part, or an error; pieces of it stay only where a checksum tells whether others fit.
bool transfer_all(const std::string& url, detail::PartialFile& part, const FetchOptions& options) {
  try {
    return try_to_transfer(url, part, options);
  } catch (...) {
    if (!has_checksum(options)) part.clear();
    throw;
  }
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "expected a file of MD5 0123..., got 4567..." of the first checksum that differs; empty where all agree.
std::string difference(const fs::path& path, const FetchOptions& options) {
  for (const auto& [name, sum, digest] :
       {std::tuple{"MD5", options.md5, Digest::md5}, std::tuple{"SHA-256", options.sha256, Digest::sha256}}) {
    if (sum.empty()) continue;
    const std::string actual = digest_of_file(path, digest);
    if (actual != lower(sum)) return strings::format("expected a file of {} {}, got {}", name, lower(sum), actual);
  }
  return {};
}

// Whether the file is there already.
bool is_there(const fs::path& path, const FetchOptions& options) {
  std::error_code ignored;
  return has_checksum(options) && fs::is_regular_file(path, ignored) && difference(path, options).empty();
}

void check_options(const std::string& url, const FetchOptions& options) {
  const auto digits = [](const std::string& sum, std::size_t count) {
    return sum.empty() || (sum.size() == count && sum.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos);
  };
  check(digits(options.md5, 32), where, "expected an MD5 of 32 hexadecimal digits, got '{}'", options.md5);
  check(digits(options.sha256, 64), where, "expected a SHA-256 of 64 hexadecimal digits, got '{}'", options.sha256);
  check(options.tries >= 1 && options.connect_timeout_seconds >= 1 && options.stall_timeout_seconds >= 1, where,
        "expected at least one try and timeouts of a second or more, got {}, {} s and {} s", options.tries,
        options.connect_timeout_seconds, options.stall_timeout_seconds);
  check(url.starts_with("https://") || url.starts_with("http://") || url.starts_with("file://"), where,
        "expected an address of https, http or file, got '{}'", shown(url));
}

}  // namespace

void fetch(const std::string& url, const fs::path& path, const FetchOptions& options) {
  check_options(url, options);
  if (is_there(path, options)) return;
  detail::PartialFile part(path);
  if (is_there(path, options)) return part.clear();  // another program brought it while we waited
  if (part.size() > (has_checksum(options) ? options.max_bytes : 0)) part.clear();
  const bool pieces = transfer_all(url, part, options);
  std::string wrong = difference(part.part(), options);
  if (!wrong.empty() && pieces) {  // pieces of two different files, perhaps
    part.clear();
    transfer_all(url, part, options);
    wrong = difference(part.part(), options);
  }
  if (!wrong.empty()) {
    const std::uint64_t bytes = part.size();
    part.clear();
    fail(where, strings::format("{} ({} bytes from {})", wrong, bytes, shown(url)));
  }
  if (options.progress) options.progress(part.size(), part.size());
  part.commit();
}

}  // namespace heddle::download
