// Module: what layers and networks have in common.
//
// A module names its tensors and its parts in one function, members(); parameters(), state_dict(), to(), train() and the
// rest are walks over what it names. Nothing is registered and no pointer is kept, so a module is an ordinary value with
// ordinary members:
//
//     struct Net : nn::Module {
//       nn::Conv2d conv{{.in_channels = 3, .out_channels = 16, .kernel_size = 3}};
//       nn::Linear head{{.in_features = 16, .out_features = 10}};
//       Tensor forward(const Tensor& x) override { return head(mean(relu(conv(x)), {2, 3})); }
//       void members(nn::Members& m) override { m.module("conv", conv).module("head", head); }
//     };
//
// Copying a module copies handles: the copy shares its tensors with the original.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::nn {

class Module;

/// What members() tells about a module: each of its own tensors and parts by name.
class Members {
 public:
  virtual ~Members() = default;
  /// A tensor that is trained. Undefined ones (a layer without bias) are skipped.
  Members& parameter(std::string_view name, Tensor& t) { return tensor(name, t, true); }
  /// A tensor that is part of the state but not trained, such as a running mean.
  Members& buffer(std::string_view name, Tensor& t) { return tensor(name, t, false); }
  Members& module(std::string_view name, Module& m) {
    part(name, m);
    return *this;
  }

 protected:
  virtual void part(std::string_view name, Module& m) = 0;
  virtual void value(std::string_view name, Tensor& t, bool trained) = 0;

 private:
  Members& tensor(std::string_view name, Tensor& t, bool trained) {
    if (t.defined()) value(name, t, trained);
    return *this;
  }
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using NamedModules = std::vector<std::pair<std::string, Module*>>;

/// What load_state_dict found; the lists are empty where everything fitted.
struct LoadReport {
  std::vector<std::string> missing;     ///< names of this module that the dictionary lacks
  std::vector<std::string> unexpected;  ///< names of the dictionary that this module lacks
  std::vector<std::string> mismatched;  ///< "name: expected float32 [..], got float32 [..]"
  bool ok() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
  std::string str() const;
};

/// Called after forward with the module, its input and its output.
using ForwardHook = std::function<void(Module&, const Tensor& input, const Tensor& output)>;

class Module {
 public:
  virtual ~Module() = default;

  virtual Tensor forward(const Tensor& x) = 0;
  /// Names this module's tensors and parts; the default has none.
  virtual void members(Members&) {}
  /// As in PyTorch's print: "Conv2d(3, 16, kernel_size=3, bias=False)".
  virtual std::string describe() const { return "Module"; }
  /// What describe() begins with: "Conv2d".
  std::string type_name() const;

  /// Whether row i of the output depends on row i of the input alone, and forward may run on several threads at once, for
  /// different rows; a module with parts answers for itself, not for them. Such networks are run a few images at a time
  /// (blocks.hpp). The default, for modules of your own, is false.
  virtual bool by_rows() const { return false; }

  /// forward, then the hooks. An Error out of an op gets the path of the layer in front.
  Tensor operator()(const Tensor& x);

  std::vector<Tensor> parameters();
  /// Dotted paths, as in PyTorch: "stages.0.1.weight".
  NamedTensors named_parameters();
  NamedTensors named_buffers();
  /// This module ("") and all below it, parents first.
  NamedModules named_modules();
  NamedModules named_children();
  std::int64_t num_parameters();

  /// Parameters and buffers by path, sharing memory with the module.
  NamedTensors state_dict();
  /// Copies values in. Where strict, names, types or shapes that differ are an Error that lists them all, and nothing is
  /// changed; otherwise what fits is loaded (float64 into float32 and back as well) and the rest reported. A name that is
  /// there twice is always an Error.
  LoadReport load_state_dict(const NamedTensors& state, bool strict = true);

  /// Moves or converts every floating-point parameter and buffer; gradients are dropped.
  void to(Device device);
  void to(DType dtype);
  /// Whether dropout drops and batch norm uses the batch's statistics, here and in all parts.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }
  void zero_grad();
  /// Calls f with every module, parts first, as in PyTorch.
  void apply(const std::function<void(Module&)>& f);
  /// Returns what removes the hook again.
  std::function<void()> register_forward_hook(ForwardHook hook);
  bool has_hooks() const { return hooks_ && !hooks_->empty(); }
  /// Set by the outermost module on its first call: this layer's path from there.
  const std::string& path() const { return path_; }

 protected:
  /// Runs f as this layer: an Error gets its path in front.
  Tensor guarded(const std::function<Tensor()>& f) const;

 private:
  void convert(const std::function<Tensor(const Tensor&)>& f);

  bool training_ = true;
  bool named_ = false;
  std::string path_;
  std::shared_ptr<std::vector<std::pair<std::uint64_t, ForwardHook>>> hooks_;
};

/// The module and its parts as an indented tree, as PyTorch prints it.
std::string to_string(Module& module);

}  // namespace heddle::nn
HD_API_END
