// The settings of a store in etcd, and the address that stands for them.

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "etcd_wire.h"
#include "vouch/election/lock.h"
#include "vouch/election_etcd/etcd_store.h"

namespace vouch::election {
namespace {

Error bad_etcd(const std::string& field, const std::string& rule, const std::string& value) {
  return {Errc::kBadConfig, field + ": " + rule + ", but it is \"" + value + "\""};
}

/// `HOST:PORT`, where HOST may be `[IPv6]`.
bool is_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = address.substr(0, colon);
  const bool is_ipv6 = host.front() == '[' && host.back() == ']';
  const auto is_odd = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte >= 0x7f || (c == ':' && !is_ipv6) ||
           std::string_view("/@?#\\%\"<>").find(c) != std::string_view::npos;
  };
  const auto port = etcd::read_number(address.substr(colon + 1));
  return std::none_of(host.begin(), host.end(), is_odd) && port && *port >= 1 && *port <= 65535;
}

}  // namespace

Status validate(const EtcdConfig& config) {
  if (config.endpoints.empty()) return bad_etcd("endpoints", "at least one", "");
  for (const std::string& endpoint : config.endpoints) {
    const std::size_t scheme = endpoint.starts_with("https://") ? 8 : 7;
    const bool is_http = endpoint.starts_with("https://") || endpoint.starts_with("http://");
    if (!is_http || !is_address(std::string_view(endpoint).substr(scheme))) {
      return bad_etcd("endpoints", "http://HOST:PORT or https://HOST:PORT", endpoint);
    }
  }
  if (Status checked = check_name("prefix", config.prefix); !checked) return checked;
  if (config.prefix.back() == '/') return bad_etcd("prefix", "no / at the end", config.prefix);
  for (const auto& [field, time] : {std::pair("timeout", config.timeout),
                                    std::pair("connect_timeout", config.connect_timeout)}) {
    if (time < std::chrono::milliseconds(1) || time > std::chrono::hours(1)) {
      return bad_etcd(field, "in [1 ms, 1 h]", std::to_string(time.count()) + " ns");
    }
  }
  return Done{};
}

Result<EtcdConfig> read_etcd_address(const std::string& address) {
  EtcdConfig config;
  std::string rest = address;
  std::string scheme = "http://";
  for (const char* const known : {"http://", "https://"}) {
    if (!address.starts_with(known)) continue;
    scheme = known;
    rest = address.substr(scheme.size());
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
    config.prefix = rest.substr(slash + 1);
    rest.resize(slash);
  }
  for (std::size_t comma = 0; comma != std::string::npos;) {
    comma = rest.find(',');
    config.endpoints.push_back(scheme + rest.substr(0, comma));
    rest.erase(0, comma == std::string::npos ? comma : comma + 1);
  }
  if (Status checked = validate(config); !checked) return checked.error();
  return config;
}

}  // namespace vouch::election
