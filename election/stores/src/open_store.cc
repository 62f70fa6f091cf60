#include "vouch/election_stores/open_store.h"

#include <array>
#include <cstdlib>
#include <utility>

#ifdef VOUCH_HAS_SQLITE
#include "vouch/election_sqlite/sqlite_store.h"
#endif
#ifdef VOUCH_HAS_DYNAMODB
#include "vouch/election_dynamodb/dynamo_store.h"
#endif
#ifdef VOUCH_HAS_ETCD
#include "vouch/election_etcd/etcd_store.h"
#endif
#ifdef VOUCH_HAS_ZOOKEEPER
#include "vouch/election_zookeeper/zookeeper_store.h"
#endif

namespace vouch::election {
namespace {

/// What stands before the first colon of an address, and what is done with the rest.
struct StoreScheme {
  const char* name;
  const char* form;
  const char* needs;  ///< When this build lacks it.
  Result<OpenedStore> (*open)(const std::string& rest, StoreUse use);
};

/// `store` as `member`, or why it did not open.
template <typename Member, typename Store>
Result<OpenedStore> opened_as(Member OpenedStore::*member, Result<std::unique_ptr<Store>> store) {
  if (!store) return store.error();
  OpenedStore opened;
  opened.*member = *std::move(store);
  return opened;
}

#ifdef VOUCH_HAS_SQLITE
Result<OpenedStore> open_sqlite(const std::string& rest, StoreUse use) {
  return opened_as(&OpenedStore::records, use == StoreUse::kElect
                                              ? SqliteStore::open(rest)
                                              : SqliteStore::open_existing(rest));
}
#else
constexpr auto open_sqlite = nullptr;
#endif

#ifdef VOUCH_HAS_DYNAMODB
Result<OpenedStore> open_dynamodb(const std::string& rest, StoreUse use) {
  Result<DynamoConfig> config = DynamoConfig::parse(rest);
  if (!config) return config.error();
  // Looking makes nothing.
  if (use == StoreUse::kLook) config->may_create = false;
  return opened_as(&OpenedStore::records, DynamoStore::open(*config));
}
#else
constexpr auto open_dynamodb = nullptr;
#endif

#ifdef VOUCH_HAS_ETCD
Result<OpenedStore> open_etcd(const std::string& rest, StoreUse /*use*/) {
  Result<EtcdConfig> config = read_etcd_address(rest);
  if (!config) return config.error();
  // As etcdctl has them.
  const std::pair<const char*, std::string*> files[] = {{"ETCDCTL_CACERT", &config->ca_file},
                                                        {"ETCDCTL_CERT", &config->cert_file},
                                                        {"ETCDCTL_KEY", &config->key_file}};
  for (const auto& [variable, file] : files) {
    if (const char* const value = std::getenv(variable); value != nullptr) *file = value;
  }
  if (const char* const user = std::getenv("ETCDCTL_USER"); user != nullptr) {
    const std::string text = user;
    const std::size_t end = text.find(':');
    config->user = text.substr(0, end);
    if (end != std::string::npos) config->password = text.substr(end + 1);
  }
  Result<OpenedStore> store = opened_as(&OpenedStore::queues, EtcdStore::open(*config));
  if (!store) return store;
  store->lease_min = std::chrono::seconds(2);
  store->lease_step = std::chrono::seconds(1);
  return store;
}
#else
constexpr auto open_etcd = nullptr;
#endif

#ifdef VOUCH_HAS_ZOOKEEPER
Result<OpenedStore> open_zookeeper(const std::string& rest, StoreUse /*use*/) {
  return opened_as(&OpenedStore::queues, ZooKeeperStore::open(rest));
}
#else
constexpr auto open_zookeeper = nullptr;
#endif

// Another store is one line here, its function above, and its library in CMakeLists.txt.
constexpr std::array kSchemes{
    StoreScheme{"sqlite", "sqlite:FILE", "libsqlite3-dev", open_sqlite},
    StoreScheme{"dynamodb", "dynamodb:TABLE[?NAME=VALUE[&NAME=VALUE]...]",
                "libcurl4-openssl-dev and nlohmann-json3-dev", open_dynamodb},
    StoreScheme{"etcd", "etcd:HOST:PORT[,HOST:PORT...][/PREFIX]",
                "libcurl4-openssl-dev and nlohmann-json3-dev", open_etcd},
    StoreScheme{"zookeeper", "zookeeper:HOST:PORT[,HOST:PORT...]/PATH",
                "libzookeeper-st-dev and libboost1.81-dev", open_zookeeper},
};

std::string in_ms(Duration span) {
  return std::to_string(span / std::chrono::milliseconds(1)) + " ms";
}

}  // namespace

Result<OpenedStore> open_store(const std::string& where, StoreUse use) {
  const std::size_t colon = where.find(':');
  for (const StoreScheme& scheme : kSchemes) {
    if (colon == std::string::npos || where.substr(0, colon) != scheme.name) continue;
    if (scheme.open == nullptr) {
      return Error{Errc::kBadConfig, std::string("this build has no ") + scheme.name +
                                         " store, as it was made without " + scheme.needs};
    }
    if (colon + 1 < where.size()) return scheme.open(where.substr(colon + 1), use);
  }
  return Error{Errc::kBadConfig,
               "must be one of " + store_forms() + ", but it is \"" + where + "\""};
}

std::string store_forms() {
  std::string forms;
  for (const StoreScheme& scheme : kSchemes)
    forms += (forms.empty() ? "" : ", ") + std::string(scheme.form);
  return forms;
}

Status check_fit(const OpenedStore& store, const ElectorConfig& config) {
  if (config.lease < store.lease_min || config.lease % store.lease_step != Duration::zero()) {
    return Error{Errc::kBadConfig, "lease: at this store at least " + in_ms(store.lease_min) +
                                       " and a multiple of " + in_ms(store.lease_step) +
                                       ", but it is " + in_ms(config.lease)};
  }
  if (store.queues && !config.data.empty()) {
    return Error{Errc::kBadConfig,
                 "data: this store's locks carry none, but it is \"" + config.data + "\""};
  }
  return Done{};
}

Result<std::unique_ptr<Candidate>> create_candidate(ElectorConfig config, const OpenedStore& store,
                                                    CandidateListener* listener) {
  if (Status fits = check_fit(store, config); !fits) return fits.error();
  if (store.records) return Candidate::create(std::move(config), *store.records, listener);
  return Candidate::create(std::move(config), *store.queues, listener);
}

}  // namespace vouch::election
