#include "heddle/download/digest.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "heddle/base/check.hpp"
#include "heddle/download/descriptor.hpp"

namespace heddle::download {

std::string digest_of_file(const std::filesystem::path& path, Digest digest) {
  constexpr std::string_view where = "digest_of_file";
  const char* const name = digest == Digest::md5 ? "MD5" : "SHA256";
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const EVP_MD* const kind = digest == Digest::md5 ? EVP_md5() : EVP_sha256();
  check(context && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1, where, "expected OpenSSL to offer {}, got an error",
        name);
  const detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  check(file.valid(), where, "expected to read '{}', got: {}", path.string(), std::strerror(errno));
  std::vector<char> buffer(1 << 18);
  for (;;) {
    const ssize_t got = ::read(file.value(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    check(got >= 0, where, "expected to read '{}', got: {}", path.string(), std::strerror(errno));
    if (got == 0) break;
    check(EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(got)) == 1, where,
          "expected OpenSSL to compute {}, got an error", name);
  }
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  check(EVP_DigestFinal_ex(context.get(), sum, &count) == 1, where, "expected OpenSSL to compute {}, got an error", name);
  std::string digits;
  for (unsigned int i = 0; i < count; ++i) digits += strings::format("{:02x}", sum[i]);
  return digits;
}

}  // namespace heddle::download
