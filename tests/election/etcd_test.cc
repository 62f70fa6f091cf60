// Elections through a real etcd, also through a network that loses, holds and cuts.

#include "tests/election/etcd_kind.h"
#include "tests/election/queue_contract.h"

namespace vouch::election::testing {
namespace {

INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, QueueContract, EtcdKind);

}  // namespace
}  // namespace vouch::election::testing
