// What DynamoStore makes of replies that dynalite never gives, good and bad, and where it finds its
// credentials: on a server that says what a test tells it to.

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "tests/election/dynalite.h"
#include "tests/election/store_contract.h"
#include "tests/support/http_server.h"
#include "vouch/election_dynamodb/dynamo_store.h"

namespace vouch::election::testing {
namespace {

using Json = nlohmann::json;
using vouch::testing::http_reply;
using vouch::testing::HttpServer;

constexpr const char* kGoodTable =
    R"({"Table":{"TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"key","KeyType":"HASH"}]}})";

/// Answers DescribeTable properly, and everything else with what a test has put up, in that order.
class Scripted : public ::testing::Test {
 protected:
  void say(std::optional<std::string> reply) {
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
  }
  void say(int status, const std::string& body, const std::string& headers = "") {
    say(http_reply(status, body, headers));
  }
  void refuse(int status, const std::string& type, const std::string& message = "m") {
    say(status,
        Json{{"__type", "com.amazonaws.dynamodb.v20120810#" + type}, {"message", message}}.dump());
  }
  [[nodiscard]] std::string request(std::size_t i) const {
    const std::lock_guard lock(mutex_);
    return i < requests_.size() ? requests_[i] : "";
  }
  [[nodiscard]] Json body(std::size_t i) const {
    const std::string text = request(i);
    return Json::parse(text.substr(text.find("\r\n\r\n") + 4), nullptr, false);
  }
  [[nodiscard]] std::unique_ptr<DynamoStore> open() const {
    DynamoConfig config;
    config.table = "locks";
    config.endpoint = server_.url();
    auto opened =
        DynamoStore::open(config, environment_of({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                                  {"AWS_SECRET_ACCESS_KEY", "the-secret-key"},
                                                  {"AWS_SESSION_TOKEN", "the-session-token"},
                                                  {"AWS_REGION", "eu-west-1"}}));
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  [[nodiscard]] std::string url() const { return server_.url(); }

  std::string table = kGoodTable;

 private:
  mutable std::mutex mutex_;
  std::deque<std::optional<std::string>> replies_;
  std::vector<std::string> requests_;
  HttpServer server_{[this](const std::string& got) -> std::optional<std::string> {
    const std::lock_guard lock(mutex_);
    if (got.find(".DescribeTable") != std::string::npos) return http_reply(200, table);
    requests_.push_back(got);
    if (replies_.empty()) return std::nullopt;
    std::optional<std::string> reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }};
};

TEST_F(Scripted, ErrorsOfTheServiceHaveThreeOutcomes) {
  const auto store = open();
  const auto outcome = [&] { return renew(*store, "a", "v1", "v2").outcome; };
  for (const char* type :
       {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
        "ResourceNotFoundException", "ValidationException", "AccessDeniedException",
        "TransactionConflictException", "ExpiredTokenException"}) {
    refuse(400, type);
    EXPECT_EQ(outcome(), StoreOutcome::kUnavailable) << type;
  }
  refuse(400, "ConditionalCheckFailedException");
  EXPECT_EQ(outcome(), StoreOutcome::kConditionFailed);
  refuse(500, "InternalServerError");
  EXPECT_EQ(outcome(), StoreOutcome::kAmbiguous);
  refuse(503, "ServiceUnavailable");
  EXPECT_EQ(outcome(), StoreOutcome::kAmbiguous);
  refuse(500, "ConditionalCheckFailedException");
  EXPECT_EQ(outcome(), StoreOutcome::kAmbiguous) << "not with that status";
  refuse(400, "SomethingNewException");
  EXPECT_EQ(outcome(), StoreOutcome::kAmbiguous) << "what is not known proves nothing";
}

TEST_F(Scripted, RepliesThatMakeNoSenseAreAmbiguousToAWriterAndNothingToAReader) {
  const auto store = open();
  const std::vector<std::string> bodies{
      "",
      "{",
      "[]",
      "null",
      R"({"Attributes":7})",
      R"({"Attributes":{"fencingToken":{"N":"-1"}}})",
      R"({"Attributes":{"fencingToken":{"N":"99999999999999999999"}}})",
      R"({"Attributes":{"fencingToken":7}})",
      "<html>",
      std::string(100'000, '[')};
  for (const std::string& text : bodies) {
    say(200, text);
    const StoreReply reply = take(*store, "a", "v1");
    const bool has_no_token = text == R"({"Attributes":7})";
    EXPECT_EQ(reply.outcome, has_no_token ? StoreOutcome::kApplied : StoreOutcome::kAmbiguous)
        << text.substr(0, 80);
  }
  say(200, "{}");
  EXPECT_EQ(take(*store, "a", "v1").outcome, StoreOutcome::kAmbiguous);
  for (const char* text :
       {"{", R"({"Item":7})", R"({"Item":{}})", R"({"Item":{"key":{"S":1}}})",
        R"({"Item":{"key":{"S":"lock"},"ownerName":[],"recordVersionNumber":{}}})"}) {
    say(200, text);
    const StoreReply reply = send(*store, ReadLock{});
    EXPECT_NE(reply.outcome, StoreOutcome::kApplied) << text;
    EXPECT_FALSE(reply.record);
    EXPECT_NE(reply.trouble, "");
  }
  say(407, "<html>a proxy");
  EXPECT_EQ(renew(*store, "a", "v1", "v2").outcome, StoreOutcome::kAmbiguous);
  say(std::nullopt);
  EXPECT_EQ(renew(*store, "a", "v1", "v2").outcome, StoreOutcome::kAmbiguous);
  say(200, R"({"Items":[7,{"key":{"S":"x"}}]})");
  EXPECT_EQ(store->list().value().size(), 0U);
}

TEST_F(Scripted, SignsWithRegionAndSessionAndTellsNoneOfIt) {
  const auto store = open();
  const std::string quoted =
      "The canonical string was x-amz-security-token:the-session-token the-secret-key AKIDEXAMPLE";
  refuse(400, "InvalidSignatureException", quoted);
  StoreReply reply = send(*store, ReadLock{});
  EXPECT_EQ(reply.trouble, "InvalidSignatureException");
  refuse(400, "UnrecognizedClientException", quoted);
  reply = send(*store, ReadLock{});
  EXPECT_EQ(reply.trouble,
            "UnrecognizedClientException: The canonical string was x-amz-security-token:... ... "
            "...");
  EXPECT_NE(request(0).find("/eu-west-1/dynamodb/aws4_request"), std::string::npos);
  EXPECT_NE(request(0).find("X-Amz-Security-Token: the-session-token\r\n"), std::string::npos);
  EXPECT_NE(request(0).find("X-Amz-Target: DynamoDB_20120810.GetItem\r\n"), std::string::npos);
  EXPECT_EQ(body(0)["ConsistentRead"], true);
}

TEST_F(Scripted, AWrongClockIsNamed) {
  const auto store = open();
  say(400, R"({"__type":"com.amazon.coral.service#InvalidSignatureException","message":"m"})",
      "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n");
  const StoreReply reply = renew(*store, "a", "v1", "v2");
  EXPECT_EQ(reply.outcome, StoreOutcome::kUnavailable);
  EXPECT_NE(reply.trouble.find("; this machine's clock is "), std::string::npos) << reply.trouble;
  EXPECT_NE(reply.trouble.find(" s ahead of the service's"), std::string::npos) << reply.trouble;
}

TEST_F(Scripted, AListHasManyPages) {
  const auto store = open();
  const auto row = [](const std::string& name) {
    return Json{{"key", {{"S", name}}},
                {"ownerName", {{"S", "o"}}},
                {"leaseDuration", {{"S", "10"}}},
                {"recordVersionNumber", {{"S", "v"}}}};
  };
  say(200, Json{{"Items", {row("b")}}, {"LastEvaluatedKey", {{"key", {{"S", "b"}}}}}}.dump());
  say(200, Json{{"Items", {row("a")}}}.dump());
  const auto all = store->list();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, "a");
  EXPECT_EQ(body(1)["ExclusiveStartKey"]["key"]["S"], "b");
  refuse(400, "ThrottlingException", "slower");
  EXPECT_EQ(store->list().error().message,
            "table \"locks\": cannot be read: ThrottlingException: slower");
}

TEST_F(Scripted, AFencedWriteIsOneStepWhereThereAreTransactions) {
  const auto store = open();
  const auto put = [&] { return store->fenced_put("lock", FencingToken{7}, "k", "value"); };
  say(200, "{}");
  EXPECT_EQ(put(), StoreOutcome::kApplied);
  EXPECT_NE(request(0).find(".TransactWriteItems\r\n"), std::string::npos);
  const Json items = body(0)["TransactItems"];
  ASSERT_EQ(items.size(), 2U);
  const Json check = items[0]["ConditionCheck"];
  EXPECT_EQ(check["TableName"], "locks");
  EXPECT_EQ(check["Key"]["key"]["S"], "lock");
  EXPECT_EQ(check["ConditionExpression"], "#ft = :t AND attribute_not_exists(#ir)");
  EXPECT_EQ(check["ExpressionAttributeValues"][":t"]["N"], "7");
  const Json update = items[1]["Update"];
  EXPECT_EQ(update["Key"]["key"]["S"], "vouch:value:k");
  EXPECT_EQ(update["ExpressionAttributeValues"][":v"]["B"], "dmFsdWU=");
  EXPECT_FALSE(update.contains("ReturnValues")) << "no parameter of a transaction";
  const auto cancel = [&](const Json& reasons) {
    say(400, Json{{"__type", "x#TransactionCanceledException"}, {"CancellationReasons", reasons}}
                 .dump());
  };
  cancel({{{"Code", "ConditionalCheckFailed"}}, {{"Code", "None"}}});
  EXPECT_EQ(put(), StoreOutcome::kConditionFailed);
  cancel({{{"Code", "None"}}, {{"Code", "TransactionConflict"}}});
  EXPECT_EQ(put(), StoreOutcome::kUnavailable) << "not written, and not refused";
  refuse(500, "InternalServerError");
  EXPECT_EQ(put(), StoreOutcome::kAmbiguous);
}

TEST_F(Scripted, AGlobalTableOfEventualConsistencyIsRefused) {
  Json described = Json::parse(kGoodTable);
  described["Table"]["Replicas"] = {{{"RegionName", "us-west-2"}}};
  table = described.dump();
  DynamoConfig config;
  config.table = "locks";
  config.endpoint = url();
  const auto opened = DynamoStore::open(config, local_environment());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("must be no global table"), std::string::npos);
  described["Table"]["MultiRegionConsistency"] = "STRONG";
  table = described.dump();
  EXPECT_TRUE(DynamoStore::open(config, local_environment()));
  for (const char* text : {"7", "{}", R"({"Table":7})", R"({"Table":{"KeySchema":[7]}})"}) {
    table = text;
    EXPECT_FALSE(DynamoStore::open(config, local_environment())) << text;
  }
}

/// A metadata service of version 2, whose credentials expire when a test says so.
class Metadata {
 public:
  [[nodiscard]] std::string url() const { return server_.url(); }
  std::atomic<int> asked = 0;
  std::atomic<bool> is_down = false;
  std::string expiration = "2026-11-26T18:00:00Z";

 private:
  HttpServer server_{[this](const std::string& request) -> std::optional<std::string> {
    if (is_down) return http_reply(500, "");
    if (request.starts_with("PUT /latest/api/token ") &&
        request.find("X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n") != std::string::npos) {
      return http_reply(200, "of-the-instance");
    }
    if (request.find("X-aws-ec2-metadata-token: of-the-instance\r\n") == std::string::npos) {
      return http_reply(401, "");
    }
    if (request.starts_with("GET /latest/meta-data/iam/security-credentials/ ")) {
      return http_reply(200, "the-role\n");
    }
    if (!request.starts_with("GET /latest/meta-data/iam/security-credentials/the-role ")) {
      return http_reply(404, "");
    }
    return http_reply(200, Json{{"Code", "Success"},
                                {"AccessKeyId", "key" + std::to_string(++asked)},
                                {"SecretAccessKey", "secret"},
                                {"Token", "token"},
                                {"Expiration", expiration}}
                               .dump());
  }};
};

std::chrono::sys_seconds at(int hour, int minute) {
  using std::chrono::sys_days;
  return sys_days(std::chrono::year(2026) / 11 / 26) + std::chrono::hours(hour) +
         std::chrono::minutes(minute);
}

constexpr Duration kPatience = std::chrono::seconds(20);

TEST(AwsCredentials, OfAnInstanceAreGotAnewBeforeTheyExpire) {
  Metadata metadata;
  AwsCredentialSource source(
      "", environment_of(
              {{"HOME", "/nonexistent"}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url()}}));
  const auto first = source.get(at(12, 0), kPatience);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->access_key, "key1");
  EXPECT_EQ(first->secret_key, "secret");
  EXPECT_EQ(first->session_token, "token");
  EXPECT_EQ(first->expires, at(18, 0));
  EXPECT_EQ(source.get(at(17, 54), kPatience)->access_key, "key1");
  metadata.is_down = true;
  EXPECT_EQ(source.get(at(17, 56), kPatience)->access_key, "key1") << "still good";
  metadata.is_down = false;
  EXPECT_EQ(source.get(at(17, 56), kPatience)->access_key, "key1") << "asked a moment ago";
  metadata.expiration = "2026-11-27T00:00:00Z";
  EXPECT_EQ(source.get(at(17, 57), kPatience)->access_key, "key2");
  source.forget();
  EXPECT_EQ(source.get(at(17, 58), kPatience)->access_key, "key3") << "they were refused";
  metadata.is_down = true;
  const auto none = source.get(at(18, 0) + std::chrono::hours(12), kPatience);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("gives no token"), std::string::npos) << none.error().message;
}

