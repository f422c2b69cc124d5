#include "heddle/data/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "heddle/base/check.hpp"
#include "heddle/base/parallel.hpp"
#include "heddle/core/observe.hpp"
#include "heddle/core/random.hpp"

namespace heddle::data {
namespace {

Tensor order_of(const ImageDataset& dataset, const DataLoaderOptions& options, std::uint64_t epoch) {
  std::vector<std::int64_t> order;
  if (options.shuffle) {
    order = randperm(dataset.size(), options.seed, epoch);
  } else {
    order.resize(static_cast<std::size_t>(dataset.size()));
    std::iota(order.begin(), order.end(), std::int64_t{0});
  }
  return tensor(order, {}, dataset.device());
}

}  // namespace

namespace detail {

// The batches [first, end) of one epoch. Without workers next() makes them; with workers these do, each taking the next
// number nobody has, as far ahead of the reader as `prefetch` allows, and next() waits for its number's turn.
class BatchSource {
 public:
  BatchSource(ImageDataset dataset, DataLoaderOptions options, std::uint64_t epoch, std::int64_t first, std::int64_t end)
      : dataset_(std::move(dataset)), options_(std::move(options)), epoch_(epoch), to_make_(first), to_take_(first), end_(end) {
    order_ = order_of(dataset_, options_, epoch);
    const int workers = dataset_.device().is_cpu() ? options_.workers : 0;
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  }

  ~BatchSource() {
    {
      std::lock_guard lock(mutex_);
      end_ = 0;
    }
    room_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  /// False at the end.
  bool next(Batch& batch) {
    if (to_take_ >= end_) return false;
    if (workers_.empty()) {
      batch = make(to_take_);
      ++to_take_;
      return true;
    }
    std::unique_lock lock(mutex_);
    made_.wait(lock, [&] { return ready_.contains(to_take_); });
    Made made = std::move(ready_.extract(to_take_).mapped());
    ++to_take_;
    lock.unlock();
    room_.notify_one();
    if (made.error) std::rethrow_exception(made.error);
    batch = std::move(made.batch);
    return true;
  }

 private:
  struct Made {
    Batch batch;
    std::exception_ptr error;
  };

  Batch make(std::int64_t number) const {
    const std::int64_t begin = number * options_.batch_size;
    const std::int64_t count = std::min(options_.batch_size, dataset_.size() - begin);
    Batch batch;
    batch.number = number;
    batch.index = order_.view_of_memory({count}, {1}, begin);
    batch.images = options_.transform.apply(dataset_, batch.index, options_.seed, epoch_, &batch.labels, nullptr, options_.dtype);
    return batch;
  }

  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return to_make_ >= end_ || to_make_ < to_take_ + options_.prefetch; });
      if (to_make_ >= end_) return;
      const std::int64_t number = to_make_++;
      lock.unlock();
      Made made;
      try {
        run_alone([&] { made.batch = make(number); });
      } catch (...) {
        made.error = std::current_exception();
      }
      lock.lock();
      ready_.emplace(number, std::move(made));
      lock.unlock();
      made_.notify_one();
    }
  }

  const ImageDataset dataset_;
  const DataLoaderOptions options_;
  const std::uint64_t epoch_;
  Tensor order_;  // int64 [N] on the data set's device

  std::mutex mutex_;
  std::condition_variable room_, made_;
  std::int64_t to_make_, to_take_, end_;
  std::map<std::int64_t, Made> ready_;
  std::vector<std::thread> workers_;
};

}  // namespace detail

Epoch::Epoch(std::unique_ptr<detail::BatchSource> source) : source_(std::move(source)) {}
Epoch::Epoch(Epoch&&) noexcept = default;
Epoch::~Epoch() = default;

Epoch::Iterator Epoch::begin() {
  advance();
  return Iterator(this);
}

void Epoch::advance() {
  const Scope scope("data");
  current_ = {};  // its memory serves the next batch
  done_ = !source_->next(current_);
}

DataLoader::DataLoader(ImageDataset dataset, DataLoaderOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {
  constexpr std::string_view where = "DataLoader";
  check(dataset_.size() > 0, where, "expected at least one image, got none");
  check(options_.batch_size >= 1, where, "expected a batch_size of 1 or more, got {}", options_.batch_size);
  check(options_.workers >= 0, where, "expected 0 or more workers, got {}", options_.workers);
  check(options_.prefetch >= 1, where, "expected a prefetch of 1 or more, got {}", options_.prefetch);
  check(options_.dtype == float32 || options_.dtype == bfloat16, where, "expected images of float32 or bfloat16, got {}",
        name_of(options_.dtype));
  check(size() > 0, where, "expected at least one batch, got {} images for batches of {} with drop_last", dataset_.size(),
        options_.batch_size);
}

std::int64_t DataLoader::size() const {
  return (dataset_.size() + (options_.drop_last ? 0 : options_.batch_size - 1)) / options_.batch_size;
}

Tensor DataLoader::order(std::uint64_t epoch) const {
  return order_of(dataset_, options_, epoch);
}

Epoch DataLoader::epoch(std::uint64_t epoch, std::int64_t first_batch) const {
  check(first_batch >= 0 && first_batch <= size(), "DataLoader.epoch", "expected a first batch from 0 to {}, got {}", size(),
        first_batch);
  return Epoch(std::make_unique<detail::BatchSource>(dataset_, options_, epoch, first_batch, size()));
}

}  // namespace heddle::data
