#include "vouch/election_dynamodb/dynamo_store.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "dynamo_client.h"
#include "dynamo_row.h"

namespace vouch::election {
namespace {

using Json = nlohmann::json;

/// A table that does not come to its end in so many pages is not one of locks.
constexpr int kPagesMax = 1000;

/// A new table is looked at after this time, then after twice as long, and so on to a minute or
/// two.
constexpr std::chrono::milliseconds kCreateWait{20};
constexpr int kCreateTries = 13;

std::string last_token_of(const std::string& lock) {
  return "lastToken:" + lock;
}

}  // namespace

class DynamoStore::Impl {
 public:
  Impl(DynamoConfig config, std::unique_ptr<DynamoClient> client)
      : config_(std::move(config)), client_(std::move(client)) {}

  Status open();
  StoreReply apply(const StoreRequest& request);
  Result<std::vector<LockRecord>> list();
  StoreOutcome force_release(const std::string& name);
  StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                          const std::string& value);
  Result<std::optional<std::string>> fenced_get(const std::string& key);

 private:
  [[nodiscard]] Json row(const std::string& name) const {
    return {{"TableName", config_.table}, {"Key", key_of(config_, name)}};
  }
  /// UpdateItem of the lock's row: `update`, if the row is there (or is not) and `condition` holds.
  [[nodiscard]] Json update(const std::string& name, bool is_there, const std::string& condition,
                            const std::string& update) const;
  [[nodiscard]] Json take(const std::string& name, const TakeLock& take) const;
  [[nodiscard]] Json renew(const std::string& name, const RenewLock& renew) const;
  [[nodiscard]] Json release(const std::string& name, const ReleaseLock& release) const;
  [[nodiscard]] Json value_update(const std::string& name, FencingToken token,
                                  const std::string& key, const std::string& value) const;
  void read(const StoreRequest& request, Duration timeout, StoreReply& reply);
  void write(const Json& body, Duration timeout, StoreReply& reply);
  [[nodiscard]] Status check_table(const Json& description) const;
  [[nodiscard]] Status create_table();
  [[nodiscard]] Error trouble(const std::string& what, const std::string& why) const {
    return {Errc::kUnavailable, "table \"" + config_.table + "\": " + what + ": " + why};
  }
  StoreOutcome put_in_one_step(const std::string& name, FencingToken token, const Json& update);
  StoreOutcome put_in_two_steps(const std::string& name, FencingToken token, const Json& update);

  DynamoConfig config_;
  std::unique_ptr<DynamoClient> client_;
  bool has_transactions_ = true;
};

Status DynamoStore::Impl::open() {
  const DynamoAnswer answer =
      client_->call("DescribeTable", {{"TableName", config_.table}}, config_.timeout);
  if (answer.outcome == StoreOutcome::kApplied) {
    const auto table = answer.body.find("Table");
    if (table == answer.body.end()) return trouble("cannot be described", "no usable reply");
    return check_table(*table);
  }
  if (answer.error_type == "ResourceNotFoundException") {
    if (config_.may_create) return create_table();
    return trouble("does not exist in region " + client_->region(),
                   "make it, or permit that with create=yes");
  }
  // Who may read and write rows may be forbidden to look at the table.
  if (answer.error_type == "AccessDeniedException") return Done{};
  return trouble("cannot be described", answer.trouble);
}

Status DynamoStore::Impl::check_table(const Json& description) const {
  // Without a schema that can be read there is nothing to compare: std::map order, HASH first.
  std::string wanted = config_.key + " HASH";
  if (!config_.sort_key.empty()) wanted += ", " + config_.sort_key + " RANGE";
  std::string found;
  const auto text = [](const Json& object, const char* name) {
    const auto value = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && value != object.end() && value->is_string()
               ? value->get<std::string>()
               : std::string();
  };
  const Json schema = description.is_object() ? description.value("KeySchema", Json()) : Json();
  const Json types =
      description.is_object() ? description.value("AttributeDefinitions", Json()) : Json();
  for (const Json& part : schema) {
    const std::string name = text(part, "AttributeName");
    found += (found.empty() ? "" : ", ") + name + " " + text(part, "KeyType");
    for (const Json& type : types) {
      if (text(type, "AttributeName") == name && text(type, "AttributeType") != "S") {
        found += " of type " + text(type, "AttributeType");
      }
    }
  }
  if (found != wanted) {
    return Error{Errc::kBadConfig, "table \"" + config_.table + "\": must have the keys " + wanted +
                                       ", strings, as key and sort_key say, but it has " + found};
  }
  const Json replicas = description.value("Replicas", Json());
  if (!replicas.empty() && text(description, "MultiRegionConsistency") != "STRONG") {
    return Error{Errc::kBadConfig, "table \"" + config_.table +
                                       "\": must be no global table of eventual consistency: of "
                                       "two regions both would grant a lock"};
  }
  return Done{};
}

