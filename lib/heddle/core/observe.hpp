// Watching a program run: which layer, loss or optimizer is at work, and which ops run backwards for it.
//
// Parts of the library say what they do with a Scope; ops that are recorded while one is open belong to it, in the backward
// pass too. Until an Observer is put on the thread by a Watch, a scope is a look at one pointer: no text is made, nothing is
// kept. heddle::debug has the observers that ship with the library, a profiler and a watch for numbers that are not finite.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/export.hpp"
#include "heddle/core/tensor.hpp"

HD_API_BEGIN
namespace heddle {

/// What a scope is called: a layer's path and type ("stages.0.1", "BatchNorm2d"), or "data", "loss", "optimizer". Layers that
/// run as one op share a scope: "stages.0.1+2+3", "BatchNorm2d+ReLU+Dropout2d".
struct Label {
  std::string name, kind;
  /// "stages.0.1 (BatchNorm2d)", or the one of the two that there is.
  std::string str() const;
};

/// Told what runs on its thread. Scopes nest; labels are those of one Scope from enter to leave. A pointer to a label may be
/// null: an op recorded outside of all scopes. What they throw ends the computation; leave must not throw.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void enter(const Label&, const Tensor& /*input*/) {}
  virtual void output(const Label&, const Tensor& /*y*/) {}
  virtual void leave(const Label&) {}
  /// Around one recorded op on its way back, from the gradient of its output to those of its inputs (some undefined). These
  /// may overwrite that, unless somebody keeps it: so nobody should.
  virtual void enter_backward(std::string_view /*op*/, const Label*, const Tensor& /*dy*/) {}
  virtual void leave_backward(std::string_view /*op*/, const Label*, const std::vector<Tensor>& /*grads*/) {}
};

/// While one lives, its observer is told what runs on the thread that made it, and that must end it.
class Watch {
 public:
  explicit Watch(Observer& observer);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  friend class Scope;
  friend class BackwardScope;
  Observer& observer_;
  Watch* next_;
};

/// Whether this thread has an observer.
bool observed();

/// A named stretch of a program. `input` is what it works on, where that is a tensor.
class Scope {
 public:
  explicit Scope(std::string_view name, std::string_view kind = {}, const Tensor& input = {});
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Shows observers what came out, and returns it.
  Tensor output(Tensor y) const;
  /// Of the innermost scope that is open on this thread; null outside of all, or where nobody watches.
  static std::shared_ptr<const Label> current();

 private:
  std::shared_ptr<const Label> label_;  // null where nobody watches
  const Scope* outer_ = nullptr;
};

/// One op on its way back. For autograd.
class BackwardScope {
 public:
  BackwardScope(std::string_view op, const Label* label, const Tensor& dy);
  void finish(const std::vector<Tensor>& grads) const;

 private:
  std::string_view op_;
  const Label* label_;
};

}  // namespace heddle
HD_API_END
