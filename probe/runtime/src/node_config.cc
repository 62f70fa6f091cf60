#include "vouch/runtime/node_config.h"

#include <sys/un.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "address.h"
#include "json_reader.h"
#include "vouch/host/election_lint.h"
#include "vouch/probe/front_end_message.h"

namespace vouch::runtime {
namespace {

constexpr std::uint64_t kAnyNode = std::numeric_limits<NodeId::rep>::max();
constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();

/// One of the names of an enumeration.
template <typename Enum>
Enum choice(JsonObject& object, const char* key, JsonProblem& problem,
            std::initializer_list<std::pair<const char*, Enum>> names, Enum fallback) {
  if (!object.has(key)) return static_cast<void>(object.text(key, "")), fallback;
  const std::string text = object.text(key);
  std::string rule = "must be one of";
  for (const auto& [name, value] : names) {
    if (text == name) return value;
    rule += std::string(rule.back() == 'f' ? " " : ", ") + name;
  }
  problem.add(object.pointer_to(key), rule, text);
  return fallback;
}

std::vector<NodeId> nodes(JsonObject& object, const char* key) {
  std::vector<NodeId> ids;
  for (std::uint64_t id : object.numbers(key, 1, kAnyNode)) {
    ids.push_back(NodeId{static_cast<NodeId::rep>(id)});
  }
  return ids;
}

/// Where each node and front-end is, to tell them apart.
using Places = std::vector<std::pair<Endpoint, NodeId>>;

/// An entry of `peers` or `front_ends`: an id and an address that no other one has.
std::optional<PeerAddress> read_place(JsonObject& entry, JsonProblem& problem,
                                      const std::string& listen, Places& seen) {
  PeerAddress place;
  place.id = NodeId{static_cast<NodeId::rep>(entry.number("id", 1, kAnyNode))};
  place.address = entry.text("address");
  if (problem.found()) return std::nullopt;
  const std::optional<Endpoint> at = parse_endpoint(place.address);
  const std::string pointer = entry.pointer_to("address");
  if (!at || at->port() == 0) {
    problem.add(pointer, "must be IP:PORT or [IPv6]:PORT with a port in [1, 65535]", place.address);
    return std::nullopt;
  }
  if (at->protocol() != seen.front().first.protocol()) {
    problem.add(pointer, "must be of the address family of listen (" + listen + ")", place.address);
  }
  for (const auto& [endpoint, id] : seen) {
    const std::string name = "node " + std::to_string(id.value());
    if (id == place.id) {
      problem.add(entry.pointer_to("id"), "must name each node once and not this one", id.value());
    }
    if (endpoint == *at) problem.add(pointer, "must differ from that of " + name, place.address);
  }
  seen.emplace_back(*at, place.id);
  return place;
}

void read_front_ends(JsonObject& root, JsonProblem& problem, NodeConfig& config, Places& seen) {
  std::vector<std::string> zones;
  for (JsonObject& entry : root.objects("front_ends")) {
    const std::string zone = entry.text("zone", "");
    const std::optional<PeerAddress> place = read_place(entry, problem, config.listen, seen);
    entry.finish();
    if (!place || problem.found()) return;
    const auto at = std::find(zones.begin(), zones.end(), zone);
    const auto number = static_cast<std::uint16_t>(at - zones.begin());
    if (at == zones.end()) zones.push_back(zone);
    config.replica.monitor.front_ends.push_back({place->id, ZoneId{number}});
    config.front_ends.push_back(*place);
  }
}

void read_peers(JsonObject& root, JsonProblem& problem, NodeConfig& config) {
  const std::optional<Endpoint> own = parse_endpoint(config.listen);
  if (!own) {
    problem.add(root.pointer_to("listen"), "must be IP:PORT or [IPv6]:PORT", config.listen);
    return;
  }
  Places seen = {{*own, config.replica.monitor.self}};
  for (JsonObject& entry : root.objects("peers")) {
    const std::optional<PeerAddress> peer = read_place(entry, problem, config.listen, seen);
    entry.finish();
    if (!peer || problem.found()) return;
    config.replica.monitor.peers.push_back(peer->id);
    config.peers.push_back(*peer);
  }
  read_front_ends(root, problem, config, seen);
}

/// Without "groups" all nodes are the voters of group 1.
void read_groups(JsonObject& root, JsonProblem& problem, MonitorConfig& monitor) {
  std::vector<NodeId> everybody = monitor.peers;
  everybody.push_back(monitor.self);
  std::sort(everybody.begin(), everybody.end());
  for (JsonObject& entry : root.objects("groups")) {
    GroupConfig group;
    group.id = GroupId{entry.number("id", 0, kAnyNumber)};
    group.epoch = ConfigEpoch{entry.number("epoch", 0, kAnyNumber, 1)};
    group.voters = nodes(entry, "voters");
    if (!entry.has("voters")) group.voters = everybody;
    group.joint_voters = nodes(entry, "joint_voters");
    group.may_lead = entry.flag("may_lead", true);
    group.priority = static_cast<std::uint16_t>(entry.number("priority", 0, 0xffff, 0));
    entry.finish();
    monitor.groups.push_back(std::move(group));
  }
  if (!root.has("groups")) {
    monitor.groups.push_back(GroupConfig{.id = GroupId{1}, .voters = everybody});
  } else if (monitor.groups.empty()) {
    problem.add(root.pointer_to("groups"), "must hold at least one group");
  }
}

/// Sets all knobs to those of the profile that the file names, if it names one.
void read_profile(JsonObject& root, JsonProblem& problem, NodeConfig& config) {
  if (!root.has("profile")) return static_cast<void>(root.text("profile", ""));
  const Profile profile =
      choice(root, "profile", problem,
             {{"lan", Profile::kLan}, {"multi-az", Profile::kMultiAz}, {"wan", Profile::kWan}},
             Profile::kLan);
  config.profile = profile;
  apply_profile(profile, config.replica.monitor);
  host::apply_profile(profile, config.replica.election);
}

void read_detector(JsonObject object, JsonProblem& problem, DetectorConfig& detector) {
  const std::string kind = object.text("kind", to_string(detector.kind));
  if (const std::optional<DetectorKind> known = detector_kind_named(kind)) {
    detector.kind = *known;
  } else {
    problem.add(object.pointer_to("kind"), std::string("must be one of ") + detector_kind_names(),
                kind);
  }
  detector.timeout = object.milliseconds("timeout_ms", detector.timeout);
  detector.safety_margin = object.milliseconds("safety_margin_ms", detector.safety_margin);
  detector.threshold = object.real("threshold", detector.threshold);
  detector.deviation_weight = object.real("deviation_weight", detector.deviation_weight);
  detector.agility = object.real("agility", detector.agility);
  detector.memory = object.flag("memory", detector.memory);
  detector.window_size = static_cast<std::uint32_t>(
      object.number("window_size", 1, kDetectorWindowMax, detector.window_size));
  detector.short_window_size = static_cast<std::uint32_t>(
      object.number("short_window_size", 1, 16, detector.short_window_size));
  detector.quantile_per_thousand = static_cast<std::uint32_t>(
      object.number("quantile_per_thousand", 1, 1000, detector.quantile_per_thousand));
  detector.stddev_min = object.milliseconds("stddev_min_ms", detector.stddev_min);
  detector.acceptable_pause = object.milliseconds("acceptable_pause_ms", detector.acceptable_pause);
  object.finish();
}

void read_times(JsonObject& root, JsonProblem& problem, MonitorConfig& monitor) {
  monitor.heartbeat_interval =
      root.milliseconds("heartbeat_interval_ms", monitor.heartbeat_interval);
  monitor.lease = root.milliseconds("lease_ms", monitor.lease);
  monitor.follower_lease = root.milliseconds("follower_lease_ms", monitor.follower_lease);
  monitor.round_trip = root.milliseconds("round_trip_ms", monitor.round_trip);
  monitor.clock_drift_ppm = static_cast<std::uint32_t>(
      root.number("clock_drift_ppm", 0, 100'000, monitor.clock_drift_ppm));
  monitor.guard = root.milliseconds("guard_ms", monitor.guard);
  monitor.confirm_interval = root.milliseconds("confirm_interval_ms", monitor.confirm_interval);
  monitor.consent_hold = root.milliseconds("consent_hold_ms", monitor.consent_hold);
  monitor.suppress_cap = root.milliseconds("suppress_cap_ms", monitor.suppress_cap);
  monitor.stall_limit = root.milliseconds("stall_limit_ms", monitor.stall_limit);
  monitor.progress_timeout = root.milliseconds("progress_timeout_ms", monitor.progress_timeout);
  monitor.worker_interval = root.milliseconds("worker_interval_ms", monitor.worker_interval);
  monitor.hold_off = root.milliseconds("hold_off_ms", monitor.hold_off);
  monitor.stall_window = root.milliseconds("stall_window_ms", monitor.stall_window);
  monitor.transfer_cooldown = root.milliseconds("transfer_cooldown_ms", monitor.transfer_cooldown);
  monitor.front_end_interval =
      root.milliseconds("front_end_interval_ms", monitor.front_end_interval);
  monitor.front_end_window = root.milliseconds("front_end_window_ms", monitor.front_end_window);
  monitor.front_end_zones = static_cast<std::uint32_t>(
      root.number("front_end_zones", 1, kMaxFrontEnds, monitor.front_end_zones));
  monitor.padded_every =
      static_cast<std::uint32_t>(root.number("padded_every", 0, 1000, monitor.padded_every));
  monitor.lease_mode = choice(root, "lease_mode", problem,
                              {{"refuse", LeaseMode::kRefuse}, {"wait_out", LeaseMode::kWaitOut}},
                              monitor.lease_mode);
  monitor.relay = choice(
      root, "relay", problem,
      {{"off", RelayMode::kOff}, {"heartbeats", RelayMode::kHeartbeats}, {"all", RelayMode::kAll}},
      monitor.relay);
}

void read_election(JsonObject object, host::ElectionConfig& election) {
  election.retry_interval = object.milliseconds("retry_interval_ms", election.retry_interval);
  election.vote_window = object.milliseconds("vote_window_ms", election.vote_window);
  object.finish();
}

std::filesystem::path read_path(const std::string& text, const std::filesystem::path& folder) {
  return text.empty() ? std::filesystem::path() : folder / text;
}

/// "lease: in [1 ms, 1 h], but ..." -> "/lease_ms: ...": the core names its own field, the file has
/// a key for it.
std::string with_pointer(const std::string& message) {
  // Those of a detector read "detector.timeout must be above 0 ...".
  const std::size_t end = std::min(message.find_first_of(": "), message.size());
  std::string field = message.substr(0, end);
  if (field == "self") field = "node_id";
  std::replace(field.begin(), field.end(), '.', '/');
  const char* in_milliseconds[] = {"lease",
                                   "follower_lease",
                                   "round_trip",
                                   "heartbeat_interval",
                                   "guard",
                                   "confirm_interval",
                                   "consent_hold",
                                   "suppress_cap",
                                   "stall_limit",
                                   "progress_timeout",
                                   "worker_interval",
                                   "hold_off",
                                   "stall_window",
                                   "transfer_cooldown",
                                   "front_end_interval",
                                   "front_end_window",
                                   "detector/timeout",
                                   "detector/safety_margin",
                                   "detector/stddev_min",
                                   "detector/acceptable_pause"};
  for (const char* name : in_milliseconds) {
    if (field == name) field += "_ms";
  }
  return "/" + field + message.substr(end);
}

Status check_knobs(const MonitorConfig& config, NodeCheck check) {
  if (check == NodeCheck::kAll) return validate(config);
  if (Status members = validate_members(config); !members) return members;
  DetectorConfig detector = config.detector;
  // Whether this one is in its range is shown by the linter.
  detector.heartbeat_interval = DetectorConfig{}.heartbeat_interval;
  Status checked = validate(detector);
  return checked ? checked : Error{Errc::kBadConfig, "detector." + checked.error().message};
}

}  // namespace

Result<NodeConfig> parse_node_config(std::string_view text, const std::filesystem::path& folder,
                                     NodeCheck check) {
  Result<Json> json = parse_json(text);
  if (!json) return Error{Errc::kBadConfig, json.error().message};
  JsonProblem problem;
  JsonObject root(*json, "", problem);

  NodeConfig config;
  MonitorConfig& monitor = config.replica.monitor;
  if (root.has("$schema")) root.text("$schema");
  config.cluster = root.text("cluster", config.cluster);
  monitor.self = NodeId{static_cast<NodeId::rep>(root.number("node_id", 1, kAnyNode))};
  config.listen = root.text("listen");
  if (!problem.found()) read_peers(root, problem, config);
  read_groups(root, problem, monitor);
  read_profile(root, problem, config);
  read_times(root, problem, monitor);
  read_detector(root.object("detector"), problem, monitor.detector);
  read_election(root.object("election"), config.replica.election);
  config.state_dir = read_path(root.text("state_dir"), folder);
  config.control = read_path(root.text("control", ""), folder);
  config.allow_drills = root.flag("allow_drills", false);
  if (root.has("seed")) config.seed = root.number("seed", 0, kAnyNumber);
  root.finish();
  if (config.control.native().size() >= sizeof(sockaddr_un::sun_path)) {
    problem.add("/control",
                "must be shorter than " + std::to_string(sizeof(sockaddr_un::sun_path)) +
                    " bytes as a whole path",
                config.control.native());
  }
  if (problem.found()) return Error{Errc::kBadConfig, problem.text()};

  // The state file brings the incarnation; any value satisfies the check of the rest.
  MonitorConfig checked = monitor;
  checked.incarnation = Incarnation{1};
  if (Status valid = check_knobs(checked, check); !valid) {
    return Error{Errc::kBadConfig, with_pointer(valid.error().message)};
  }
  if (check == NodeCheck::kMembers) return config;
  if (Status valid = host::validate(config.replica.election, checked); !valid) {
    return Error{Errc::kBadConfig, "/election: " + valid.error().message};
  }
  return config;
}

Result<NodeConfig> load_node_config(const std::filesystem::path& file, NodeCheck check) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return Error{Errc::kBadConfig, file.string() + ": cannot be read"};
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  Result<NodeConfig> config = parse_node_config(text, file.parent_path(), check);
  if (!config) return Error{Errc::kBadConfig, file.string() + ": " + config.error().message};
  return config;
}

}  // namespace vouch::runtime