Status DynamoStore::Impl::create_table() {
  Json definitions = Json::array({{{"AttributeName", config_.key}, {"AttributeType", "S"}}});
  Json schema = Json::array({{{"AttributeName", config_.key}, {"KeyType", "HASH"}}});
  if (!config_.sort_key.empty()) {
    definitions.push_back({{"AttributeName", config_.sort_key}, {"AttributeType", "S"}});
    schema.push_back({{"AttributeName", config_.sort_key}, {"KeyType", "RANGE"}});
  }
  const DynamoAnswer made = client_->call("CreateTable",
                                          {{"TableName", config_.table},
                                           {"AttributeDefinitions", definitions},
                                           {"KeySchema", schema},
                                           {"BillingMode", "PAY_PER_REQUEST"}},
                                          config_.timeout);
  // Another may have made it meanwhile; without a reply we may have.
  const bool may_exist = made.outcome == StoreOutcome::kApplied ||
                         made.outcome == StoreOutcome::kAmbiguous ||
                         made.error_type == "ResourceInUseException";
  if (!may_exist) return trouble("cannot be made", made.trouble);
  std::chrono::milliseconds wait = kCreateWait;
  for (int i = 0; i < kCreateTries; ++i, wait *= 2) {
    const DynamoAnswer seen =
        client_->call("DescribeTable", {{"TableName", config_.table}}, config_.timeout);
    const Json table =
        seen.outcome == StoreOutcome::kApplied ? seen.body.value("Table", Json()) : Json();
    if (table.is_object() && table.value("TableStatus", Json()) == "ACTIVE") {
      return check_table(table);
    }
    std::this_thread::sleep_for(wait);
  }
  return trouble("cannot be made", "it is not active after two minutes");
}

Json DynamoStore::Impl::update(const std::string& name, bool is_there, const std::string& condition,
                               const std::string& update) const {
  Json body = row(name);
  const std::string asked = is_there ? "attribute_exists" : "attribute_not_exists";
  std::string whole = asked + "(#pk)";
  body["ExpressionAttributeNames"]["#pk"] = config_.key;
  if (!config_.sort_key.empty()) {
    whole += " AND " + asked + "(#sk)";
    body["ExpressionAttributeNames"]["#sk"] = config_.sort_key;
  }
  body["ConditionExpression"] = condition.empty() ? whole : whole + " AND " + condition;
  body["UpdateExpression"] = update;
  body["ReturnValues"] = "ALL_NEW";
  return body;
}

Json DynamoStore::Impl::take(const std::string& name, const TakeLock& take) const {
  const bool from_clock = config_.token_start == TokenStart::kClock;
  std::string set = "SET #on = :on, #ld = :ld, #rvn = :new";
  if (from_clock) set += ", #ft = if_not_exists(#ft, :start) + :one";
  if (!take.data.empty()) set += ", #d = :d";
  for (std::size_t i = 0; i < config_.attributes.size(); ++i)
    set += ", #a" + std::to_string(i) + " = :a" + std::to_string(i);
  set += take.data.empty() ? " REMOVE #ir, #d" : " REMOVE #ir";
  if (!from_clock) set += " ADD #ft :one";
  Json body = update(name, take.expected.has_value(), take.expected ? "#rvn = :rvn" : "", set);
  Json& names = body["ExpressionAttributeNames"];
  names["#on"] = "ownerName";
  names["#ld"] = "leaseDuration";
  names["#rvn"] = "recordVersionNumber";
  names["#ir"] = "isReleased";
  names["#d"] = "data";
  names["#ft"] = "fencingToken";
  Json& values = body["ExpressionAttributeValues"];
  values[":on"] = text_value(take.owner);
  values[":ld"] = lease_value(take.lease);
  values[":new"] = text_value(take.version.text);
  values[":one"] = number_value(1);
  std::size_t count = 0;
  for (const auto& [attribute, value] : config_.attributes) {
    const std::string number = std::to_string(count++);
    names["#a" + number] = attribute;
    values[":a" + number] = text_value(value);
  }
  if (take.expected) values[":rvn"] = text_value(take.expected->text);
  if (!take.data.empty()) values[":d"] = bytes_value(take.data);
  if (from_clock) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
    values[":start"] = number_value(static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)));
  }
  return body;
}

Json DynamoStore::Impl::renew(const std::string& name, const RenewLock& renew) const {
  Json body = update(name, true, "#rvn = :rvn AND #on = :on AND attribute_not_exists(#ir)",
                     "SET #ld = :ld, #rvn = :new");
  Json& names = body["ExpressionAttributeNames"];
  names["#on"] = "ownerName";
  names["#ld"] = "leaseDuration";
  names["#rvn"] = "recordVersionNumber";
  names["#ir"] = "isReleased";
  body["ExpressionAttributeValues"] = {{":on", text_value(renew.owner)},
                                       {":rvn", text_value(renew.expected.text)},
                                       {":new", text_value(renew.version.text)},
                                       {":ld", lease_value(renew.lease)}};
  return body;
}

