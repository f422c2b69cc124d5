#include "components.hpp"

#include <cstdio>
#include <string>

#include "console.hpp"

#ifdef HEDDLE_WITH_PICTURES
#include "heddle/pictures/read_image.hpp"
#endif
#ifdef HEDDLE_WITH_DOWNLOAD
#include "heddle/download/cifar.hpp"
#endif

namespace cifar10 {

using namespace heddle;

#ifdef HEDDLE_WITH_PICTURES
Tensor read_picture(const std::filesystem::path& path) {
  return pictures::read_image(path);
}
#else
Tensor read_picture(const std::filesystem::path& path) {
  fail("read_image", strings::format("expected a build with heddle::pictures to read '{}', got one without: install libjpeg's "
                                     "and libpng's headers (Debian: libjpeg-dev, libpng-dev) and build again",
                                     path.string()));
}
#endif

#ifdef HEDDLE_WITH_DOWNLOAD
namespace {

void download(const std::filesystem::path& folder) {
  download::Cifar10Options options;
  if (!is_quiet()) strings::print(stderr, "Downloading CIFAR-10 (170 MB) to {} ...\n", folder.string());
  if (!is_quiet() && is_terminal(stderr))
    options.progress = [](std::uint64_t bytes, std::uint64_t total) {
      constexpr double mb = 1e6;
      if (bytes == 0) return;
      strings::print(stderr, "\r{:.0f} of {:.0f} MB ", static_cast<double>(bytes) / mb, static_cast<double>(total) / mb);
      if (bytes == total) strings::print(stderr, "\n");
    };
  try {
    download::cifar10(folder, options);
  } catch (const ConnectionError&) {
    throw;
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + "; --data FOLDER names data that is there, --data synthetic draws images instead");
  }
}

}  // namespace
#endif

data::DataChoice find_data(data::FindOptions options) {
#ifdef HEDDLE_WITH_DOWNLOAD
  options.download = download;
#else
  options.no_download =
      "this build cannot download: install the headers of libcurl, libarchive and OpenSSL (Debian: libcurl4-openssl-dev, "
      "libarchive-dev, libssl-dev) and build again";
#endif
  return data::find_cifar10(options);
}

}  // namespace cifar10
