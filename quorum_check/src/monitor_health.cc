// The part of Monitor that deals with the health of links and nodes: once for all groups.

#include <algorithm>
#include <array>

#include "vouch/quorum_check/monitor.h"

namespace vouch {
namespace {

/// Who loses as much of the last 32 is named in a NodeHeartbeat: what read_matrix calls not clean.
constexpr std::uint8_t kLostWorthNaming = 2;

/// `unheard` of a report, with place n of each node replaced by places[n] (kMaxNodes: left out).
std::uint16_t moved(std::uint16_t unheard, const std::array<std::uint8_t, kMaxNodes>& places) {
  unsigned bits = unheard & (1U << PeerReport::kSenderBit);
  for (unsigned place = 0; place < PeerReport::kSenderBit; ++place) {
    const bool is_set = (unsigned{unheard} >> place & 1U) != 0;
    if (is_set && places[place] < PeerReport::kSenderBit) bits |= 1U << places[place];
  }
  return static_cast<std::uint16_t>(bits);
}

}  // namespace

/// Measures the links and reads the matrix, once per heartbeat interval.
void Monitor::check_links() {
  if (core_.config.padded_every != 0) {
    for (std::size_t at = 0; at < health_.matrix().size(); ++at) {
      if (at == health_.matrix().self()) continue;
      health_.set_carries_large(at, core_.carries_large(core_.peers[matrix_at_[at]]));
    }
  }
  bool is_stuck = fleet_ && fleet_->is_stuck();
  for (const GroupWatch& group : groups_)
    is_stuck |= group.is_stuck(core_);
  health_.tick(core_.now, core_.sick(), is_stuck,
               [this](const Diagnosis& diagnosis) { core_.out.push(diagnosis); });
  const std::optional<TransferReason> reason = health_.own_trouble();
  if (reason) advise(*reason);
  if (!front_ends_.empty()) check_front_ends();
}

void Monitor::advise(TransferReason reason) {
  advise(reason, SlotSet{});
}

/// `unfit`: slots of the roster that would be no better; of groups inline only.
void Monitor::advise(TransferReason reason, SlotSet unfit) {
  core_.trouble = reason;
  core_.unfit_count = 0;
  const NodeMask blamed = health_.unfit(reason);
  for (std::size_t at = 0; at < health_.matrix().size(); ++at) {
    if (has(blamed, at)) core_.unfit[core_.unfit_count++] = matrix_at_[at];
  }
  if (fleet_) return fleet_->advise(core_);
  for (std::uint8_t i = 0; i < core_.unfit_count; ++i)
    unfit.insert(slot_of(core_.unfit[i]));
  for (GroupWatch& group : groups_)
    group.advise(core_, reason, unfit);
}

/// Takes the row of the matrix in a NodeHeartbeat: who is not named in it is well.
void Monitor::hear_links(const NodeHeartbeat& heartbeat, Duration round_trip) {
  const ReachMatrix& matrix = health_.matrix();
  const std::size_t from = matrix.index_of(heartbeat.from.node);
  if (from >= matrix.size()) return;
  Heartbeat row{.from = heartbeat.from, .seq = heartbeat.seq, .sent_at = heartbeat.sent_at};
  row.sick = heartbeat.sick;
  row.limps = heartbeat.limps;
  row.stuck = heartbeat.stuck;
  row.padded_behind = heartbeat.padded_behind;
  for (std::size_t at = 0; at < matrix.size(); ++at) {
    if (at == from) continue;
    row.reports[row.report_count++] = {.peer = matrix.node(at), .hears = true, .is_heard = true};
  }
  std::array<std::uint8_t, kMaxNodes> places{};
  places.fill(kMaxNodes);
  for (std::uint8_t i = 0; i < heartbeat.report_count; ++i) {
    const std::size_t at = matrix.index_of(heartbeat.reports[i].peer);
    if (at >= matrix.size() || at == from) continue;
    places[i] = static_cast<std::uint8_t>(at < from ? at : at - 1);
    row.reports[places[i]] = heartbeat.reports[i];
  }
  for (std::uint8_t i = 0; i < row.report_count; ++i)
    row.reports[i].unheard = moved(row.reports[i].unheard, places);
  health_.heard(core_.now, from, row, round_trip, core_.sick());
}

/// Writes this node's row of the matrix into a NodeHeartbeat: names the nodes of the matrix that
/// are not well, and those whose support stands apart (see sum_up_support).
void Monitor::name_links(NodeHeartbeat& heartbeat) const {
  const ReachMatrix& matrix = health_.matrix();
  Heartbeat row;
  std::array<PeerIndex, kMaxNodes> peers{};
  for (std::size_t at = 0; at < matrix.size(); ++at) {
    if (at == matrix.self()) continue;
    peers[row.report_count] = matrix_at_[at];
    row.reports[row.report_count++].peer = matrix.node(at);
  }
  health_.fill(row);
  heartbeat.limps = row.limps;
  heartbeat.stuck = row.stuck;
  unsigned named = 0;
  for (std::uint8_t i = 0; i < row.report_count; ++i) {
    const PeerReport& report = row.reports[i];
    const bool is_well =
        report.link.flags == 0 && report.link.lost < kLostWorthNaming && report.unheard == 0;
    if (!is_well || stands_apart(peers[i])) named |= 1U << i;
    named |= report.unheard & ~(1U << PeerReport::kSenderBit);
  }
  std::array<std::uint8_t, kMaxNodes> places{};
  places.fill(kMaxNodes);
  for (std::uint8_t i = 0; i < row.report_count; ++i) {
    if ((named >> i & 1U) == 0) continue;
    places[i] = heartbeat.report_count;
    PeerReport& report = heartbeat.reports[heartbeat.report_count++];
    report = report_on(peers[i]);
    report.link = row.reports[i].link;
    report.unheard = row.reports[i].unheard;
  }
  for (std::uint8_t i = 0; i < heartbeat.report_count; ++i)
    heartbeat.reports[i].unheard = moved(heartbeat.reports[i].unheard, places);
}

/// A promise that is not renewed any more stands apart, or it would drag the floor of all others
/// down while it runs out.
bool Monitor::stands_apart(PeerIndex index) const {
  return core_.peers[index].support_until < core_.now + core_.config.lease / 2;
}

/// The support vector in a fixed number of bytes: see NodeHeartbeat. Comes after name_links.
void Monitor::sum_up_support(NodeHeartbeat& heartbeat) const {
  Instant running = kNever;
  Instant renewed = kNever;
  bool fits = true;
  for (PeerIndex index = 0; index < core_.roster.size(); ++index) {
    if (index == core_.roster.self()) continue;
    const Instant until = core_.peers[index].support_until;
    if (until > core_.now) running = std::min(running, until);
    if (!stands_apart(index)) {
      renewed = std::min(renewed, until);
      continue;
    }
    const bool is_named = matrix_index(index) < health_.matrix().size();
    if (is_named) continue;
    if (heartbeat.report_count == heartbeat.reports.size()) {
      fits = false;
      continue;
    }
    PeerReport& report = heartbeat.reports[heartbeat.report_count++];
    report = report_on(index);
    if (core_.peers[index].state == PeerState::kSuspect) report.link.set(LinkFlag::kSilent);
  }
  const Instant floor = fits ? renewed : running;
  heartbeat.lease_floor = to_wire(floor == kNever ? Duration::zero() : floor - core_.now);
}

}  // namespace vouch
