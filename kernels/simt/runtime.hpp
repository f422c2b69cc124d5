// The GPU's runtime as the library sees it: devices, memory, copies, streams, events and graphs, without a CUDA type.
//
// Two things implement it, and a program links one of them: runtime_cuda.cu, and the emulator in tests/simt, which has one
// device, made of the CPU's threads. A build without CUDA has neither, and does not include this.
// Whatever fails throws heddle::Error; only running out of device memory is an answer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "heddle/base/stream.hpp"
#include "kernels/simt/registry.hpp"

namespace heddle::simt {

// Devices

/// How many devices can be used; 0, and no error, on a machine without a GPU or without a driver.
int device_count();
/// Why device_count() is 0, as half a sentence; empty where it is not.
std::string no_device_reason();

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t shared_bytes_per_block = 0;  ///< the most a kernel can ask for
  std::size_t l2_bytes = 0;
};
DeviceProperties device_properties(int device);

/// The architectures this build holds code for, as 75, 80, 90.
std::vector<int> compiled_architectures();
/// Empty if this build's kernels run on the device, else what is wrong and which CMake setting mends it.
std::string device_problem(int device);

/// The device that the calling thread's further calls mean; 0 at first.
void use_device(int device);
/// Whether kernels run on the emulator.
bool is_emulated();

// Memory

/// Aligned to 256 bytes or more; null when the device has not that much left. Never null for 0 bytes.
void* allocate(std::size_t bytes);
void free(void*) noexcept;
/// Host memory that copies to and from the device do not have to stage.
void* allocate_pinned(std::size_t bytes);
void free_pinned(void*) noexcept;

struct MemoryInfo {
  std::size_t free_bytes = 0, total_bytes = 0;
};
MemoryInfo memory_info();

// These return at once and happen in the stream's order. Host memory that is not pinned is read before
// copy_to_device returns, and copy_to_host into it is complete when it returns.
void copy_to_device(void* to, const void* from, std::size_t bytes, Stream);
void copy_to_host(void* to, const void* from, std::size_t bytes, Stream);
void copy_on_device(void* to, const void* from, std::size_t bytes, Stream);
/// Every byte becomes `value`. 0xFF makes a NaN of every floating-point type.
void fill_bytes(void* to, int value, std::size_t bytes, Stream);

// Streams and events

/// A stream that does not wait for the default stream.
Stream create_stream();
void destroy_stream(Stream) noexcept;
void synchronize(Stream);
void synchronize_device();

struct Event {
  void* handle = nullptr;
};
Event create_event();
void destroy_event(Event) noexcept;
void record(Event, Stream);
/// The host waits for the event, or what is put into the stream from now on does.
void wait(Event);
void wait(Stream, Event);
/// Milliseconds between two events, both recorded and reached.
float elapsed_ms(Event begin, Event end);

// Graphs: the work put into a stream between begin_capture and end_capture is recorded, not run.

struct Graph {
  void* handle = nullptr;
};
struct GraphExec {
  void* handle = nullptr;
};
/// `stream` must not be the default stream.
void begin_capture(Stream stream);
Graph end_capture(Stream stream);
std::size_t node_count(Graph);
GraphExec instantiate(Graph);
void launch(GraphExec, Stream);
void destroy_graph(Graph) noexcept;
void destroy_graph(GraphExec) noexcept;

}  // namespace heddle::simt
