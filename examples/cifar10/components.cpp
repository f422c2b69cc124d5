#include "components.hpp"

#include <cstdio>
#include <memory>
#include <string>

#include "console.hpp"
#include "status_line.hpp"

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
  if (!is_quiet()) strings::print(stderr, "Downloading CIFAR-10 (170 MB) to {} ...\n", strings::printable(folder.string()));
  if (!is_quiet() && is_terminal(stderr))
    options.progress = [line = std::make_shared<StatusLine>(true)](std::uint64_t bytes, std::uint64_t total) {
      constexpr double mb = 1e6;
      if (bytes == 0) return;
      line->draw(join_parts(fit_parts(
          {{strings::format("{:.0f} of {:.0f} MB", static_cast<double>(bytes) / mb, static_cast<double>(total) / mb), 1}},
          StatusLine::columns())));
      if (bytes == total) line->clear();
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
