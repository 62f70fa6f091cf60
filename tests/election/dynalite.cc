#include "tests/election/dynalite.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "vouch/election_http/http_client.h"

namespace vouch::election::testing {

AwsEnvironment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

AwsEnvironment local_environment() {
  return environment_of({{"AWS_ACCESS_KEY_ID", "local"}, {"AWS_SECRET_ACCESS_KEY", "local"}});
}

DynamoConfig fresh_config(const std::string& endpoint) {
  static std::atomic<int> tables = 0;
  DynamoConfig config;
  config.table = "locks" + std::to_string(++tables);
  config.endpoint = endpoint;
  config.may_create = true;
  config.timeout = std::chrono::seconds(20);
  return config;
}

std::unique_ptr<DynamoStore> open_store(const DynamoConfig& config) {
  auto opened = DynamoStore::open(config, local_environment());
  if (!opened) throw std::runtime_error(opened.error().message);
  return *std::move(opened);
}

nlohmann::json raw_call(const std::string& endpoint, const std::string& action,
                        const nlohmann::json& body) {
  auto client = HttpClient::create();
  const HttpReply reply =
      client.value()->send({.method = "POST",
                            .url = endpoint,
                            .headers = {{"Content-Type", "application/x-amz-json-1.0"},
                                        {"X-Amz-Target", "DynamoDB_20120810." + action}},
                            .body = body.dump(),
                            .timeout = std::chrono::seconds(20),
                            .signing = AwsSigning{"us-east-1", "dynamodb", "raw", "raw", ""}});
  EXPECT_EQ(reply.outcome, HttpOutcome::kAnswered) << reply.trouble;
  return nlohmann::json::parse(reply.body, nullptr, false);
}

nlohmann::json raw_row(const DynamoConfig& config, const std::string& name) {
  nlohmann::json key = {{config.key, {{"S", name}}}};
  if (!config.sort_key.empty()) key[config.sort_key] = {{"S", config.sort_value}};
  const nlohmann::json reply =
      raw_call(config.endpoint, "GetItem",
               {{"TableName", config.table}, {"Key", key}, {"ConsistentRead", true}});
  return reply.value("Item", nlohmann::json());
}

}  // namespace vouch::election::testing
