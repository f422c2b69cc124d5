#include "heddle/debug/profiler.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "heddle/base/check.hpp"
#include "heddle/base/file.hpp"
#include "heddle/base/json_memory.hpp"
#include "heddle/core/backend.hpp"

namespace heddle::debug {
namespace {

constexpr std::string_view backward_scope = "backward";

double milliseconds(std::int64_t nanoseconds, int steps) {
  return 1e-6 * static_cast<double>(nanoseconds) / steps;
}

}  // namespace

Profiler::Profiler(const ProfilerOptions& options) : options_(options) {
  check(options.skip >= 0 && options.steps >= 1, "Profiler", "expected skip of 0 or more and steps of 1 or more, got {} and {}",
        options.skip, options.steps);
  if (options_.skip == 0) begin_steps();
}

Profiler::~Profiler() = default;

void Profiler::begin_steps() {
  origin_ = 0;
  origin_ = now();
  watch_ = std::make_unique<Watch>(*this);
  open(Kind::step, {.name = "step 1", .kind = ""}, "");
}

bool Profiler::step() {
  if (done_) return false;
  ++seen_;
  if (!watch_) {
    if (seen_ == options_.skip) begin_steps();
    return false;
  }
  while (!open_.empty()) close();
  ++measured_;
  done_ = measured_ == options_.steps;
  if (done_)
    watch_.reset();
  else
    open(Kind::step, {.name = strings::format("step {}", measured_ + 1), .kind = ""}, "");
  return done_;
}

std::int64_t Profiler::now() const {
  synchronize(options_.device);
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count() - origin_;
}

void Profiler::open(Kind kind, const Label& label, std::string_view op) {
  if (!open_.empty() && kind == Kind::scope) open_.back().parent = true;
  const std::int64_t begin = now();
  // Room for every span that is open, since leave() must not fail.
  const std::size_t ended = events_.size() + open_.size() + 1;
  if (ended > events_.capacity()) events_.reserve(std::max(ended, 2 * events_.capacity()));
  open_.push_back({.kind = kind, .label = label, .op = std::string(op), .begin = begin, .end = begin});
}

void Profiler::close() {
  Event event = std::move(open_.back());
  open_.pop_back();
  event.end = now();
  if (!open_.empty()) open_.back().inside += event.end - event.begin;
  events_.push_back(std::move(event));
}

void Profiler::enter(const Label& label, const Tensor&) {
  open(Kind::scope, label, "");
}

void Profiler::leave(const Label&) {
  // A scope that was open when the measured steps began or changed is nobody's.
  if (!open_.empty() && open_.back().kind == Kind::scope) close();
}

void Profiler::enter_backward(std::string_view op, const Label* label, const Tensor&) {
  open(Kind::backward, label ? *label : Label{}, op);
}

void Profiler::leave_backward(std::string_view, const Label*, const std::vector<Tensor>&) {
  if (!open_.empty() && open_.back().kind == Kind::backward) close();
}

Profile Profiler::profile() const {
  check(measured_ > 0, "Profiler", "expected one measured step or more, got none");
  Profile profile{.rows = {}, .steps = measured_};
  ProfileRow between{.label = {"between layers", ""}}, summing{.label = {"adding gradients", ""}},
      rest{.label = {"the rest", ""}};
  std::set<std::string> containers;
  for (const Event& e : events_)
    if (e.kind == Kind::scope && e.parent) containers.insert(e.label.str());
  const auto row_of = [&](const Label& label) -> ProfileRow& {
    if (containers.contains(label.str())) return between;
    for (auto& row : profile.rows)
      if (row.label.str() == label.str()) return row;
    return profile.rows.emplace_back(ProfileRow{.label = label});
  };
  // In the order of their beginnings, since a layer's line stands where it first ran.
  std::vector<const Event*> ordered;
  for (const Event& e : events_) ordered.push_back(&e);
  std::stable_sort(ordered.begin(), ordered.end(), [](auto* a, auto* b) { return a->begin < b->begin; });
  for (const Event* e : ordered) {
    const double own = milliseconds(e->end - e->begin - e->inside, measured_);
    if (e->kind == Kind::step) {
      rest.forward += own;
      profile.step += milliseconds(e->end - e->begin, measured_);
    } else if (e->kind == Kind::backward) {
      const bool nameless = e->label.name.empty() && e->label.kind.empty();
      (nameless ? row_of({e->op, "op"}) : row_of(e->label)).backward += own;
    } else if (e->label.name == backward_scope && e->label.kind.empty()) {
      summing.backward += own;
    } else {
      row_of(e->label).forward += own;
    }
  }
  for (const ProfileRow& row : {between, summing, rest})
    if (row.total() > 0) profile.rows.push_back(row);
  return profile;
}

std::string Profile::str() const {
  std::size_t width = 5;
  for (const auto& row : rows) width = std::max(width, row.label.str().size());
  const std::string line(width + 48, '-');
  std::string text = strings::format("{:<{}}  {:>10}  {:>11}  {:>9}  {:>7}\n{:<{}}  {:>10}  {:>11}  {:>9}\n{}\n", "Layer", width,
                                 "forward", "backward", "together", "share", "", width, "ms", "ms", "ms", line);
  ProfileRow sum;
  const auto add = [&](const std::string& name, const ProfileRow& row) {
    text += strings::format("{:<{}}  {:>10.3f}  {:>11.3f}  {:>9.3f}  {:>6.1f}%\n", name, width, row.forward, row.backward,
                        row.total(), step > 0 ? 100 * row.total() / step : 0.0);
  };
  bool fused = false;
  for (const auto& row : rows) {
    fused = fused || row.label.name.find('+') != std::string::npos;
    add(row.label.str(), row);
    sum.forward += row.forward, sum.backward += row.backward;
  }
  text += line + "\n";
  add("a step", sum);
  text += strings::format("Means of {} step{}.{}\n", steps, steps == 1 ? "" : "s",
                      fused ? " Layers joined by + run as one op: their time cannot be told apart." : "");
  return text;
}

void Profiler::save_trace(const std::filesystem::path& path) const {
  // https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: complete events ("X"), microseconds.
  OrderedJsonDocument list = OrderedJsonDocument::array();
  list.push_back({{"name", "process_name"}, {"ph", "M"}, {"pid", 1}, {"tid", 1}, {"args", {{"name", "heddle"}}}});
  list.push_back({{"name", "thread_name"}, {"ph", "M"}, {"pid", 1}, {"tid", 1}, {"args", {{"name", options_.device.str()}}}});
  const char* const categories[] = {"step", "forward", "backward"};
  std::vector<const Event*> ordered;
  for (const Event& e : events_) ordered.push_back(&e);
  // Parents in front of what they hold, also where both begin at once.
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](auto* a, auto* b) { return a->begin != b->begin ? a->begin < b->begin : a->end > b->end; });
  for (const Event* e : ordered) {
    const bool plain = e->kind == Kind::backward && e->label.str().empty();
    OrderedJsonDocument event = {{"name", plain ? e->op : e->label.str()},
                  {"cat", categories[static_cast<int>(e->kind)]},
                  {"ph", "X"},
                  {"pid", 1},
                  {"tid", 1},
                  {"ts", static_cast<double>(e->begin) / 1000},
                  {"dur", static_cast<double>(e->end - e->begin) / 1000}};
    if (e->kind == Kind::backward) event["args"] = {{"op", e->op}};
    list.push_back(std::move(event));
  }
  write_file(path, OrderedJsonDocument{{"displayTimeUnit", "ms"}, {"traceEvents", list}}.dump(1) + "\n");
}

}  // namespace heddle::debug
