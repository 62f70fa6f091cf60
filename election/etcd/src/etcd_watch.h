#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "vouch/election/queue.h"
#include "vouch/election_http/http_client.h"

namespace vouch::election::etcd {

/// What is watched: one key, made at `created`, until it goes.
struct WatchJob {
  SessionId session{};
  std::string place;
  std::string url;
  std::string body;
  std::string token;  ///< Empty: none.
};

/// One watch at a time, on a connection and a thread of its own.
class Watcher {
 public:
  explicit Watcher(std::unique_ptr<HttpClient> client);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  /// Who hears of the end of a watch. Returns when no earlier one is being called any more.
  void set_notify(std::function<void(const QueueNotice&)> notify);

  /// Whether this is being watched now.
  [[nodiscard]] bool is_watching(SessionId session, const std::string& place);

  /// Watches this instead of what was, and waits until etcd says that it does. Otherwise says why
  /// not: kUnavailable, or kAmbiguous if it took too long.
  [[nodiscard]] StoreOutcome start(WatchJob job, std::chrono::steady_clock::time_point deadline,
                                   std::string& trouble);

  /// Ends the watch if it is of this session.
  void stop(SessionId session);

 private:
  enum class State : std::uint8_t { kIdle, kOpening, kWatching, kFailed };

  void work();
  void drop_job();
  [[nodiscard]] std::optional<QueueNoticeKind> watch(const WatchJob& job, std::uint64_t number,
                                                     std::string& trouble);

  std::unique_ptr<HttpClient> client_;
  std::mutex notify_mutex_;
  std::function<void(const QueueNotice&)> notify_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<WatchJob> job_;
  std::uint64_t number_ = 0;  ///< Of the job: what an earlier one brings is dropped.
  State state_ = State::kIdle;
  std::string trouble_;
  bool is_running_ = false;  ///< The thread is within a request.
  bool is_over_ = false;
  std::thread thread_;  ///< Comes last: it uses all of the above.
};

}  // namespace vouch::election::etcd
