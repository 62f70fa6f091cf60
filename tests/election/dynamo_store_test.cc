// Locks in DynamoDB, on a dynalite server: what every store must do, the layout that Amazon's lock
// client for Java shares, and tables that are not as they should be.

#include "vouch/election_dynamodb/dynamo_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>

#include "tests/election/dynalite.h"
#include "tests/election/store_contract.h"

namespace vouch::election::testing {
namespace {

using Json = nlohmann::json;

struct DynamoKind {
  static constexpr int kRounds = 5;
  std::unique_ptr<LockStore> connect() { return open_store(config); }
  DynamoConfig config = fresh_config(Dynalite::shared().url());
};
INSTANTIATE_TYPED_TEST_SUITE_P(Dynamo, StoreContract, DynamoKind);

struct SortedDynamoKind {
  static constexpr int kRounds = 2;
  SortedDynamoKind() {
    config.key = "name";
    config.sort_key = "kind";
    config.sort_value = "leader";
  }
  std::unique_ptr<LockStore> connect() { return open_store(config); }
  DynamoConfig config = fresh_config(Dynalite::shared().url());
};
INSTANTIATE_TYPED_TEST_SUITE_P(SortedDynamo, StoreContract, SortedDynamoKind);

/// A row as the Java client writes it. It knows no token.
Json java_row(const std::string& owner, const std::string& version) {
  return {{"key", {{"S", "lock"}}},
          {"ownerName", {{"S", owner}}},
          {"leaseDuration", {{"S", "1500"}}},
          {"recordVersionNumber", {{"S", version}}},
          {"data", {{"B", "YXQgamF2YQ=="}}}};
}

class DynamoTable : public ::testing::Test {
 protected:
  void raw(const std::string& action, Json body) const {
    body["TableName"] = config.table;
    const Json reply = raw_call(config.endpoint, action, body);
    EXPECT_FALSE(reply.contains("__type")) << reply;
  }
  void put(const Json& row) const { raw("PutItem", {{"Item", row}}); }