TEST(AwsCredentials, ComeFromTheEnvironmentThenFromTheFile) {
  const vouch::testing::TemporaryFolder folder;
  const std::string file = (folder.path() / "credentials").string();
  std::ofstream(file) << "# of a test\n[default]\naws_access_key_id = file-key\n"
                         "aws_secret_access_key=file-secret\n\n[ work ]\n"
                         "aws_access_key_id=work-key\naws_secret_access_key = work-secret\n"
                         "aws_session_token= work-token \n[half]\naws_access_key_id=half-key\n";
  std::map<std::string, std::string> variables{{"AWS_SHARED_CREDENTIALS_FILE", file},
                                               {"AWS_EC2_METADATA_DISABLED", "True"}};
  const auto key = [&](const std::string& profile) {
    AwsCredentialSource source(profile, environment_of(variables));
    const auto found = source.get(at(12, 0), kPatience);
    return found ? found->access_key + " " + found->secret_key + " " + found->session_token
                 : found.error().message;
  };
  EXPECT_EQ(key(""), "file-key file-secret ");
  EXPECT_EQ(key("work"), "work-key work-secret work-token");
  EXPECT_EQ(key("half"), "credentials: " + file +
                             ": profile \"half\" must have aws_access_key_id and "
                             "aws_secret_access_key");
  EXPECT_EQ(key("none"), "credentials: " + file + ": must have profile \"none\"");
  variables["AWS_PROFILE"] = "work";
  EXPECT_EQ(key(""), "work-key work-secret work-token");
  variables["AWS_ACCESS_KEY_ID"] = "own-key";
  EXPECT_EQ(key(""), "credentials: AWS_SECRET_ACCESS_KEY must be set with AWS_ACCESS_KEY_ID");
  variables["AWS_SECRET_ACCESS_KEY"] = "own-secret";
  EXPECT_EQ(key(""), "own-key own-secret ");
  EXPECT_EQ(key("work"), "work-key work-secret work-token") << "asked for by name";
  variables = {{"AWS_EC2_METADATA_DISABLED", "true"}, {"HOME", folder.path().string()}};
  EXPECT_NE(key("").find("there are none in the environment"), std::string::npos);
  std::filesystem::create_directory(folder.path() / ".aws");
  std::filesystem::copy_file(file, folder.path() / ".aws" / "credentials");
  EXPECT_EQ(key(""), "file-key file-secret ") << "at its usual place";
}

TEST_F(Scripted, WithoutCredentialsNothingIsSent) {
  DynamoConfig config;
  config.table = "locks";
  config.endpoint = url();
  const auto opened = DynamoStore::open(
      config, environment_of({{"AWS_EC2_METADATA_DISABLED", "true"}, {"HOME", "/nonexistent"}}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message,
            "table \"locks\": cannot be described: credentials: there are none in the environment "
            "(AWS_ACCESS_KEY_ID) and in /nonexistent/.aws/credentials");
  EXPECT_EQ(request(0), "");
}

}  // namespace
}  // namespace vouch::election::testing
