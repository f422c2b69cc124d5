#include "version.hpp"

#include <ctime>

#include "cifar10_revision.hpp"

namespace cifar10 {

std::string version() {
  return HEDDLE_VERSION;
}

std::string revision() {
  return HEDDLE_REVISION;
}

std::string version_text() {
  return "cifar10 " + version() + (revision().empty() ? "" : " (revision " + revision() + ")");
}

std::string time_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32] = "";
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace cifar10
