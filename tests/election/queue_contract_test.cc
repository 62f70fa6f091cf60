// The queues in memory, by the tests of every store with queues.

#include "tests/election/queue_contract.h"

#include "vouch/election_runner/memory_queue_store.h"

namespace vouch::election::testing {
namespace {

class MemoryQueueKind {
 public:
  static std::string missing() { return {}; }
  std::unique_ptr<QueueStore> connect() { return service_.connect(); }
  [[nodiscard]] Duration session() const { return std::chrono::milliseconds(50); }

 private:
  MemoryQueueService service_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, QueueContract, MemoryQueueKind);

}  // namespace
}  // namespace vouch::election::testing
