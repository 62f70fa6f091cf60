#include "vouch/election_etcd/etcd_store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>

#include "etcd_watch.h"
#include "etcd_wire.h"
#include "vouch/election_http/http_client.h"

namespace vouch::election {
namespace {

using Clock = std::chrono::steady_clock;
using etcd::Pair;
using etcd::PairsReply;

/// etcd grants no shorter lease, by its own election timeout.
constexpr std::uint64_t kTtlMin = 2;
constexpr std::size_t kLeaseDigits = 16;

std::string hex(std::uint64_t number) {
  std::array<char, kLeaseDigits + 1> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

/// The end of the range of all keys that begin with `prefix`, which ends in `/`: so "a" does not
/// see "ab".
std::string end_of(std::string prefix) {
  ++prefix.back();
  return prefix;
}

/// What the value of a place says of its maker.
struct Maker {
  std::string guid;
  std::uint64_t ttl_s = 0;
  std::string owner;
};

std::string value_of(const Maker& maker) {
  return etcd::escape(maker.guid) + " " + std::to_string(maker.ttl_s) + " " +
         etcd::escape(maker.owner);
}

/// A value that is not as it should be stands for a place all the same, of nobody that is known.
Maker maker_of(const std::string& value) {
  const std::size_t first = value.find(' ');
  const std::size_t second = first == std::string::npos ? first : value.find(' ', first + 1);
  if (second == std::string::npos) return {};
  const std::string_view text = value;
  const auto guid = etcd::unescape(text.substr(0, first));
  const auto ttl_s = etcd::read_number(text.substr(first + 1, second - first - 1));
  const auto owner = etcd::unescape(text.substr(second + 1));
  if (!guid || !ttl_s || *ttl_s > 1'000'000'000 || !owner) return {};
  return {*guid, *ttl_s, *owner};
}

/// `LEASE@REVISION`: which key of the queue, and which of those that it was at different times.
std::string place_id(const Pair& pair) {
  return hex(pair.lease) + "@" + std::to_string(pair.created);
}

struct PlaceKey {
  std::uint64_t lease = 0;
  std::uint64_t created = 0;
};

std::optional<PlaceKey> read_place_id(std::string_view id) {
  if (id.size() < kLeaseDigits + 2 || id[kLeaseDigits] != '@') return std::nullopt;
  const auto lease = etcd::read_number(id.substr(0, kLeaseDigits), 16);
  const auto created = etcd::read_number(id.substr(kLeaseDigits + 1));
  if (!lease || !created) return std::nullopt;
  return PlaceKey{*lease, *created};
}

/// Whether `pair`, whose key ends in `digits`, was made by a candidate: bound to the lease that it
/// names. What somebody else has put there is no place.
bool is_place(const Pair& pair, std::string_view digits) {
  return digits.size() == kLeaseDigits && pair.lease != 0 && digits == hex(pair.lease);
}

QueuePlace place_of(const Pair& pair) {
  const Maker maker = maker_of(pair.value);
  return {.id = place_id(pair),
          .guid = maker.guid,
          .owner = maker.owner,
          .session = SessionId{pair.lease},
          .token = FencingToken{pair.created}};
}

/// Whether an error of etcd means that the request was refused before it did anything.
bool is_refusal(int status) {
  constexpr std::array kRefusals{400, 401, 403, 404, 405, 412, 413, 429};
  return std::find(kRefusals.begin(), kRefusals.end(), status) != kRefusals.end();
}

/// How a request went, with the text of the reply if it was answered as it should be.
struct Called {
  StoreOutcome outcome = StoreOutcome::kAmbiguous;
  std::string body;
  std::string trouble;
};

/// Requests on one connection, to the first endpoint that answers.
class Caller {
 public:
  Caller(const EtcdConfig& config, std::unique_ptr<HttpClient> client)
      : endpoints_(config.endpoints),
        user_(config.user),
        password_(config.password),
        client_(std::move(client)) {}

  Called call(const std::string& path, const std::string& body, Clock::time_point deadline) {
    for (bool is_again = false;; is_again = true) {
      if (Called signed_in = sign_in(deadline); signed_in.outcome != StoreOutcome::kApplied) {
        return signed_in;
      }
      HttpReply reply = send(path, body, deadline);
      const bool is_unknown = reply.outcome == HttpOutcome::kAnswered && reply.status == 401;
      if (!is_unknown || token_.empty() || is_again) return judge(std::move(reply));
      // The token has run out, and the request was refused.
      token_.clear();
    }
  }

  /// Where the last request went, or the next one goes if that failed.
  [[nodiscard]] const std::string& endpoint() const { return endpoints_[at_]; }
  void turn() { at_ = (at_ + 1) % endpoints_.size(); }
  /// What a request says of who sends it; empty: nothing.
  [[nodiscard]] const std::string& token() const { return token_; }

 private:
  /// Whatever comes of it, what was to be sent has not been.
  Called sign_in(Clock::time_point deadline) {
    if (user_.empty() || !token_.empty()) return {StoreOutcome::kApplied, {}, {}};
    Called called =
        judge(send("/v3/auth/authenticate", etcd::authenticate_body(user_, password_), deadline));
    const auto token = etcd::read_token(called.body);
    if (called.outcome == StoreOutcome::kApplied && token) {
      token_ = *token;
      return called;
    }
    if (called.trouble.empty()) called.trouble = "no token";
    return {StoreOutcome::kUnavailable, {}, "authentication: " + called.trouble};
  }

  HttpReply send(const std::string& path, const std::string& body, Clock::time_point deadline) {
    HttpReply reply;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      const Duration left = deadline - Clock::now();
      if (left <= Duration::zero()) break;
      HttpRequest request;
      request.url = endpoint() + path;
      request.headers = {{"Content-Type", "application/json"}};
      if (!token_.empty()) request.headers.push_back({"Authorization", token_});
      request.body = body;
      request.timeout = left;
      reply = client_->send(request);
      if (reply.outcome == HttpOutcome::kAnswered) break;
      turn();
      if (reply.outcome == HttpOutcome::kNoReply) break;
    }
    return reply;
  }

  Called judge(HttpReply reply) {
    if (reply.outcome != HttpOutcome::kAnswered) {
      const bool is_sent = reply.outcome == HttpOutcome::kNoReply;
      if (reply.trouble.empty()) reply.trouble = "out of time";
      return {is_sent ? StoreOutcome::kAmbiguous : StoreOutcome::kUnavailable, {}, reply.trouble};
    }
    if (reply.status == 200) return {StoreOutcome::kApplied, std::move(reply.body), {}};
    const std::string error = etcd::read_error(reply.body);
    if (error == "etcdserver: requested lease not found") {
      return {StoreOutcome::kConditionFailed, {}, {}};
    }
    // A member may be cut off from the others.
    if (!is_refusal(reply.status)) turn();
    return {is_refusal(reply.status) ? StoreOutcome::kUnavailable : StoreOutcome::kAmbiguous,
            {},
            "status " + std::to_string(reply.status) + (error.empty() ? "" : ": " + error)};
  }

  std::vector<std::string> endpoints_;
  std::string user_;
  std::string password_;
  std::unique_ptr<HttpClient> client_;
  std::size_t at_ = 0;
  std::string token_;
};

Called unreadable() {
  return {StoreOutcome::kAmbiguous, {}, "a reply that is not etcd's"};
}

QueueReply answer(Called&& called) {
  QueueReply reply;
  reply.outcome = called.outcome;
  reply.trouble = std::move(called.trouble);
  return reply;
}

/// Of the same failure, what it means for something that changes nothing.
StoreOutcome outcome_of_read(const Called& called) {
  return called.outcome == StoreOutcome::kAmbiguous ? StoreOutcome::kUnavailable : called.outcome;
}

Error error_of(const Called& called) {
  return {Errc::kUnavailable, "etcd: " + called.trouble};
}

}  // namespace

class EtcdStore::Impl {
 public:
  Impl(const EtcdConfig& config, std::array<std::unique_ptr<HttpClient>, 3> clients)
      : config_(config),
        elector_(config, std::move(clients[0])),
        program_(config, std::move(clients[1])),
        watcher_(std::move(clients[2])) {}