Json DynamoStore::Impl::release(const std::string& name, const ReleaseLock& release) const {
  Json body = update(name, true, "#rvn = :rvn AND #on = :on AND attribute_not_exists(#ir)",
                     "SET #ir = :ir");
  Json& names = body["ExpressionAttributeNames"];
  names["#on"] = "ownerName";
  names["#rvn"] = "recordVersionNumber";
  names["#ir"] = "isReleased";
  body["ExpressionAttributeValues"] = {{":on", text_value(release.owner)},
                                       {":rvn", text_value(release.expected.text)},
                                       {":ir", text_value("1")}};
  return body;
}

StoreReply DynamoStore::Impl::apply(const StoreRequest& request) {
  StoreReply reply{.id = request.id, .outcome = StoreOutcome::kUnavailable};
  if (request.name.starts_with(kValuePrefix)) {
    reply.trouble = std::string("no lock's name may begin with ") + kValuePrefix;
    return reply;
  }
  const Duration timeout = request.timeout > Duration::zero() ? request.timeout : config_.timeout;
  if (const auto* take_lock = std::get_if<TakeLock>(&request.operation)) {
    write(take(request.name, *take_lock), timeout, reply);
  } else if (const auto* renew_lock = std::get_if<RenewLock>(&request.operation)) {
    write(renew(request.name, *renew_lock), timeout, reply);
  } else if (const auto* release_lock = std::get_if<ReleaseLock>(&request.operation)) {
    write(release(request.name, *release_lock), timeout, reply);
  } else {
    read(request, timeout, reply);
  }
  return reply;
}

void DynamoStore::Impl::write(const Json& body, Duration timeout, StoreReply& reply) {
  const DynamoAnswer answer = client_->call("UpdateItem", body, timeout);
  reply.outcome = answer.outcome;
  reply.trouble = answer.trouble;
  if (answer.outcome != StoreOutcome::kApplied) return;
  const auto attributes = answer.body.find("Attributes");
  const std::optional<FencingToken> token =
      attributes == answer.body.end() ? std::nullopt : token_of(*attributes);
  if (token) {
    reply.token = *token;
    return;
  }
  // It says that it was applied and not with which token: that is looked up.
  reply.outcome = StoreOutcome::kAmbiguous;
  reply.trouble = "UpdateItem: a reply without a usable fencingToken";
}

void DynamoStore::Impl::read(const StoreRequest& request, Duration timeout, StoreReply& reply) {
  Json body = row(request.name);
  body["ConsistentRead"] = true;
  const DynamoAnswer answer = client_->call("GetItem", body, timeout);
  reply.trouble = answer.trouble;
  if (answer.outcome != StoreOutcome::kApplied) return;
  const auto item = answer.body.find("Item");
  if (item != answer.body.end()) {
    Result<LockRecord> record = record_of(config_, *item);
    if (!record) {
      reply.trouble = record.error().message;
      return;
    }
    reply.record = *std::move(record);
  }
  reply.outcome = StoreOutcome::kApplied;
}

Result<std::vector<LockRecord>> DynamoStore::Impl::list() {
  std::vector<LockRecord> records;
  Json body = {{"TableName", config_.table},
               {"FilterExpression", "attribute_exists(#on)"},
               {"ExpressionAttributeNames", {{"#on", "ownerName"}}}};
  for (int page = 0; page < kPagesMax; ++page) {
    const DynamoAnswer answer = client_->call("Scan", body, config_.timeout);
    if (answer.outcome != StoreOutcome::kApplied) return trouble("cannot be read", answer.trouble);
    for (const Json& item : answer.body.value("Items", Json::array())) {
      const bool is_ours =
          config_.sort_key.empty() || text_of(item, config_.sort_key) == config_.sort_value;
      Result<LockRecord> record = record_of(config_, item);
      if (is_ours && record) records.push_back(*std::move(record));
    }
    const auto last = answer.body.find("LastEvaluatedKey");
    if (last == answer.body.end() || !last->is_object() || last->empty()) {
      std::sort(records.begin(), records.end(),
                [](const LockRecord& a, const LockRecord& b) { return a.name < b.name; });
      return records;
    }
    body["ExclusiveStartKey"] = *last;
  }
  return trouble("cannot be read", "it has more than a thousand pages");
}

