#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vouch/election/memory_queue.h"
#include "vouch/election_runner/clock.h"

namespace vouch::election {

/// Queues in memory for candidates within one process, each of which connects: for tests. A session
/// runs out by CLOCK_BOOTTIME, and goes with the next call of any client after that. Any thread may
/// call; clients may outlive it.
class MemoryQueueService {
 public:
  /// Another client.
  [[nodiscard]] std::unique_ptr<QueueStore> connect() { return std::make_unique<Client>(state_); }

 private:
  /// Where the notices of a client go. Its mutex is held while one is delivered.
  struct Ear {
    std::mutex mutex;
    std::function<void(const QueueNotice&)> notify;
  };

  struct State {
    std::mutex mutex;
    std::map<std::string, QueueTable> tables;
    std::map<std::pair<std::string, SessionId>, std::shared_ptr<Ear>> ears;
    std::map<std::string, std::string> values;

    /// With its mutex held: the table, without what has run out.
    [[nodiscard]] QueueTable& table(const std::string& name) {
      QueueTable& table = tables[name];
      table.expire(boottime_now());
      return table;
    }
  };

  class Client final : public QueueStore {
   public:
    explicit Client(std::shared_ptr<State> state) : state_(std::move(state)) {}

    [[nodiscard]] QueueReply apply(const QueueRequest& request) override {
      QueueReply reply;
      {
        const std::lock_guard lock(state_->mutex);
        reply = state_->table(request.name).apply(boottime_now(), request);
        if (reply.session != SessionId{}) state_->ears[{request.name, reply.session}] = ear_;
      }
      deliver();
      return reply;
    }

    void set_notify(std::function<void(const QueueNotice&)> notify) override {
      const std::lock_guard lock(ear_->mutex);
      ear_->notify = std::move(notify);
    }

    [[nodiscard]] Result<std::vector<LockRecord>> list() override {
      std::vector<LockRecord> records;
      {
        const std::lock_guard lock(state_->mutex);
        for (const auto& [name, unused] : state_->tables) {
          const std::vector<QueuePlace>& places = state_->table(name).places();
          if (places.empty()) continue;
          records.push_back({.name = name,
                             .owner = places.front().owner,
                             .version = {places.front().id},
                             .lease = {},
                             .token = places.front().token,
                             .is_released = false,
                             .data = {}});
        }
      }
      deliver();
      return records;
    }

    [[nodiscard]] StoreOutcome force_release(const std::string& name) override {
      bool is_removed = false;
      {
        const std::lock_guard lock(state_->mutex);
        QueueTable& table = state_->table(name);
        is_removed = !table.places().empty() && table.remove_place(table.places().front().id);
      }
      deliver();
      return is_removed ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
    }

    [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                          const std::string& key,
                                          const std::string& value) override {
      const std::lock_guard lock(state_->mutex);
      const std::vector<QueuePlace>& places = state_->table(name).places();
      if (places.empty() || places.front().token != token) return StoreOutcome::kConditionFailed;
      state_->values[key] = value;
      return StoreOutcome::kApplied;
    }

    [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override {
      const std::lock_guard lock(state_->mutex);
      const auto found = state_->values.find(key);
      if (found == state_->values.end()) return std::optional<std::string>();
      return std::optional(found->second);
    }

   private:
    /// What has happened to others, with the state's mutex open: they may call.
    void deliver() {
      std::vector<std::pair<std::shared_ptr<Ear>, QueueNotice>> due;
      {
        const std::lock_guard lock(state_->mutex);
        for (auto& [name, table] : state_->tables) {
          for (const QueueNotice& notice : table.take_notices()) {
            const auto ear = state_->ears.find({name, notice.session});
            if (ear != state_->ears.end()) due.emplace_back(ear->second, notice);
          }
        }
      }
      for (const auto& [ear, notice] : due) {
        const std::lock_guard lock(ear->mutex);
        if (ear->notify) ear->notify(notice);
      }
    }

    std::shared_ptr<State> state_;
    std::shared_ptr<Ear> ear_ = std::make_shared<Ear>();
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace vouch::election
