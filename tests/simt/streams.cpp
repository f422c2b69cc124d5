// The emulated device's properties, streams, events and graphs. Streams are synchronous: a missing wait between two of
// them goes unseen here. What a capture forbids is an error here too.
#include "tests/simt/streams.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "heddle/base/error.hpp"
#include "kernels/simt/runtime.hpp"
#include "tests/simt/shared_memory.hpp"

namespace heddle::simt {
namespace emulator {
namespace {

using Nodes = std::vector<std::function<void()>>;
using Clock = std::chrono::steady_clock;

struct StreamState {
  std::optional<Nodes> captured;  // while it is captured
};
struct EventState {
  std::optional<Clock::time_point> time;
};

std::mutex mutex;
std::set<void*>& streams = *new std::set<void*>;  // outlives every static object that owns a stream
thread_local int captures = 0;  // begun by this thread

StreamState* state_of(std::string_view what, Stream s) {
  if (!s.handle) return nullptr;
  std::lock_guard lock(mutex);
  if (!streams.contains(s.handle)) fail(what, "expected a stream, got one that was destroyed or never created");
  return static_cast<StreamState*>(s.handle);
}

}  // namespace

void refuse_while_capturing(std::string_view what) {
  if (captures > 0) fail(what, "not allowed while this thread captures a stream");
}

void enqueue(std::string_view what, Stream s, std::function<void()> work) {
  StreamState* const state = state_of(what, s);
  if (state && state->captured) {
    state->captured->push_back(std::move(work));
    return;
  }
  if (captures > 0) fail(what, "on another stream than the captured one: the graph would miss it");
  work();
}

}  // namespace emulator

using namespace emulator;

// HD_SIMT_DEVICES=0 makes it a machine without a GPU.
int device_count() {
  static const char* const devices = std::getenv("HD_SIMT_DEVICES");
  return devices && std::string_view(devices) == "0" ? 0 : 1;
}
std::string no_device_reason() { return device_count() == 0 ? "HD_SIMT_DEVICES is 0" : std::string(); }
DeviceProperties device_properties(int device) {
  if (device_count() == 0) fail("cuda", "expected a GPU, got none: " + no_device_reason());
  if (device != 0) fail("cuda", "expected device 0, the emulator's only one, got " + std::to_string(device));
  return {"emulated GPU", 9, 0, 8, memory_info().total_bytes, max_shared_bytes, std::size_t{1} << 20};
}
std::vector<int> compiled_architectures() { return {90}; }
std::string device_problem(int) { return {}; }
void use_device(int device) { (void)device_properties(device); }
bool is_emulated() { return true; }

Stream create_stream() {
  auto* const state = new StreamState;
  std::lock_guard lock(mutex);
  streams.insert(state);
  return {state};
}
void destroy_stream(Stream s) noexcept {
  std::lock_guard lock(mutex);
  if (streams.erase(s.handle)) delete static_cast<StreamState*>(s.handle);
}
void synchronize(Stream s) {
  const StreamState* const state = state_of("synchronize", s);
  if (state && state->captured) fail("synchronize", "the stream is being captured");
}
void synchronize_device() { refuse_while_capturing("synchronize_device"); }

Event create_event() { return {new EventState}; }
void destroy_event(Event e) noexcept { delete static_cast<EventState*>(e.handle); }
void record(Event e, Stream s) {
  (void)state_of("record", s);
  static_cast<EventState*>(e.handle)->time = Clock::now();
}
void wait(Stream s, Event) { (void)state_of("wait", s); }
void wait(Event) { refuse_while_capturing("wait"); }
float elapsed_ms(Event begin, Event end) {
  const auto &b = static_cast<EventState*>(begin.handle)->time, &e = static_cast<EventState*>(end.handle)->time;
  if (!b || !e) fail("elapsed_ms", "expected two recorded events");
  return std::chrono::duration<float, std::milli>(*e - *b).count();
}

void begin_capture(Stream s) {
  StreamState* const state = state_of("begin_capture", s);
  if (!state) fail("begin_capture", "expected a created stream, got the default stream");
  if (state->captured) fail("begin_capture", "the stream is being captured already");
  state->captured.emplace();
  ++captures;
}
Graph end_capture(Stream s) {
  StreamState* const state = state_of("end_capture", s);
  if (!state || !state->captured) fail("end_capture", "the stream is not being captured");
  auto* const nodes = new Nodes(std::move(*state->captured));
  state->captured.reset();
  --captures;
  return {nodes};
}
std::size_t node_count(Graph g) { return static_cast<Nodes*>(g.handle)->size(); }
GraphExec instantiate(Graph g) { return {new Nodes(*static_cast<Nodes*>(g.handle))}; }
void launch(GraphExec g, Stream s) {
  const Nodes& nodes = *static_cast<Nodes*>(g.handle);
  enqueue("launch of a graph", s, [&nodes] {
    for (const auto& node : nodes) node();
  });
}
void destroy_graph(Graph g) noexcept { delete static_cast<Nodes*>(g.handle); }
void destroy_graph(GraphExec g) noexcept { delete static_cast<Nodes*>(g.handle); }

}  // namespace heddle::simt
