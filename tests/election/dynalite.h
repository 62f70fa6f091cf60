#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/election/dynalite_server.h"
#include "vouch/election_dynamodb/dynamo_store.h"

namespace vouch::election::testing {

using Dynalite = vouch::testing::DynaliteServer;

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
