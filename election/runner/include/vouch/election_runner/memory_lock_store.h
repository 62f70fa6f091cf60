#pragma once

#include <mutex>

#include "vouch/election/memory_store.h"

namespace vouch::election {

/// The LockTable as a store for candidates within one process: for tests. Any thread may call.
class MemoryLockStore final : public LockStore {
 public:
  [[nodiscard]] StoreReply apply(const StoreRequest& request) override {
    const std::lock_guard lock(mutex_);
    return table_.apply(request);
  }
  [[nodiscard]] Result<std::vector<LockRecord>> list() override {
    const std::lock_guard lock(mutex_);
    return table_.list();
  }
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    return table_.force_release(name);
  }
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    return table_.fenced_put(name, token, key, value);
  }
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    return table_.fenced_get(key);
  }

 private:
  std::mutex mutex_;
  LockTable table_;
};

}  // namespace vouch::election
