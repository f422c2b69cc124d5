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
// A tensor named as a parameter is trained: it requires a gradient from the first time it is named, unless requires_grad_(false)
// has frozen it before. What members() does not name is neither trained nor saved nor moved; nn/audit.hpp finds what was
// forgotten. One tensor or module may have several names (tied weights): parameters(), to() and all other walks meet it once,
// under the first, while state_dict() has all of them.
//
// Copying a module copies handles: the copy shares its tensors with the original, and begins with its hooks and modes.
//
// Threads. Several may run one network at once, call what only reads it (parameters(), state_dict(), train::evaluate,
// train::predict, summarize, to_onnx, record_activations), and be the first to do so; each evaluates in a mode of its own
// (ModeGuard). Whatever changes it wants it alone: train() and eval(), to(), load_state_dict(), hooks, training, Grad-CAM.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle::nn {

class Module;

/// What members() gives of a module: each of its own tensors and parts by name.
class Members {
 public:
  virtual ~Members() = default;
  /// A tensor that is trained: it requires a gradient from now on, unless requires_grad_() has been called on it. Undefined
  /// ones (a layer without bias) are skipped.
  Members& parameter(std::string_view name, Tensor& t);
  /// A tensor that is part of the state but not trained, such as a running mean.
  Members& buffer(std::string_view name, Tensor& t);
  template <class M> Members& module(std::string_view name, M& m) {
    part_type_ = &typeid(M);
    part_size_ = sizeof(M);
    part(name, m);
    return *this;
  }

 protected:
  virtual void part(std::string_view name, Module& m) = 0;
  virtual void value(std::string_view name, Tensor& t, bool trained) = 0;
  /// In part(): the bytes that the part takes, or 0 where it was named by a base of its type.
  std::size_t part_size(const Module& m) const;

 private:
  const std::type_info* part_type_ = nullptr;
  std::size_t part_size_ = 0;
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
  Module();
  Module(const Module& other);
  Module& operator=(const Module& other);
  virtual ~Module();

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

  /// Each parameter once, however many names it has, as everywhere below unless it says otherwise.
  std::vector<Tensor> parameters();
  /// Dotted paths, as in PyTorch: "stages.0.1.weight".
  NamedTensors named_parameters();
  NamedTensors named_buffers();
  /// This module ("") and all below it, parents first.
  NamedModules named_modules();
  NamedModules named_children();
  std::int64_t num_parameters();

  /// Parameters and buffers by path, sharing memory with the module; a tied one under each of its names.
  NamedTensors state_dict();
  /// Copies values in. Where strict, names, types or shapes that differ are an Error that lists them all, and so are different
  /// values for the names of one tensor; otherwise what fits is loaded (float64 into float32 and back as well) and the rest
  /// reported. Of a tied tensor one name is enough. A name that is there twice is always an Error. After an Error nothing is
  /// changed.
  LoadReport load_state_dict(const NamedTensors& state, bool strict = true);

  /// Moves every parameter and buffer to a device, or converts every floating-point one, with its gradient. The tensors stay
  /// the same objects, as in PyTorch: optimizers, hooks and ties know them as before, and what is there already is left alone.
  /// An optimizer's state follows at its next step. After an Error nothing is changed.
  void to(Device device);
  void to(DType dtype);
  /// Whether dropout drops and batch norm uses the batch's statistics, here and in all parts. Under a ModeGuard of this thread
  /// training() gives its mode, and these set the one that comes after it.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const;
  void zero_grad();
  /// Calls f with every module, parts first, as in PyTorch.
  void apply(const std::function<void(Module&)>& f);
  /// Returns what removes the hook again: at any time, also from within a hook, after the module is gone, or a second time.
  std::function<void()> register_forward_hook(ForwardHook hook);
  /// Whether this layer must be run by itself: it has hooks, or this thread watches it.
  bool has_hooks() const;
  /// This layer's path from the module that this thread has called, while that runs; else empty.
  std::string path() const;

 protected:
  /// Runs f as this layer: an Error gets its path in front.
  Tensor guarded(const std::function<Tensor()>& f) const;

 private:
  struct Hook;
  void convert(const std::function<Tensor(const Tensor&)>& f);

  bool training_ = true;
  std::atomic<bool> adopted_ = false;  // the parameters below require gradients where they should
  std::vector<std::shared_ptr<Hook>> hooks_;
};

/// The module and its parts as an indented tree, as PyTorch prints it.
std::string to_string(Module& module);

}  // namespace heddle::nn
HD_API_END
