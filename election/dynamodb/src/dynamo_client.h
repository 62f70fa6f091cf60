#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "vouch/election/store.h"
#include "vouch/election_dynamodb/aws_credentials.h"
#include "vouch/election_dynamodb/dynamo_config.h"
#include "vouch/election_http/http_client.h"

namespace vouch::election {

/// What became of one request to DynamoDB.
struct DynamoAnswer {
  StoreOutcome outcome = StoreOutcome::kUnavailable;
  nlohmann::json body;     ///< Of kApplied: an object.
  std::string error_type;  ///< Such as ConditionalCheckFailedException; empty if none was told.
  std::string trouble;
};

/// Sends the service's requests, signed, each once, and says what became of them.
/// Not thread-safe: give it one owner.
class DynamoClient {
 public:
  static Result<std::unique_ptr<DynamoClient>> create(const DynamoConfig& config,
                                                      const AwsEnvironment& environment);

  [[nodiscard]] DynamoAnswer call(const std::string& action, const nlohmann::json& body,
                                  Duration timeout);

  [[nodiscard]] const std::string& region() const { return region_; }

 private:
  DynamoClient(std::unique_ptr<HttpClient> http, std::string endpoint, std::string region,
               const std::string& profile, const AwsEnvironment& environment);

  [[nodiscard]] DynamoAnswer judge(const HttpReply& reply, const AwsCredentials& secrets);

  std::unique_ptr<HttpClient> http_;
  std::string endpoint_;
  std::string region_;
  AwsCredentialSource credentials_;
};

}  // namespace vouch::election