  QueueReply apply(const QueueRequest& request) {
    deadline_ = Clock::now() + request.timeout;
    QueueReply reply =
        std::visit([&](const auto& op) { return carry_out(request.name, op); }, request.operation);
    reply.id = request.id;
    return reply;
  }

  void set_notify(std::function<void(const QueueNotice&)> notify) {
    watcher_.set_notify(std::move(notify));
  }

  Result<std::vector<LockRecord>> list() {
    const std::lock_guard lock(mutex_);
    const std::string all = config_.prefix + "/queues/";
    PairsReply pairs;
    if (Called called = read(program_, all, end_of(all), 0, program_deadline(), pairs);
        called.outcome != StoreOutcome::kApplied) {
      return error_of(called);
    }
    // In the order in which they were made: the first of a name is the first of its queue.
    std::map<std::string, LockRecord> first;
    for (const Pair& pair : pairs.pairs) {
      const std::string_view rest = std::string_view(pair.key).substr(all.size());
      const std::size_t slash = rest.find('/');
      if (slash == std::string_view::npos || !is_place(pair, rest.substr(slash + 1))) continue;
      const std::optional<std::string> name = etcd::unescape(rest.substr(0, slash));
      if (!name) continue;
      const Maker maker = maker_of(pair.value);
      first.try_emplace(*name, LockRecord{.name = *name,
                                          .owner = maker.owner,
                                          .version = {place_id(pair)},
                                          .lease = std::chrono::seconds(maker.ttl_s),
                                          .token = FencingToken{pair.created},
                                          .is_released = false,
                                          .data = {}});
    }
    std::vector<LockRecord> records;
    for (auto& [name, record] : first)
      records.push_back(std::move(record));
    return records;
  }

