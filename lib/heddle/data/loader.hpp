// Batches of a data set, epoch by epoch:
//
//     DataLoader loader(dataset, {.batch_size = 128, .shuffle = true, .seed = 1, .transform = train});
//     for (int epoch = 0; epoch < 20; ++epoch)
//       for (const Batch& batch : loader.epoch(epoch)) step(batch.images, batch.labels);
//
// Which images a batch holds and every one of their pixels depends on (seed, epoch, index) alone: not on workers, not on
// what was drawn before. So an epoch can be begun at any batch, and gives the rest of what it would have given.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>

#include "heddle/base/export.hpp"
#include "heddle/data/dataset.hpp"
#include "heddle/data/transform.hpp"

HD_API_BEGIN
namespace heddle::data {

struct Batch {
  Tensor images;            ///< [B, C, H, W] of the loader's type
  Tensor labels;            ///< int64 [B]
  Tensor index;             ///< int64 [B]: which images of the data set these are
  std::int64_t number = 0;  ///< of the batch, within its epoch
};

struct DataLoaderOptions {
  std::int64_t batch_size = 128;
  bool shuffle = false;
  /// Leave out the last batch where it is smaller than the others.
  bool drop_last = false;
  std::uint64_t seed = 0;
  /// Threads that make batches ahead, each on one core. 0: a batch is made when it is asked for, with all of heddle's
  /// threads, which is best where these train on all cores. A data set on a GPU is augmented there, without workers.
  int workers = 0;
  /// Batches that wait ready at most, where there are workers.
  int prefetch = 2;
  Transform transform = {};
  /// Of the images: float32, or bfloat16, in which a network's activations then are too (on a GPU, half the bytes to move).
  DType dtype = float32;
};

namespace detail {
class BatchSource;
}

/// One pass over the data set, to be walked once by a range-for. Leaving early is fine.
class Epoch {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using pointer = Batch*;
    using reference = Batch&;

    Batch& operator*() const { return epoch_->current_; }
    Batch* operator->() const { return &epoch_->current_; }
    Iterator& operator++() {
      epoch_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return epoch_->done_; }

   private:
    friend class Epoch;
    explicit Iterator(Epoch* epoch) : epoch_(epoch) {}
    Epoch* epoch_;
  };

  Epoch(Epoch&&) noexcept;
  Epoch& operator=(Epoch&&) = delete;
  ~Epoch();
  /// The first batch. What went wrong while a batch was made is thrown where that batch is asked for.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class DataLoader;
  explicit Epoch(std::unique_ptr<detail::BatchSource> source);
  void advance();

  std::unique_ptr<detail::BatchSource> source_;
  Batch current_;
  bool done_ = false;
};

class DataLoader {
 public:
  /// Error for an empty data set, a batch size below 1, fewer than 0 workers or more than max_num_threads(), a prefetch below 1 or another dtype.
  explicit DataLoader(ImageDataset dataset, DataLoaderOptions options = {});

  /// Batches an epoch.
  std::int64_t size() const;
  const ImageDataset& dataset() const { return dataset_; }
  const DataLoaderOptions& options() const { return options_; }
  /// The images of one epoch in their order, int64 [N] on the data set's device.
  Tensor order(std::uint64_t epoch) const;
  /// The batches of one epoch from number first_batch on. Error unless 0 <= first_batch <= size(). Holds what it needs: it
  /// may outlive the loader. Error where the system starts no more threads for the workers. In a child of fork() batches that are
  /// still to come are made without workers, and are the same.
  Epoch epoch(std::uint64_t epoch, std::int64_t first_batch = 0) const;

 private:
  ImageDataset dataset_;
  DataLoaderOptions options_;
};

}  // namespace heddle::data
HD_API_END
