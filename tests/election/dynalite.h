#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/process.h"
#include "vouch/election_dynamodb/dynamo_store.h"

namespace vouch::election::testing {

/// A DynamoDB server of its own in a process of its own. Gone when this is.
class Dynalite {
 public:
  Dynalite();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const;
  void send_signal(int signal) const { process_.send_signal(signal); }

  /// The one that the tests of a program share; each has a table of its own.
  static Dynalite& shared();

 private:
  vouch::testing::TemporaryFolder folder_;
  vouch::testing::Process process_;
  std::uint16_t port_ = 0;
};

/// An environment with these variables only.
[[nodiscard]] AwsEnvironment environment_of(std::map<std::string, std::string> variables);

/// With credentials that are good enough for a server that checks none.
[[nodiscard]] AwsEnvironment local_environment();

/// A table that no other test has, at this endpoint; made when a store opens it.
[[nodiscard]] DynamoConfig fresh_config(const std::string& endpoint);

[[nodiscard]] std::unique_ptr<DynamoStore> open_store(const DynamoConfig& config);

/// A request as any other client of DynamoDB sends it: the answer, whatever it is.
nlohmann::json raw_call(const std::string& endpoint, const std::string& action,
                        const nlohmann::json& body);

/// The row of a lock as it stands in the table.
[[nodiscard]] nlohmann::json raw_row(const DynamoConfig& config, const std::string& name = "lock");

}  // namespace vouch::election::testing
