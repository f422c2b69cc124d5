#include "heddle/data/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "heddle/base/check.hpp"
#include "heddle/base/checked.hpp"
#include "heddle/base/fork.hpp"
#include "heddle/base/out_of_memory.hpp"
#include "heddle/base/parallel.hpp"
#include "heddle/base/threads.hpp"
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

// Threads that make batches, each taking the next number that no other has, as far ahead of the reader as there is room for
// batches that wait. A batch's place is there before it is made: a worker that has one puts it down without fail.
class Crew {
 public:
  using Make = std::function<Batch(std::int64_t)>;
  Crew(int workers, std::int64_t places, std::int64_t first, std::int64_t end, Make make)
      : make_(std::move(make)), places_(static_cast<std::size_t>(std::clamp<std::int64_t>(places, 1, std::max<std::int64_t>(1, end - first)))),
        to_make_(first), to_take_(first), end_(end),
        threads_(heddle::detail::start_threads("DataLoader", workers, [this](int) { work(); }, [this] { stop(); })) {}
  ~Crew() {
    stop();
    for (auto& thread : threads_) thread.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Waits for the next batch.
  Batch take() {
    std::unique_lock lock(mutex_);
    Place& place = place_of(to_take_);
    made_.wait(lock, [&] { return place.full; });
    Place taken = std::exchange(place, {});
    ++to_take_;
    lock.unlock();
    room_.notify_one();
    if (taken.error) std::rethrow_exception(taken.error);
    return std::move(taken.batch);
  }

 private:
  struct Place {
    Batch batch;
    std::exception_ptr error;
    bool full = false;
  };
  Place& place_of(std::int64_t number) { return places_[static_cast<std::size_t>(number) % places_.size()]; }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      end_ = 0;
    }
    room_.notify_all();
  }

  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return to_make_ >= end_ || to_make_ - to_take_ < static_cast<std::int64_t>(places_.size()); });
      if (to_make_ >= end_) return;
      const std::int64_t number = to_make_++;
      lock.unlock();
      Place made;
      try {
        run_alone([&] { made.batch = make_(number); });
      } catch (...) {
        made.error = std::current_exception();
      }
      made.full = true;
      lock.lock();
      place_of(number) = std::move(made);
      lock.unlock();
      made_.notify_one();
    }
  }

  const Make make_;
  std::mutex mutex_;
  std::condition_variable room_, made_;
  std::vector<Place> places_;
  std::int64_t to_make_, to_take_, end_;
  std::vector<std::thread> threads_;  // last: they use the rest
};

// The batches [first, end) of one epoch. Without workers next() makes them; so it does in a child of fork(), where the workers are
// not: what they share with the parent's is left alone there.
class BatchSource {
 public:
  BatchSource(ImageDataset dataset, DataLoaderOptions options, std::uint64_t epoch, std::int64_t first, std::int64_t end)
      : dataset_(std::move(dataset)), options_(std::move(options)), epoch_(epoch), to_take_(first), end_(end) {
    order_ = order_of(dataset_, options_, epoch);
    const int workers = dataset_.device().is_cpu() ? options_.workers : 0;
    if (workers > 0)
      crew_ = std::make_unique<Crew>(workers, options_.prefetch, first, end, [this](std::int64_t number) { return make(number); });
  }
  ~BatchSource() {
    if (forked()) (void)crew_.release();
  }

  /// False at the end.
  bool next(Batch& batch) {
    if (to_take_ >= end_) return false;
    if (crew_ && !forked()) {
      ++to_take_;  // also where it failed: it is not made again
      batch = crew_->take();
    } else {
      batch = make(to_take_);
      ++to_take_;
    }
    return true;
  }

 private:
  Batch make(std::int64_t number) const {
    const std::int64_t begin = number * options_.batch_size;
    const std::int64_t count = std::min(options_.batch_size, dataset_.size() - begin);
    Batch batch;
    batch.number = number;
    batch.index = order_.view_of_memory({count}, {1}, begin);
    batch.images = options_.transform.apply(dataset_, batch.index, options_.seed, epoch_, &batch.labels, nullptr, options_.dtype);
    return batch;
  }

  bool forked() const { return made_in_ != heddle::detail::fork_generation(); }

  const ImageDataset dataset_;
  const DataLoaderOptions options_;
  const std::uint64_t epoch_;
  Tensor order_;  // int64 [N] on the data set's device
  std::int64_t to_take_, end_;
  const int made_in_ = heddle::detail::fork_generation();
  std::unique_ptr<Crew> crew_;  // last: it uses the rest
};

}  // namespace detail

Epoch::Epoch(std::unique_ptr<detail::BatchSource> source) : source_(std::move(source)) {}
Epoch::Epoch(Epoch&&) noexcept = default;
Epoch::~Epoch() = default;

Epoch::Iterator Epoch::begin() {
  advance();
  return Iterator(this);
}

void Epoch::advance() try {
  const Scope scope("data");
  current_ = {};  // its memory serves the next batch
  done_ = !source_->next(current_);
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("DataLoader", "a batch");
}

DataLoader::DataLoader(ImageDataset dataset, DataLoaderOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {
  constexpr std::string_view where = "DataLoader";
  check(dataset_.size() > 0, where, "expected at least one image, got none");
  check(options_.batch_size >= 1, where, "expected a batch_size of 1 or more, got {}", options_.batch_size);
  const int most = max_num_threads();
  check(options_.workers >= 0 && options_.workers <= most, where, "expected from 0 to {} workers, got {}", most, options_.workers);
  check(options_.prefetch >= 1, where, "expected a prefetch of 1 or more, got {}", options_.prefetch);
  check(options_.dtype == float32 || options_.dtype == bfloat16, where, "expected images of float32 or bfloat16, got {}",
        name_of(options_.dtype));
  check(size() > 0, where, "expected at least one batch, got {} images for batches of {} with drop_last", dataset_.size(),
        options_.batch_size);
}

std::int64_t DataLoader::size() const {
  return options_.drop_last ? dataset_.size() / options_.batch_size : ceil_div(dataset_.size(), options_.batch_size);
}

Tensor DataLoader::order(std::uint64_t epoch) const {
  return order_of(dataset_, options_, epoch);
}

Epoch DataLoader::epoch(std::uint64_t epoch, std::int64_t first_batch) const try {
  check(first_batch >= 0 && first_batch <= size(), "DataLoader.epoch", "expected a first batch from 0 to {}, got {}", size(),
        first_batch);
  return Epoch(std::make_unique<detail::BatchSource>(dataset_, options_, epoch, first_batch, size()));
} catch (const std::bad_alloc&) {
  heddle::detail::out_of_memory("DataLoader", "an epoch");
}

}  // namespace heddle::data