  StoreOutcome force_release(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const Clock::time_point deadline = program_deadline();
    std::vector<Pair> places;
    PairsReply pairs;
    const Called called = read_queue(program_, name, deadline, pairs, places);
    if (called.outcome != StoreOutcome::kApplied) return outcome_of_read(called);
    if (places.empty()) return StoreOutcome::kConditionFailed;
    const Pair& first = places.front();
    return transact(first, etcd::delete_operation(first.key), deadline);
  }

  StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                          const std::string& value) {
    const std::lock_guard lock(mutex_);
    const Clock::time_point deadline = program_deadline();
    std::vector<Pair> places;
    PairsReply pairs;
    const Called called = read_queue(program_, name, deadline, pairs, places);
    if (called.outcome != StoreOutcome::kApplied) return outcome_of_read(called);
    // The first stays the first until it goes, so that the transaction has only to see that it is
    // still there.
    if (places.empty() || FencingToken{places.front().created} != token) {
      return StoreOutcome::kConditionFailed;
    }
    return transact(places.front(), etcd::put_operation(value_key(key), value, 0), deadline);
  }

  Result<std::optional<std::string>> fenced_get(const std::string& key) {
    const std::lock_guard lock(mutex_);
    PairsReply pairs;
    if (Called called = read(program_, value_key(key), {}, 0, program_deadline(), pairs);
        called.outcome != StoreOutcome::kApplied) {
      return error_of(called);
    }
    if (pairs.pairs.empty()) return std::optional<std::string>();
    return std::optional(pairs.pairs.front().value);
  }

 private:
  [[nodiscard]] Clock::time_point program_deadline() const {
    return Clock::now() + config_.timeout;
  }
  [[nodiscard]] std::string queue_prefix(const std::string& name) const {
    return config_.prefix + "/queues/" + etcd::escape(name) + "/";
  }
  [[nodiscard]] std::string place_key(const std::string& name, std::uint64_t lease) const {
    return queue_prefix(name) + hex(lease);
  }
  [[nodiscard]] std::string value_key(const std::string& key) const {
    return config_.prefix + "/values/" + key;
  }

  /// Linearizable, as all reads here are: etcd asks a majority first.
  static Called read(Caller& caller, const std::string& key, const std::string& end,
                     std::uint64_t limit, Clock::time_point deadline, PairsReply& pairs) {
    Called called = caller.call("/v3/kv/range", etcd::range_body(key, end, limit), deadline);
    if (called.outcome != StoreOutcome::kApplied) return called;
    std::optional<PairsReply> reply = etcd::read_pairs(called.body);
    if (!reply || reply->is_partial) return unreadable();
    for (const Pair& pair : reply->pairs) {
      const bool is_within = end.empty() ? pair.key == key : pair.key.starts_with(key);
      if (!is_within) return unreadable();
    }
    const auto is_later = [](const Pair& a, const Pair& b) { return a.created < b.created; };
    if (!std::is_sorted(reply->pairs.begin(), reply->pairs.end(), is_later)) return unreadable();
    pairs = *std::move(reply);
    return called;
  }

  /// The places of a queue in order.
  Called read_queue(Caller& caller, const std::string& name, Clock::time_point deadline,
                    PairsReply& pairs, std::vector<Pair>& places) const {
    const std::string prefix = queue_prefix(name);
    Called called = read(caller, prefix, end_of(prefix), 0, deadline, pairs);
    for (const Pair& pair : pairs.pairs) {
      if (is_place(pair, std::string_view(pair.key).substr(prefix.size()))) places.push_back(pair);
    }
    return called;
  }

