#pragma once

#include <memory>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/queue.h"
#include "vouch/election/store.h"
#include "vouch/election_runner/candidate.h"

namespace vouch::election {

enum class StoreUse : std::uint8_t {
  kElect,  ///< Make it if there is none.
  kLook,   ///< It must exist, as far as that shows without asking it.
};

/// A store of either kind.
struct OpenedStore {
  std::unique_ptr<LockStore> records;  ///< One of these two,
  std::unique_ptr<QueueStore> queues;  ///< and not the other.
  Duration lease_min = std::chrono::milliseconds(20);
  Duration lease_step = std::chrono::milliseconds(1);  ///< Leases are multiples of it.

  [[nodiscard]] Store& any() const {
    return records ? static_cast<Store&>(*records) : static_cast<Store&>(*queues);
  }
};

/// Opens the store that `where` names: `sqlite:FILE`, `etcd:HOST:PORT,...`. The error says which
/// stores there are, or what is wrong with this one's address.
[[nodiscard]] Result<OpenedStore> open_store(const std::string& where, StoreUse use);

/// The addresses that `open_store` takes, as a list for people.
[[nodiscard]] std::string store_forms();

/// What this store cannot do of what `config` asks for; the message names the field.
[[nodiscard]] Status check_fit(const OpenedStore& store, const ElectorConfig& config);

/// Candidate::create over whichever store it is, which must outlive it.
[[nodiscard]] Result<std::unique_ptr<Candidate>> create_candidate(ElectorConfig config,
                                                                  const OpenedStore& store,
                                                                  CandidateListener* listener);

}  // namespace vouch::election
