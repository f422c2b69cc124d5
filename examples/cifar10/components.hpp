// What the program uses of heddle's optional components, and what it does in a build without them.
#pragma once

#include <filesystem>

#include "heddle/heddle.hpp"

namespace cifar10 {

/// pictures::read_image. In a build without heddle::pictures an Error that says so, and how to get it.
heddle::Tensor read_picture(const std::filesystem::path& path);

/// data::find_cifar10, which downloads what is missing by download::cifar10, with a line about it on standard error (on a
/// terminal with the progress). In a build without heddle::download nothing is downloaded, and the message says why.
heddle::data::DataChoice find_data(heddle::data::FindOptions options);

}  // namespace cifar10