  /// `operation`, if the key of `place` is still the one that was read.
  StoreOutcome transact(const Pair& place, const std::string& operation,
                        Clock::time_point deadline) {
    const Called called = program_.call(
        "/v3/kv/txn", etcd::transaction_body(place.key, place.created, operation), deadline);
    if (called.outcome != StoreOutcome::kApplied) return called.outcome;
    const std::optional<PairsReply> reply = etcd::read_transaction(called.body);
    if (!reply) return StoreOutcome::kAmbiguous;
    return reply->succeeded ? StoreOutcome::kApplied : StoreOutcome::kConditionFailed;
  }

  /// Renews the session. kConditionFailed: etcd has no such lease any more.
  Called renew(SessionId session, std::uint64_t& term) {
    Called called =
        elector_.call("/v3/lease/keepalive", etcd::lease_body(session.value()), deadline_);
    if (called.outcome != StoreOutcome::kApplied) return called;
    const std::optional<etcd::LeaseReply> reply = etcd::read_keepalive(called.body);
    if (!reply || reply->lease != session.value()) return unreadable();
    term = reply->header.term;
    const auto granted = granted_.find(session);
    if (reply->ttl_s == 0) {
      if (granted != granted_.end()) granted_.erase(granted);
      called.outcome = StoreOutcome::kConditionFailed;
    } else if (granted != granted_.end() && reply->ttl_s < granted->second) {
      return {StoreOutcome::kAmbiguous, {}, "etcd renewed the lease for less than it granted"};
    }
    return called;
  }

  /// The keepalive counts only if etcd had the same leader before it (the header of its reply is
  /// made before the renewal) and after the read, which a majority has confirmed: see the class.
  static Called confirm(Called called, std::uint64_t renewed, std::uint64_t read) {
    if (called.outcome != StoreOutcome::kApplied || renewed == read) return called;
    return {StoreOutcome::kAmbiguous, {}, "etcd elected a leader meanwhile"};
  }

  QueueReply carry_out(const std::string& /*name*/, const OpenSession& open) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(open.timeout).count();
    const std::uint64_t ttl_s =
        std::max(kTtlMin, static_cast<std::uint64_t>(std::max<std::int64_t>(0, whole)));
    Called called = elector_.call("/v3/lease/grant", etcd::grant_body(ttl_s), deadline_);
    if (called.outcome != StoreOutcome::kApplied) return answer(std::move(called));
    const std::optional<etcd::LeaseReply> reply = etcd::read_lease(called.body);
    if (!reply || reply->ttl_s == 0 || reply->ttl_s > 1'000'000'000) return answer(unreadable());
    granted_[SessionId{reply->lease}] = reply->ttl_s;
    return {.outcome = StoreOutcome::kApplied,
            .session = SessionId{reply->lease},
            .timeout = std::chrono::seconds(reply->ttl_s)};
  }

  QueueReply carry_out(const std::string& /*name*/, const CloseSession& close) {
    watcher_.stop(close.session);
    granted_.erase(close.session);
    return answer(
        elector_.call("/v3/lease/revoke", etcd::lease_body(close.session.value()), deadline_));
  }

  QueueReply carry_out(const std::string& name, const KeepSession& keep) {
    std::uint64_t term = 0;
    Called called = renew(keep.session, term);
    if (called.outcome != StoreOutcome::kApplied || keep.place.empty()) {
      return answer(std::move(called));
    }
    const std::optional<PlaceKey> place = read_place_id(keep.place);
    bool is_there = false;
    PairsReply pairs;
    if (place) {
      called = read(elector_, place_key(name, place->lease), {}, 0, deadline_, pairs);
      called = confirm(std::move(called), term, pairs.header.term);
      is_there = is_same(pairs, *place);
    }
    if (called.outcome == StoreOutcome::kApplied && !is_there) {
      called.outcome = StoreOutcome::kConditionFailed;
    }
    return answer(std::move(called));
  }

  /// A key of that name that somebody has made since is another place.
  static bool is_same(const PairsReply& pairs, const PlaceKey& place) {
    return pairs.pairs.size() == 1 && pairs.pairs.front().created == place.created &&
           pairs.pairs.front().lease == place.lease;
  }

