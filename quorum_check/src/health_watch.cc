#include "vouch/quorum_check/health_watch.h"

#include <algorithm>
#include <array>

namespace vouch {
namespace {

/// A node that stood still says so for this many heartbeat intervals after it woke: longer than the
/// time between two pauses of one that limps.
constexpr std::int64_t kLimpsFor = 12;

/// Late for so many intervals in a row: the node is overloaded, not only startled.
constexpr std::uint8_t kSickFor = 10;

/// Who loses messages on so many links, and so clearly (clarity(), in bits), need not wait. By
/// random loss that comes in one window of 4e10; the limit is where bursts seldom reach
/// (docs/DIAGNOSIS.md, "How sure").
constexpr std::size_t kManyLinks = 3;
constexpr std::uint16_t kVeryClear = 32;

/// Others must cost a commit so many of 64 messages, for that many intervals: three windows of 32
/// that do not overlap.
constexpr unsigned kCostly = 8;
constexpr std::uint8_t kCostlyFor = 100;

/// Who is to lead instead must lose at most a third, and three messages less.
constexpr unsigned kTimesBetter = 3;
constexpr unsigned kLeastGain = 3;

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

/// What `leader` loses of 64 messages, there and back, with the worst of those that it needs for a
/// majority of the nodes. What it loses with others costs a commit nothing.
unsigned cost_of_commit(const MatrixView& view, std::size_t leader) {
  std::array<unsigned, kMaxMatrixNodes> lost{};
  std::size_t count = 0;
  for (std::size_t other = 0; other < view.count; ++other) {
    if (other == leader) continue;
    const bool is_cut = has(view.silent[other], leader) || has(view.silent[leader], other);
    lost[count++] = is_cut ? unsigned{kLossWindow}
                           : unsigned{view.lost[other][leader]} + view.lost[leader][other];
  }
  if (count == 0) return 0;
  std::sort(lost.begin(), lost.begin() + static_cast<std::ptrdiff_t>(count));
  return lost[std::size_t{view.count} / 2 - 1];
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

std::optional<TransferReason> HealthWatch::own_trouble() const {
  const Finding* const loss = own_loss();
  if (loss != nullptr && better_ != 0) {
    const bool is_sure = size_of(loss->others) >= kManyLinks && loss->clarity >= kVeryClear;
    if (is_sure || lossy_ticks_ >= kCostlyFor) return TransferReason::kLossy;
  }
  for (std::size_t at = 0; const Finding* finding = diagnoser_.raised(at); ++at) {
    const bool is_own = finding->node == matrix_.self();
    if (is_own && finding->kind == DiagnosisKind::kSlowNode) return TransferReason::kSlow;
  }
  if (sick_ticks_ >= kSickFor) return TransferReason::kSick;
  return std::nullopt;
}

NodeMask HealthWatch::unfit(TransferReason reason) const {
  NodeMask mask = reason == TransferReason::kLossy ? static_cast<NodeMask>(~better_) : NodeMask{0};
  for (std::size_t at = 0; const Finding* finding = diagnoser_.raised(at); ++at) {
    if (finding->node != Finding::kNone && finding->peer == Finding::kNone) {
      mask |= mask_of(finding->node);
    }
  }
  return mask;
}

/// This node as a lossy one, if that is raised.
const Finding* HealthWatch::own_loss() const {
  for (std::size_t at = 0; const Finding* finding = diagnoser_.raised(at); ++at) {
    if (finding->kind == DiagnosisKind::kLossyNode && finding->node == matrix_.self()) {
      return finding;
    }
  }
  return nullptr;
}

/// Compares what a commit would lose here and elsewhere.
void HealthWatch::weigh_loss(const MatrixView& view) {
  better_ = 0;
  if (own_loss() == nullptr) {
    lossy_ticks_ = 0;
    return;
  }
  const unsigned here = cost_of_commit(view, view.self);
  for (std::size_t other = 0; other < view.count; ++other) {
    if (other == view.self || !has(view.rows, other)) continue;
    if (here >= kTimesBetter * cost_of_commit(view, other) + kLeastGain) better_ |= mask_of(other);
  }
  const bool is_costly = here >= kCostly && better_ != 0;
  lossy_ticks_ = is_costly ? static_cast<std::uint8_t>(std::min(lossy_ticks_ + 1, 255)) : 0;
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
