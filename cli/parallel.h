#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::cli {

/// Computes `work(i)` for every i in [first, end) on `jobs` threads and hands the results to
/// `take(i, result)` in the order of i, in the calling thread: what `take` builds does not depend
/// on the number of threads.
///
/// `is_stopped` is asked now and then by every thread. Once it says yes, nothing new is begun, and
/// what was finished without a gap is still taken. Returns the first i that was not taken.
template <typename Output>
class OrderedWork {
 public:
  using Index = std::uint64_t;

  OrderedWork(std::function<Output(Index)> work, std::function<bool()> is_stopped)
      : work_(std::move(work)), is_stopped_(std::move(is_stopped)) {}

  template <typename Take>
  Index run(Index first, Index end, unsigned jobs, Take take) {
    next_ = taken_ = first;
    end_ = end;
    // Results wait for the slowest; nobody runs ahead of it without a limit.
    ahead_ = Index{kBatch} * 8 * jobs;
    working_ = jobs;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < jobs; ++i)
      threads.emplace_back([this] { serve(); });
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_ready() || working_ == 0; });
      if (!is_ready()) break;
      const std::vector<Output> batch = std::move(finished_.begin()->second);
      finished_.erase(finished_.begin());
      lock.unlock();
      Index index = taken_;
      for (const Output& output : batch)
        take(index++, output);
      lock.lock();
      taken_ = index;
      changed_.notify_all();
    }
    lock.unlock();
    for (std::thread& thread : threads)
      thread.join();
    return taken_;
  }

 private:
  static constexpr Index kBatch = 8;

  [[nodiscard]] bool is_ready() const {
    return !finished_.empty() && finished_.begin()->first == taken_;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    while (next_ < end_ && !is_stopped_()) {
      if (next_ >= taken_ + ahead_) {
        changed_.wait(lock);
        continue;
      }
      const Index first = next_;
      const Index last = first + kBatch < end_ ? first + kBatch : end_;
      next_ = last;
      lock.unlock();
      std::vector<Output> batch;
      for (Index index = first; index < last && !is_stopped_(); ++index)
        batch.push_back(work_(index));
      lock.lock();
      if (!batch.empty()) finished_.emplace(first, std::move(batch));
      changed_.notify_all();
    }
    --working_;
    changed_.notify_all();
  }

  std::function<Output(Index)> work_;
  std::function<bool()> is_stopped_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Index, std::vector<Output>> finished_;  ///< By the first index of each batch.
  Index next_ = 0;
  Index taken_ = 0;
  Index end_ = 0;
  Index ahead_ = 0;
  unsigned working_ = 0;
};

}  // namespace vouch::cli
