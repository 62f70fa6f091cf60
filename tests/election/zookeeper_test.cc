// Elections through a real ZooKeeper, also through a network that loses, holds and cuts.

#include "tests/election/queue_contract.h"
#include "tests/election/zookeeper_kind.h"

namespace vouch::election::testing {
namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(ZooKeeper, QueueContract, ZooKeeperKind);

}  // namespace
}  // namespace vouch::election::testing
