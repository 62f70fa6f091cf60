#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "vouch/election/store.h"

namespace vouch::election {

/// Since when this process has seen which version of the locks that others hold. Outlives single
/// calls. Any thread may call.
class Observations {
 public:
  explicit Observations(std::size_t max) : max_(max) {}

  /// `record` was read, and the reply came at `now`: whether its holder has not changed it for more
  /// than its lease since it was seen first.
  [[nodiscard]] bool has_expired(Instant now, const LockRecord& record);

 private:
  struct Seen {
    RecordVersion version;
    Instant since{};
    Duration lease{};
  };

  void make_room(Instant now);

  std::mutex mutex_;
  std::size_t max_;
  std::map<std::string, Seen> seen_;
};

/// What the modes of the lock client change between an Elector and its store.
struct StoreShape {
  std::string owner;
  bool only_if_exists = false;
  bool replace_data = true;
  bool hold_on_unavailable = false;
};

/// A store as one acquisition sees it. Called by one thread at a time, as a store is; the questions
/// about what happened by any.
class ShapedStore final : public LockStore {
 public:
  ShapedStore(std::unique_ptr<LockStore> inner, StoreShape shape,
              std::shared_ptr<Observations> observations)
      : inner_(std::move(inner)),
        shape_(std::move(shape)),
        observations_(std::move(observations)) {}

  [[nodiscard]] StoreReply apply(const StoreRequest& request) override;
  [[nodiscard]] Result<std::vector<LockRecord>> list() override { return inner_->list(); }
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override {
    return inner_->force_release(name);
  }
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override {
    return inner_->fenced_put(name, token, key, value);
  }
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override {
    return inner_->fenced_get(key);
  }

  /// What it has come to so far.
  struct Progress {
    bool has_answered = false;  ///< Some read has been.
    bool was_refused = false;   ///< A take found another record than it had read.
    bool has_released = false;  ///< The store has confirmed the release.
  };
  [[nodiscard]] Progress progress() const;

 private:
  [[nodiscard]] StoreReply read(const StoreRequest& request);
  [[nodiscard]] StoreReply take(StoreRequest request, TakeLock& take);
  [[nodiscard]] StoreReply renew(StoreRequest request, RenewLock& renew);
  [[nodiscard]] StoreReply release(StoreRequest request, ReleaseLock& release);
  /// After heartbeats that only seemed to get through: which of them the record shows, if any.
  [[nodiscard]] StoreReply find_actual(const StoreRequest& request, RecordVersion& version);

  std::unique_ptr<LockStore> inner_;
  StoreShape shape_;
  std::shared_ptr<Observations> observations_;
  std::optional<LockRecord> last_read_;
  std::vector<RecordVersion> perhaps_;  ///< One of these the record has, if the lock is still ours.
  FencingToken token_{};
  bool has_sent_release_ = false;
  mutable std::mutex mutex_;
  Progress progress_;
};

}  // namespace vouch::election
