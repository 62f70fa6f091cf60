#include "clients.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "vouch/sim/clients.h"

namespace vouch::scenario {
namespace {

constexpr std::size_t kDefaultCount = 2;

/// Letters, digits and _, a letter first, and not what a single client is called.
bool is_zone_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_word = !name.empty() && name.size() <= 40 && is_letter(name.front()) &&
                       std::all_of(name.begin(), name.end(),
                                   [&](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
  const bool is_client =
      name.size() > 1 && name[0] == 'c' && std::all_of(name.begin() + 1, name.end(), is_digit);
  return is_word && !is_client;
}

/// A list of different integers in [0, count).
std::vector<std::size_t> read_numbers(const Value& list, const std::string& path, std::size_t count,
                                      ErrorSink& errors) {
  std::vector<std::size_t> numbers;
  if (list.kind != Value::Kind::kArray || list.items.empty()) {
    errors.report(list.line, path, "must be a list of clients, is " + list.shown());
    return numbers;
  }
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const Value& item = list.items[i];
    const bool is_client = item.kind == Value::Kind::kInteger && item.integer >= 0 &&
                           item.integer < static_cast<std::int64_t>(count);
    const auto number = static_cast<std::size_t>(is_client ? item.integer : 0);
    if (!is_client || std::find(numbers.begin(), numbers.end(), number) != numbers.end()) {
      errors.report(item.line, path + "[" + std::to_string(i) + "]",
                    "must be a client in [0, " + std::to_string(count - 1) + "], each once, is " +
                        item.shown());
      continue;
    }
    numbers.push_back(number);
  }
  return numbers;
}

/// The replica that each client begins with.
std::vector<sim::NodeIndex> read_endpoints(const Value& list, const std::string& path,
                                           const sim::Plan& plan, ErrorSink& errors) {
  std::vector<sim::NodeIndex> endpoints;
  if (list.items.size() != plan.clients.count) {
    errors.report(list.line, path,
                  "must name a node for each of the " + std::to_string(plan.clients.count) +
                      " clients, is " + list.shown());
  }
  for (const Value& item : list.items) {
    const auto last = static_cast<std::int64_t>(plan.replicas) - 1;
    if (item.kind != Value::Kind::kInteger || item.integer < 0 || item.integer > last) {
      errors.report(item.line, path,
                    "must hold nodes in [0, " + std::to_string(last) + "], has " + item.shown());
      continue;
    }
    endpoints.push_back(static_cast<sim::NodeIndex>(item.integer));
  }
  return endpoints;
}

/// Makes every client a front-end that the replicas know. Its zone is the first that names it; the
/// others are a zone of their own.
std::vector<FrontEndConfig> front_ends_of(const ClientNames& names) {
  std::vector<FrontEndConfig> front_ends;
  for (std::size_t client = 0; client < names.count; ++client) {
    std::uint16_t zone = 0;
    for (std::size_t i = names.zones.size(); i-- > 0;) {
      const std::vector<std::size_t>& members = names.zones[i].second;
      const bool is_in = std::find(members.begin(), members.end(), client) != members.end();
      if (is_in) zone = static_cast<std::uint16_t>(i + 1);
    }
    const auto id = static_cast<NodeId::rep>(sim::kFirstClient + client + 1);
    front_ends.push_back({NodeId{id}, ZoneId{zone}});
  }
  return front_ends;
}

}  // namespace

ClientNames read_clients(const Value* object, sim::Plan& plan, MonitorConfig& vouch,
                         ErrorSink& errors) {
  bool observe = false;
  sim::ClientPlan& clients = plan.clients;
  clients.count = kDefaultCount;
  ClientNames names;
  if (object != nullptr) {
    Fields fields(*object, "clients", errors);
    constexpr Limits kCount{1, static_cast<std::int64_t>(sim::kMaxClients)};
    clients.count = static_cast<std::size_t>(
        fields.optional_integer("count", kCount).value_or(std::int64_t{kDefaultCount}));
    if (const Value* const list = fields.optional_array("endpoints")) {
      clients.endpoints = read_endpoints(*list, fields.name("endpoints"), plan, errors);
    }
    if (const Value* const zones = fields.optional_object("zones")) {
      for (const auto& [zone, list] : zones->members) {
        const std::string path = fields.name("zones." + zone);
        if (!is_zone_name(zone)) {
          errors.report(list.line, path,
                        "a zone's name must be made of a-z, 0-9 and _, begin with a letter and "
                        "not be that of a client");
        }
        names.zones.emplace_back(zone, read_numbers(list, path, clients.count, errors));
      }
    }
    observe = fields.optional_boolean("observe").value_or(false);
    if (const Value* const list = fields.optional_array("liars")) {
      for (const std::size_t liar :
           read_numbers(*list, fields.name("liars"), clients.count, errors)) {
        clients.liars |= std::uint64_t{1} << liar;
      }
      if (!observe) errors.report(list->line, fields.name("liars"), "needs observe: true");
    }
    fields.finish();
  }
  names.count = clients.count;
  if (observe) vouch.front_ends = front_ends_of(names);
  if (clients.endpoints.empty()) {
    for (std::size_t i = 0; i < clients.count; ++i) {
      clients.endpoints.push_back(
          static_cast<sim::NodeIndex>((plan.initial_leader + i) % plan.replicas));
    }
  }
  return names;
}

void take_client_faults(sim::Plan& plan) {
  const auto is_of_client = [](const sim::TimedFault& timed) {
    return is_about_link(timed.fault.kind) &&
           (sim::is_client(timed.fault.a) || sim::is_client(timed.fault.b));
  };
  const auto first =
      std::stable_partition(plan.faults.begin(), plan.faults.end(),
                            [&](const sim::TimedFault& timed) { return !is_of_client(timed); });
  plan.clients.faults.assign(first, plan.faults.end());
  plan.faults.erase(first, plan.faults.end());
}

}  // namespace vouch::scenario