StoreOutcome DynamoStore::Impl::force_release(const std::string& name) {
  Json body =
      update(name, true, "attribute_exists(#on) AND attribute_not_exists(#ir)", "SET #ir = :ir");
  body["ExpressionAttributeNames"]["#on"] = "ownerName";
  body["ExpressionAttributeNames"]["#ir"] = "isReleased";
  body["ExpressionAttributeValues"] = {{":ir", text_value("1")}};
  return client_->call("UpdateItem", body, config_.timeout).outcome;
}

Json DynamoStore::Impl::value_update(const std::string& name, FencingToken token,
                                     const std::string& key, const std::string& value) const {
  Json body = row(kValuePrefix + key);
  body["UpdateExpression"] = "SET #v = :v, #last = :t";
  body["ConditionExpression"] = "attribute_not_exists(#last) OR #last <= :t";
  body["ExpressionAttributeNames"] = {{"#v", "value"}, {"#last", last_token_of(name)}};
  body["ExpressionAttributeValues"] = {{":v", bytes_value(value)},
                                       {":t", number_value(token.value())}};
  return body;
}

StoreOutcome DynamoStore::Impl::fenced_put(const std::string& name, FencingToken token,
                                           const std::string& key, const std::string& value) {
  const Json update = value_update(name, token, key, value);
  if (has_transactions_) {
    const StoreOutcome outcome = put_in_one_step(name, token, update);
    if (has_transactions_) return outcome;
  }
  return put_in_two_steps(name, token, update);
}

StoreOutcome DynamoStore::Impl::put_in_one_step(const std::string& name, FencingToken token,
                                                const Json& update) {
  Json check = row(name);
  check["ConditionExpression"] = "#ft = :t AND attribute_not_exists(#ir)";
  check["ExpressionAttributeNames"] = {{"#ft", "fencingToken"}, {"#ir", "isReleased"}};
  check["ExpressionAttributeValues"] = {{":t", number_value(token.value())}};
  const Json body = {
      {"TransactItems", Json::array({{{"ConditionCheck", check}}, {{"Update", update}}})}};
  const DynamoAnswer answer = client_->call("TransactWriteItems", body, config_.timeout);
  if (answer.error_type == "UnknownOperationException") has_transactions_ = false;
  if (answer.error_type != "TransactionCanceledException") return answer.outcome;
  // Nothing was written. Why not: by a condition, or by a conflict that is over the next time.
  if (!answer.body.is_object()) return StoreOutcome::kUnavailable;
  for (const Json& reason : answer.body.value("CancellationReasons", Json::array())) {
    if (reason.is_object() && reason.value("Code", Json()) == "ConditionalCheckFailed") {
      return StoreOutcome::kConditionFailed;
    }
  }
  return StoreOutcome::kUnavailable;
}

StoreOutcome DynamoStore::Impl::put_in_two_steps(const std::string& name, FencingToken token,
                                                 const Json& update) {
  StoreReply seen;
  read({.id = 0, .name = name, .operation = ReadLock{}, .timeout = {}}, config_.timeout, seen);
  if (seen.outcome != StoreOutcome::kApplied) return StoreOutcome::kUnavailable;
  if (!seen.record || seen.record->is_released || seen.record->token != token) {
    return StoreOutcome::kConditionFailed;
  }
  return client_->call("UpdateItem", update, config_.timeout).outcome;
}

Result<std::optional<std::string>> DynamoStore::Impl::fenced_get(const std::string& key) {
  Json body = row(kValuePrefix + key);
  body["ConsistentRead"] = true;
  const DynamoAnswer answer = client_->call("GetItem", body, config_.timeout);
  if (answer.outcome != StoreOutcome::kApplied) return trouble("cannot be read", answer.trouble);
  const auto item = answer.body.find("Item");
  if (item == answer.body.end()) return std::optional<std::string>();
  return bytes_of(*item, "value");
}

DynamoStore::DynamoStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DynamoStore::~DynamoStore() = default;

Result<std::unique_ptr<DynamoStore>> DynamoStore::open(DynamoConfig config,
                                                       AwsEnvironment environment) {
  if (Status valid = validate(config); !valid) return valid.error();
  auto client = DynamoClient::create(config, environment);
  if (!client) return client.error();
  auto impl = std::make_unique<Impl>(std::move(config), *std::move(client));
  if (Status opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<DynamoStore>(new DynamoStore(std::move(impl)));
}

StoreReply DynamoStore::apply(const StoreRequest& request) {
  return impl_->apply(request);
}
Result<std::vector<LockRecord>> DynamoStore::list() {
  return impl_->list();
}
StoreOutcome DynamoStore::force_release(const std::string& name) {
  return impl_->force_release(name);
}
StoreOutcome DynamoStore::fenced_put(const std::string& name, FencingToken token,
                                     const std::string& key, const std::string& value) {
  return impl_->fenced_put(name, token, key, value);
}
Result<std::optional<std::string>> DynamoStore::fenced_get(const std::string& key) {
  return impl_->fenced_get(key);
}

}  // namespace vouch::election