  QueueReply carry_out(const std::string& name, const JoinQueue& join) {
    const std::uint64_t lease = join.session.value();
    const auto granted = granted_.find(join.session);
    const Maker maker{join.guid, granted == granted_.end() ? 0 : granted->second, join.owner};
    const std::string key = place_key(name, lease);
    const std::string put = etcd::put_operation(key, value_of(maker), lease);
    // Lease 0 would be a key that never goes.
    if (lease == 0) return {.outcome = StoreOutcome::kConditionFailed};
    Called called = elector_.call("/v3/kv/txn", etcd::transaction_body(key, 0, put), deadline_);
    if (called.outcome != StoreOutcome::kApplied) return answer(std::move(called));
    const std::optional<PairsReply> reply = etcd::read_transaction(called.body);
    if (!reply || reply->pairs.size() != 1 || reply->pairs.front().key != key) {
      return answer(unreadable());
    }
    const Pair& pair = reply->pairs.front();
    if (pair.lease != lease) {
      return answer({StoreOutcome::kUnavailable, {}, "somebody else has put a key at the place"});
    }
    return {.outcome = StoreOutcome::kApplied, .places = {place_of(pair)}};
  }

  QueueReply carry_out(const std::string& name, const ListQueue& list) {
    std::uint64_t term = 0;
    Called called = renew(list.session, term);
    if (called.outcome != StoreOutcome::kApplied) return answer(std::move(called));
    PairsReply pairs;
    std::vector<Pair> places;
    called = read_queue(elector_, name, deadline_, pairs, places);
    QueueReply reply = answer(confirm(std::move(called), term, pairs.header.term));
    if (reply.outcome != StoreOutcome::kApplied) return reply;
    std::transform(places.begin(), places.end(), std::back_inserter(reply.places), place_of);
    return reply;
  }

  QueueReply carry_out(const std::string& name, const WatchPlace& watch) {
    std::uint64_t term = 0;
    Called called = renew(watch.session, term);
    if (called.outcome != StoreOutcome::kApplied) return answer(std::move(called));
    const std::optional<PlaceKey> place = read_place_id(watch.place);
    if (!place) return {.outcome = StoreOutcome::kConditionFailed};
    const std::string key = place_key(name, place->lease);
    PairsReply pairs;
    called = read(elector_, key, {}, 0, deadline_, pairs);
    if (called.outcome != StoreOutcome::kApplied) return answer(std::move(called));
    if (!is_same(pairs, *place)) return {.outcome = StoreOutcome::kConditionFailed};
    QueueReply reply{.outcome = StoreOutcome::kApplied};
    if (watcher_.is_watching(watch.session, watch.place)) return reply;
    // From what was just seen: nothing is missed in between.
    reply.outcome =
        watcher_.start({watch.session, watch.place, elector_.endpoint() + "/v3/watch",
                        etcd::watch_body(key, pairs.header.revision + 1), elector_.token()},
                       deadline_, reply.trouble);
    if (reply.outcome != StoreOutcome::kApplied) elector_.turn();
    return reply;
  }

  EtcdConfig config_;
  Caller elector_;  ///< Of whoever calls apply,
  Clock::time_point deadline_;
  std::map<SessionId, std::uint64_t> granted_;  ///< and the seconds of the sessions opened here.
  std::mutex mutex_;
  Caller program_;  ///< Of the others: a heartbeat does not wait for them.
  etcd::Watcher watcher_;
};

Result<std::unique_ptr<EtcdStore>> EtcdStore::open(const EtcdConfig& config) {
  if (Status checked = validate(config); !checked) return checked.error();
  HttpClientConfig http;
  http.connect_timeout = config.connect_timeout;
  http.ca_file = config.ca_file;
  http.cert_file = config.cert_file;
  http.key_file = config.key_file;
  std::array<std::unique_ptr<HttpClient>, 3> clients;
  for (auto& client : clients) {
    auto created = HttpClient::create(http);
    if (!created) return created.error();
    client = *std::move(created);
  }
  return std::unique_ptr<EtcdStore>(
      new EtcdStore(std::make_unique<Impl>(config, std::move(clients))));
}

EtcdStore::EtcdStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EtcdStore::~EtcdStore() = default;

QueueReply EtcdStore::apply(const QueueRequest& request) {
  return impl_->apply(request);
}
void EtcdStore::set_notify(std::function<void(const QueueNotice&)> notify) {
  impl_->set_notify(std::move(notify));
}
Result<std::vector<LockRecord>> EtcdStore::list() {
  return impl_->list();
}
StoreOutcome EtcdStore::force_release(const std::string& name) {
  return impl_->force_release(name);
}
StoreOutcome EtcdStore::fenced_put(const std::string& name, FencingToken token,
                                   const std::string& key, const std::string& value) {
  return impl_->fenced_put(name, token, key, value);
}
Result<std::optional<std::string>> EtcdStore::fenced_get(const std::string& key) {
  return impl_->fenced_get(key);
}

}  // namespace vouch::election
