#include "vouch/quorum_check/health_watch.h"

#include <algorithm>

namespace vouch {
namespace {

/// A node that stood still says so for this many heartbeat intervals after it woke: longer than the
/// time between two pauses of one that limps.
constexpr std::int64_t kLimpsFor = 12;

/// Late for so many intervals in a row: the node is overloaded, not only startled.
constexpr std::uint8_t kSickFor = 10;

/// Who loses messages on so many links need not wait: it is no chance of a burst or two. Others
/// must lose that much, for that many intervals.
constexpr std::size_t kManyLinks = 3;
constexpr std::uint16_t kVeryLossyPerMille = 200;
constexpr std::int64_t kLossyFor = 100;

/// This many intervals after a start nothing is read.
constexpr std::int64_t kQuietStart = 10;

/// All nodes, or if they are too many those that share a group with this one, as far as they fit.
std::vector<NodeId> matrix_nodes(const MonitorConfig& config) {
  std::vector<NodeId> nodes{config.self};
  const auto add = [&](NodeId node) {
    const bool is_in = std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    if (!is_in && nodes.size() < kMaxMatrixNodes) nodes.push_back(node);
  };
  if (config.peers.size() >= kMaxMatrixNodes) {
    for (const GroupConfig& group : config.groups) {
      if (nodes.size() == kMaxMatrixNodes) break;
      std::for_each(group.voters.begin(), group.voters.end(), add);
    }
  }
  std::for_each(config.peers.begin(), config.peers.end(), add);
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

}  // namespace

HealthWatch::HealthWatch(const MonitorConfig& config, Instant now)
    : limits_(LinkLimits::of(config.heartbeat_interval, config.lease)),
      matrix_(matrix_nodes(config), config.self),
      links_(matrix_.size()),
      reads_from_(now + kQuietStart * config.heartbeat_interval) {
  for (Link& link : links_)
    link.health.start(now, limits_);
}

void HealthWatch::heard(Instant now, std::size_t from, const Heartbeat& heartbeat,
                        Duration round_trip, bool is_sick) {
  if (from >= links_.size()) return;
  // Any value may be in it: the difference wraps, and only its changes are looked at.
  const Duration offset(
      static_cast<std::int64_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                                static_cast<std::uint64_t>(heartbeat.sent_at.value())));
  const bool is_excused = is_sick || heartbeat.limps || heartbeat.sick;
  links_[from].health.heard(now,
                            {.seq = heartbeat.seq,
                             .padded_behind = heartbeat.padded_behind,
                             .offset = offset,
                             .round_trip = round_trip,
                             .is_excused = is_excused},
                            limits_);
  links_[from].is_known_dead = false;
  links_[from].refused_at = kLongAgo;
  matrix_.take(now, from, heartbeat, links_[from].health.is_late());
}

void HealthWatch::process_ended(Instant now, std::size_t index, bool is_known_dead) {
  if (index >= links_.size()) return;
  if (is_known_dead) {
    links_[index].is_known_dead = true;
    return;
  }
  links_[index] = Link{};
  links_[index].health.start(now, limits_);
  matrix_.forget(index);
}

void HealthWatch::stalled(Instant now) {
  limps_until_ = now + kLimpsFor * limits_.interval;
  for (Link& link : links_)
    link.health.resume(now);
}

std::optional<TransferReason> HealthWatch::own_trouble(Instant now) const {
  for (std::size_t at = 0; const Finding* finding = diagnoser_.raised(at); ++at) {
    if (finding->node != matrix_.self()) continue;
    const bool is_sure = size_of(finding->others) >= kManyLinks ||
                         (finding->lost_per_mille >= kVeryLossyPerMille &&
                          now - diagnoser_.since(at) >= kLossyFor * limits_.interval);
    if (finding->kind == DiagnosisKind::kLossyNode && is_sure) return TransferReason::kLossy;
    if (finding->kind == DiagnosisKind::kSlowNode) return TransferReason::kSlow;
  }
  if (sick_ticks_ >= kSickFor) return TransferReason::kSick;
  return std::nullopt;
}

NodeMask HealthWatch::unfit() const {
  NodeMask mask = 0;
  for (std::size_t at = 0; const Finding* finding = diagnoser_.raised(at); ++at) {
    if (finding->node != Finding::kNone && finding->peer == Finding::kNone) {
      mask |= mask_of(finding->node);
    }
  }
  return mask;
}

void HealthWatch::measure(Instant now, bool is_sick, bool is_stuck) {
  sick_ticks_ = is_sick ? static_cast<std::uint8_t>(std::min(sick_ticks_ + 1, 255)) : 0;
  matrix_.set_self(now, is_sick || now < limps_until_, is_stuck);
  for (std::size_t index = 0; index < links_.size(); ++index) {
    if (index == matrix_.self()) continue;
    Link& link = links_[index];
    link.health.tick(now, limits_);
    LinkReport report = link.health.report(now, limits_);
    const bool is_refused =
        link.refused_at != kLongAgo && now - link.refused_at <= 2 * limits_.silence;
    if (link.is_known_dead || is_refused) report.set(LinkFlag::kExited);
    if (link.loses_large && !report.has(LinkFlag::kSilent)) report.set(LinkFlag::kLosesLarge);
    matrix_.set_own(index, report);
  }
}

}  // namespace vouch
