#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/election/store.h"
#include "vouch/election_dynamodb/aws_credentials.h"
#include "vouch/election_dynamodb/dynamo_config.h"

namespace vouch::election {

/// Locks in a table of DynamoDB, laid out as Amazon's lock client for Java lays them out, so that
/// it and vouch may compete for one lock: the attributes ownerName, leaseDuration (decimal
/// milliseconds, a string), recordVersionNumber, isReleased ("1") and data (binary), and the same
/// conditions. Beyond it each row has fencingToken, a counter that each take by vouch moves on in
/// the same step.
///
/// Rows are updated, never replaced or removed: attributes of others stay, and tokens go on. The
/// Java client must do likewise (withUpdateExistingLockRecord(true),
/// withDeleteLockOnRelease(false)) where tokens matter, or see TokenStart::kClock.
///
/// Decisions stand on consistent reads. A request is sent once; what was refused by its condition
/// was so for good. kUnavailable: not sent, throttled, not permitted, malformed; kAmbiguous: no
/// usable reply, or an error of the server (5xx).
///
/// Signed by this machine's clock: where that is wrong by minutes the service refuses, and
/// `trouble` says by how much.
///
/// Not thread-safe: give it one owner.
class DynamoStore final : public LockStore {
 public:
  /// Checks the configuration and the table: that it exists (or is made, see may_create), that its
  /// keys are those of the configuration, and that it is no global table in which the last writer
  /// wins. Who may not describe tables is believed.
  static Result<std::unique_ptr<DynamoStore>> open(
      DynamoConfig config, AwsEnvironment environment = process_environment());

  DynamoStore(const DynamoStore&) = delete;
  DynamoStore& operator=(const DynamoStore&) = delete;
  ~DynamoStore() override;

  [[nodiscard]] StoreReply apply(const StoreRequest& request) override;

  /// By Scan, which is eventually consistent and reads the whole table: for people.
  [[nodiscard]] Result<std::vector<LockRecord>> list() override;

  /// A Java client does not look at the mark, and goes on until its lease ends without a heartbeat.
  [[nodiscard]] StoreOutcome force_release(const std::string& name) override;

  /// Values stand in rows of their own beside the locks, each with the highest token of each lock
  /// that has written it. With TransactWriteItems the lock is checked in the same step. Where the
  /// service has no transactions (dynalite) the lock is read first and the value then written
  /// unless a higher token has written it before: who loses the lock between the two may still
  /// write, until the next holder has.
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) override;
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key) override;

 private:
  class Impl;
  explicit DynamoStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
