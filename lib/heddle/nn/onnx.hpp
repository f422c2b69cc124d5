// ONNX: a network as a file that other programs run, such as onnxruntime. https://onnx.ai
//
// The graph is that of a real forward pass, traced op by op in evaluation mode: whatever forward() does with ops, skips and
// all, is in the file, under the parameters' own names; dropout, which does nothing then, is not. What has no form in ONNX,
// or would be frozen into the file unnoticed, is an Error that names the op.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "heddle/base/export.hpp"
#include "heddle/nn/module.hpp"

HD_API_BEGIN
namespace heddle::nn {

struct OnnxOptions {
  std::string input = "input", output = "output";  ///< what the graph calls them
  /// The first dimension is left open. An Error when the network's ops depend on it otherwise than by working along it.
  bool dynamic_batch = true;
  std::map<std::string, std::string> metadata = {};  ///< words about the model, kept in the file
};

/// The file's bytes, opset 17: the module's forward pass of one tensor of shape `input`, its type and device being those of
/// the parameters. float32 or float64. Parameters, buffers and modes are as before afterwards.
std::string to_onnx(Module& module, const Shape& input, const OnnxOptions& options = {});
/// Writes them, atomically.
void export_onnx(const std::filesystem::path& path, Module& module, const Shape& input, const OnnxOptions& options = {});

}  // namespace heddle::nn
HD_API_END
