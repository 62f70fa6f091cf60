#pragma once

#include <zookeeper/zookeeper.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "zookeeper_links.h"

namespace vouch::election {

/// Answers to requests that were sent together, for the one who waits.
class AskBatch {
 public:
  explicit AskBatch(std::size_t count) : answers_(count), left_(count) {}

  void answer(std::size_t at, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[at] = std::move(answer);
    if (--left_ == 0) all_here_.notify_all();
  }

  void answer_all(ZooKeeperCode code, const std::string& trouble) {
    for (std::size_t at = 0; at < answers_.size(); ++at)
      answer(at, {.code = code, .trouble = trouble});
  }

  [[nodiscard]] std::vector<Answer> wait(Duration patience) {
    std::unique_lock lock(mutex_);
    if (!all_here_.wait_for(lock, patience, [&] { return left_ == 0; })) {
      for (Answer& answer : answers_) {
        if (answer.code != ZooKeeperCode::kNoAnswer || !answer.trouble.empty()) continue;
        answer.trouble = "no answer in time";
      }
    }
    // A late answer still comes here, and finds its place.
    return answers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::vector<Answer> answers_;
  std::size_t left_;
};

/// Who is told, and with which context, when a znode goes that kWatch asks about.
struct PlaceWatch {
  watcher_fn watcher = nullptr;
  void* context = nullptr;
};

/// Hands one request to the C client. Its answer, also that it was not taken, comes to the batch.
void send_ask(zhandle_t* handle, const Ask& ask, const std::shared_ptr<AskBatch>& batch,
              std::size_t at, const PlaceWatch& watch);

}  // namespace vouch::election