  DynamoConfig config = fresh_config(Dynalite::shared().url());
  std::unique_ptr<DynamoStore> store = open_store(config);
};

TEST_F(DynamoTable, WritesWhatTheJavaClientReads) {
  take(*store, "a", "v1");
  Json expected = java_row("a", "v1");
  expected["data"]["B"] = "YXQgYQ==";
  expected["fencingToken"]["N"] = "1";
  EXPECT_EQ(raw_row(config), expected);
  renew(*store, "a", "v1", "v2");
  expected["recordVersionNumber"]["S"] = "v2";
  EXPECT_EQ(raw_row(config), expected);
  release(*store, "a", "v2");
  expected["isReleased"]["S"] = "1";
  EXPECT_EQ(raw_row(config), expected);
  send(*store, TakeLock{RecordVersion{"v2"}, "a", {"v3"}, milliseconds(2500), ""});
  expected.erase("isReleased");
  expected.erase("data");
  expected["recordVersionNumber"]["S"] = "v3";
  expected["leaseDuration"]["S"] = "2500";
  expected["fencingToken"]["N"] = "2";
  EXPECT_EQ(raw_row(config), expected);
}

TEST_F(DynamoTable, AttributesOfTheOwnAreWrittenWithEachTake) {
  config.attributes = {{"note", "of a"}, {"zone.name", "eu"}};
  store = open_store(config);
  Json row = java_row("java", "j1");
  row["note"]["S"] = "of another";
  row["other"]["S"] = "stays";
  put(row);
  EXPECT_APPLIED(take(*store, "a", "v1", RecordVersion{"j1"}));
  renew(*store, "a", "v1", "v2");
  Json expected = java_row("a", "v2");
  expected["data"]["B"] = "YXQgYQ==";
  expected["fencingToken"]["N"] = "1";
  expected["note"]["S"] = "of a";
  expected["zone.name"]["S"] = "eu";
  expected["other"]["S"] = "stays";
  EXPECT_EQ(raw_row(config), expected);
}

TEST_F(DynamoTable, ReadsAndTakesWhatTheJavaClientWrote) {
  Json row = java_row("java", "j1");
  row["note"]["S"] = "of another";
  put(row);
  const LockRecord expected{.name = "lock",
                            .owner = "java",
                            .version = {"j1"},
                            .lease = milliseconds(1500),
                            .token = FencingToken{0},
                            .is_released = false,
                            .data = "at java"};
  EXPECT_EQ(read(*store), expected);
  EXPECT_REFUSED(take(*store, "a", "v1"));
  EXPECT_EQ(take(*store, "a", "v1", RecordVersion{"j1"}).token, FencingToken{1});
  EXPECT_EQ(raw_row(config)["note"]["S"], "of another") << "foreign attributes stay";
  row["isReleased"]["S"] = "1";
  put(row);
  EXPECT_TRUE(read(*store)->is_released);
  EXPECT_APPLIED(take(*store, "a", "v2", RecordVersion{"j1"}));
  EXPECT_FALSE(read(*store)->is_released);
}

/// Its conditions, as its source has them.
TEST_F(DynamoTable, TheJavaClientsWritesFindTheirConditions) {
  take(*store, "a", "v1");
  const auto java = [&](const std::string& action, Json body) {
    body["TableName"] = config.table;
    body["Key"] = {{"key", {{"S", "lock"}}}};
    return raw_call(config.endpoint, action, body).contains("__type") ? "refused" : "applied";
  };
  const Json take_expired = {
      {"UpdateExpression", "SET #rvn = :new, #on = :on, #ld = :ld REMOVE #ir"},
      {"ConditionExpression", "attribute_exists(#pk) AND #rvn = :rvn"},
      {"ExpressionAttributeNames",
       {{"#pk", "key"},
        {"#rvn", "recordVersionNumber"},
        {"#on", "ownerName"},
        {"#ld", "leaseDuration"},
        {"#ir", "isReleased"}}},
      {"ExpressionAttributeValues",
       {{":rvn", {{"S", "v1"}}},
        {":new", {{"S", "j1"}}},
        {":on", {{"S", "java"}}},
        {":ld", {{"S", "20000"}}}}}};
  EXPECT_STREQ(java("UpdateItem", take_expired), "applied");
  EXPECT_STREQ(java("UpdateItem", take_expired), "refused");
  EXPECT_REFUSED(renew(*store, "a", "v1", "v2"));
  EXPECT_EQ(read(*store)->token, FencingToken{1}) << "as it knows no token";
  EXPECT_EQ(take(*store, "a", "v3", RecordVersion{"j1"}).token, FencingToken{2});
  release(*store, "a", "v3");
  Json take_released = take_expired;
  take_released["ConditionExpression"] = "attribute_exists(#pk) AND #ir = :ir";
  take_released["ExpressionAttributeValues"][":ir"]["S"] = "1";
  take_released["ExpressionAttributeValues"].erase(":rvn");
  EXPECT_STREQ(java("UpdateItem", take_released), "applied");
  EXPECT_FALSE(read(*store)->is_released);
}

TEST_F(DynamoTable, TokensByTheClockRiseWhenRowsAreReplacedOrRemoved) {
  config.token_start = TokenStart::kClock;
  const auto by_clock = open_store(config);
  const std::uint64_t first = take(*by_clock, "a", "v1").token.value();
  EXPECT_GT(first, 1'700'000'000'000U);
  EXPECT_EQ(take(*by_clock, "b", "v2", RecordVersion{"v1"}).token.value(), first + 1);
  std::this_thread::sleep_for(milliseconds(3));
  put(java_row("java", "j1"));
  const std::uint64_t after_put = take(*by_clock, "a", "v3", RecordVersion{"j1"}).token.value();
  EXPECT_GT(after_put, first + 1);
  std::this_thread::sleep_for(milliseconds(3));
  raw("DeleteItem", {{"Key", {{"key", {{"S", "lock"}}}}}});
  EXPECT_FALSE(read(*by_clock));
  EXPECT_GT(take(*by_clock, "a", "v4").token.value(), after_put);
}

/// What cannot be understood is never taken for a lock that has run out.
TEST_F(DynamoTable, ARowThatIsNoLockIsTroubleAndIsNotListed) {
  take(*store, "a", "v1", {}, "good");
  const auto trouble_with = [&](const std::string& attribute, const Json& value) {
    Json row = java_row("java", "j1");
    row[attribute] = value;
    put(row);
    const StoreReply reply = send(*store, ReadLock{});
    EXPECT_EQ(reply.outcome, StoreOutcome::kUnavailable);
    return reply.trouble;
  };
  EXPECT_NE(trouble_with("leaseDuration", {{"N", "1500"}}).find("leaseDuration"),
            std::string::npos);
  EXPECT_NE(trouble_with("leaseDuration", {{"S", "-5"}}).find("leaseDuration"), std::string::npos);
  EXPECT_NE(trouble_with("ownerName", {{"BOOL", true}}).find("ownerName"), std::string::npos);
  EXPECT_NE(trouble_with("recordVersionNumber", {{"N", "1"}}).find("recordVersionNumber"),
            std::string::npos);
  EXPECT_NE(trouble_with("fencingToken", {{"N", "1.5"}}).find("fencingToken"), std::string::npos);
  EXPECT_EQ(store->fenced_put("good", FencingToken{1}, "k", "v"), StoreOutcome::kApplied);
  const auto all = store->list();
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ(all->at(0).name, "good");
  EXPECT_NE(take(*store, "a", "v2", {}, "vouch:value:k").trouble.find("vouch:value:"),
            std::string::npos);
  EXPECT_NE(take(*store, "a\xff", "v2", {}, "other").trouble.find("UTF-8"), std::string::npos);
}

TEST_F(DynamoTable, ATokenThatWroteIsTheLeastThatWrites) {
  take(*store, "a", "v1");
  EXPECT_EQ(store->fenced_put("lock", FencingToken{1}, "k", "one"), StoreOutcome::kApplied);
  take(*store, "b", "v2", RecordVersion{"v1"});
  EXPECT_EQ(store->fenced_put("lock", FencingToken{2}, "k", "two"), StoreOutcome::kApplied);
  // As if the lock had been read in the moment before it changed hands.
  put(java_row("a", "v1"));
  Json row = java_row("a", "v1");
  row["fencingToken"]["N"] = "1";
  put(row);
  EXPECT_EQ(store->fenced_put("lock", FencingToken{1}, "k", "late"),
            StoreOutcome::kConditionFailed);
  EXPECT_EQ(**store->fenced_get("k"), "two");
  take(*store, "c", "v1", {}, "another lock");
  EXPECT_EQ(store->fenced_put("another lock", FencingToken{1}, "k", "three"),
            StoreOutcome::kApplied)
      << "tokens of two locks are not compared";
}

std::string refusal(const DynamoConfig& config) {
  const auto opened = DynamoStore::open(config, local_environment());
  return opened ? "opened" : opened.error().message;
}

TEST_F(DynamoTable, ATableThatIsMissingOrHasOtherKeysIsRefused) {
  DynamoConfig other = fresh_config(config.endpoint);
  other.may_create = false;
  EXPECT_EQ(refusal(other), "table \"" + other.table +
                                "\": does not exist in region us-east-1: make it, or permit that "
                                "with create=yes");
  other.table = config.table;
  EXPECT_EQ(refusal(other), "opened");
  other.key = "name";
  EXPECT_EQ(refusal(other), "table \"" + config.table +
                                "\": must have the keys name HASH, strings, as key and sort_key "
                                "say, but it has key HASH");
  other.key = "key";
  other.sort_key = "range";
  other.sort_value = "x";
  EXPECT_NE(refusal(other).find("key HASH, range RANGE"), std::string::npos);
  const DynamoConfig numbers = fresh_config(config.endpoint);
  raw_call(config.endpoint, "CreateTable",
           {{"TableName", numbers.table},
            {"AttributeDefinitions", {{{"AttributeName", "key"}, {"AttributeType", "N"}}}},
            {"KeySchema", {{{"AttributeName", "key"}, {"KeyType", "HASH"}}}},
            {"BillingMode", "PAY_PER_REQUEST"}});
  EXPECT_NE(refusal(numbers).find("but it has key HASH of type N"), std::string::npos);
}

TEST(DynamoConfig, IsReadFromText) {
  const DynamoConfig config = DynamoConfig::parse(
                                  "my.table?region=eu-west-1&endpoint=http://127.0.0.1:8000&"
                                  "profile=work&key=name&sort_key=kind&sort_value=a=b&"
                                  "tokens=clock&create=yes&attribute.note=x=y")
                                  .value();
  EXPECT_EQ(config.table, "my.table");
  EXPECT_EQ(config.region, "eu-west-1");
  EXPECT_EQ(config.endpoint, "http://127.0.0.1:8000");
  EXPECT_EQ(config.profile, "work");
  EXPECT_EQ(config.key, "name");
  EXPECT_EQ(config.sort_key, "kind");
  EXPECT_EQ(config.sort_value, "a=b");
  EXPECT_EQ(config.token_start, TokenStart::kClock);
  EXPECT_TRUE(config.may_create);
  EXPECT_EQ(config.attributes.at("note"), "x=y");
  EXPECT_FALSE(DynamoConfig::parse("locks").value().may_create);
}

TEST(DynamoConfig, WhatIsWrongIsNamed) {
  const auto refused = [](const std::string& text) {
    const auto config = DynamoConfig::parse(text);
    return config ? "read" : config.error().message;
  };
  EXPECT_EQ(refused("ab"), "table: must be 3 to 255 of A-Z a-z 0-9 _ . -, but it is \"ab\"");
  EXPECT_EQ(refused("locks?"), "dynamodb: must be TABLE?NAME=VALUE&..., but it is \"locks?\"");
  EXPECT_EQ(refused("locks?sort_key=k"),
            "sort_value: must be given with sort_key, and only with it, but it is \"\"");
  EXPECT_EQ(refused("locks?key=ownerName"),
            "key: must be at most 255 of A-Z a-z 0-9 _ . - and no attribute of a lock, but it is "
            "\"ownerName\"");
  EXPECT_EQ(refused("locks?endpoint=ftp://x"),
            "endpoint: must be http://HOST[:PORT] or https://HOST[:PORT] without a user, but it is "
            "\"ftp://x\"");
  EXPECT_NE(refused("locks?endpoint=http://me:word@x").find("but it is \"...@...\""),
            std::string::npos);
  EXPECT_EQ(refused("locks?region=a/b"),
            "region: must be at most 63 of a-z 0-9 -, but it is \"a/b\"");
  EXPECT_EQ(refused("locks?tokens=1"), "tokens: must be one or clock, but it is \"1\"");
  EXPECT_EQ(refused("locks?attribute.isReleased=1"),
            "attribute.isReleased: must be at most 255 of A-Z a-z 0-9 _ . - and no attribute of a "
            "lock, but it is \"isReleased\"");
  EXPECT_EQ(refused("locks?attribute.key=1"),
            "attribute.key: must be named, and no key of the table, but it is \"1\"");
  EXPECT_NE(refused("locks?colour=red").find("but it has \"colour\""), std::string::npos);
  const auto opened = DynamoStore::open(DynamoConfig::parse("locks").value(), environment_of({}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message,
            "region: must be given, or AWS_REGION be set, if there is no endpoint");
}

}  // namespace
}  // namespace vouch::election::testing
