#include "vouch/quorum_check/front_end_table.h"

#include <algorithm>
#include <bit>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

constexpr FrontEndMask front_end_bit(std::size_t index) {
  return FrontEndMask{1} << index;
}

constexpr bool is_most(FrontEndMask part, FrontEndMask whole) {
  return 2 * std::popcount(part & whole) > std::popcount(whole);
}

}  // namespace

FrontEndList::FrontEndList(const std::vector<FrontEndConfig>& front_ends) {
  VOUCH_ASSERT(front_ends.size() <= kMaxFrontEnds);
  std::vector<FrontEndConfig> sorted = front_ends;
  std::sort(sorted.begin(), sorted.end(),
            [](const FrontEndConfig& a, const FrontEndConfig& b) { return a.id < b.id; });
  std::vector<ZoneId> zones;
  hash_ = 0xcbf29ce484222325ULL;  // FNV-1a, number by number.
  const auto mix = [this](std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL; };
  for (const FrontEndConfig& one : sorted) {
    const auto zone = std::find(zones.begin(), zones.end(), one.zone);
    const auto at = static_cast<std::size_t>(zone - zones.begin());
    if (zone == zones.end()) {
      zones.push_back(one.zone);
      zones_.push_back(0);
    }
    zones_[at] |= front_end_bit(ids_.size());
    ids_.push_back(one.id);
    mix(one.id.value());
    mix(one.zone.value());
  }
}

std::size_t FrontEndList::index_of(NodeId id) const {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  return at != ids_.end() && *at == id ? static_cast<std::size_t>(at - ids_.begin()) : ids_.size();
}

std::uint64_t FrontEndList::zones_lost(FrontEndMask lost) const {
  std::uint64_t result = 0;
  for (std::size_t zone = 0; zone < zones_.size(); ++zone) {
    if (is_most(lost, zones_[zone])) result |= std::uint64_t{1} << zone;
  }
  return result;
}

bool FrontEndList::is_wide(FrontEndMask lost, std::uint32_t needed) const {
  const auto count = static_cast<std::size_t>(std::popcount(zones_lost(lost)));
  return count >= needed && 2 * count > zones_.size();
}

FrontEndTable::FrontEndTable(const MonitorConfig& config, std::size_t roster_size)
    : list_(config.front_ends),
      zones_needed_(config.front_end_zones),
      window_(config.front_end_window),
      expiry_(config.front_end_interval * 7 / 2),
      // A probe proves that the answer to the one before arrived: up to two intervals old.
      proof_expiry_(config.front_end_interval * 5 / 2),
      tally_expiry_(config.heartbeat_interval * 5),
      // Front-ends notice one after the other, within an interval: whether many are concerned is
      // known before one path alone is blamed.
      path_after_(2 * config.front_end_interval),
      whole_after_(4 * config.heartbeat_interval),
      clear_after_(5 * config.heartbeat_interval),
      entries_(list_.size()),
      told_(empty() ? 0 : roster_size) {}

ProbeVerdict FrontEndTable::take(Instant now, Instant began, Incarnation self, NodeId from,
                                 const FrontEndProbe& probe) {
  const std::size_t index = list_.index_of(from);
  if (index == list_.size()) return ProbeVerdict::kUnknown;
  Entry& entry = entries_[index];
  if (probe.from.incarnation < entry.incarnation) return ProbeVerdict::kStale;
  const bool is_new_life = probe.from.incarnation > entry.incarnation;
  if (!is_new_life && probe.sent_at < entry.newest) return ProbeVerdict::kStale;
  const Instant used = std::max(entry.probes_until, now);
  if (used - now >= kProbeBurst * kProbeGap) return ProbeVerdict::kTooMany;
  entry.probes_until = used + kProbeGap;
  if (is_new_life) entry.proved_at = kLongAgo;
  entry.incarnation = probe.from.incarnation;
  entry.newest = probe.sent_at;
  const Instant echo{Duration(probe.echo.value())};
  if (probe.echo_incarnation == self && probe.echo.value() != 0 && echo <= now && echo >= began) {
    entry.proved_at = std::max(entry.proved_at, echo);
  }
  if (probe.lost && probe.leader != kNobody) {
    entry.lost = probe.leader;
    entry.lost_at = now;
  } else if (probe.leader == entry.lost || is_new_life) {
    // Its word on another group's leader says nothing about this one.
    entry.lost = kNobody;
  }
  return ProbeVerdict::kTaken;
}

bool FrontEndTable::take(Instant now, PeerIndex from, const FrontEndTally& tally) {
  if (from >= told_.size() || tally.list != list_.hash()) return false;
  Told& told = told_[from];
  if (tally.from.incarnation < told.incarnation) return false;
  const bool is_new_life = tally.from.incarnation > told.incarnation;
  if (!is_new_life && tally.sent_at <= told.newest) return false;
  told = {tally.from.incarnation, tally.sent_at, now, tally.lost, tally.reached};
  return true;
}

FrontEndMask FrontEndTable::lost(Instant now, NodeId leader) const {
  FrontEndMask mask = 0;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (entry.lost == leader && speaks_of_loss(entry, now)) mask |= front_end_bit(index);
  }
  return mask;
}

bool FrontEndTable::any_lost(Instant now) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return speaks_of_loss(entry, now); });
}

FrontEndMask FrontEndTable::reached(Instant now) const {
  FrontEndMask mask = 0;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const Instant proved_at = entries_[index].proved_at;
    if (proved_at != kLongAgo && now - proved_at <= expiry_) mask |= front_end_bit(index);
  }
  return mask;
}

/// Since when each front-end has not reached this leader: from the first report that nothing
/// contradicts, without a break.
void FrontEndTable::note_losses(Instant now, NodeId self, bool leads) {
  FrontEndMask lost_now = leads ? lost(now, self) : 0;
  for (const Told& told : told_) {
    if (leads && is_fresh(told, now)) lost_now |= told.lost;
  }
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    Entry& entry = entries_[index];
    const bool is_proved = entry.proved_at != kLongAgo && now - entry.proved_at <= proof_expiry_;
    if ((lost_now & front_end_bit(index)) == 0 || is_proved) {
      entry.told_since = kNever;
    } else {
      entry.told_since = std::min(entry.told_since, now);
    }
  }
}

/// `leader`: whose path is broken now; kNobody: none.
void FrontEndTable::see(Trouble& trouble, NodeId leader, Instant now) {
  if (leader != kNobody && leader == trouble.leader) {
    trouble.absent_since = kNever;
  } else if (trouble.is_raised) {
    trouble.absent_since = std::min(trouble.absent_since, now);
  } else {
    trouble = {.leader = leader, .since = now};
  }
}

void FrontEndTable::set_path(std::size_t index, NodeId leader, Instant now) {
  see(entries_[index], leader, now);
}

FrontEndMask FrontEndTable::broken(NodeId leader) const {
  FrontEndMask mask = 0;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const Entry& entry = entries_[index];
    if (entry.leader == leader && entry.absent_since == kNever) mask |= front_end_bit(index);
  }
  return mask;
}

/// What is raised of most front-ends stands as long as one of them is concerned: paths heal one
/// after the other, and the last ones are no new trouble.
void FrontEndTable::update_whole(Instant now) {
  NodeId leader = kNobody;
  if (whole_.is_raised) {
    if (broken(whole_.leader) != 0) leader = whole_.leader;
    whole_.concerned |= broken(whole_.leader);
  } else {
    for (const Entry& entry : entries_) {
      if (entry.leader == kNobody || !list_.is_wide(broken(entry.leader), zones_needed_)) continue;
      leader = entry.leader;
      break;
    }
    whole_.concerned = leader == kNobody ? 0 : broken(leader);
  }
  see(whole_, leader, now);
}

void FrontEndTable::forget_cleared() {
  for (Entry& entry : entries_) {
    if (!entry.is_raised && entry.absent_since != kNever) static_cast<Trouble&>(entry) = {};
  }
  if (!whole_.is_raised && whole_.absent_since != kNever) whole_ = {};
}

std::optional<SlotSet> FrontEndTable::wants_transfer(Instant now, Slot self) const {
  if (window_ == Duration::zero()) return std::nullopt;
  FrontEndMask lost = 0;
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    const Instant since = entries_[index].told_since;
    if (since != kNever && now - since >= window_) lost |= front_end_bit(index);
  }
  if (lost == 0 || !list_.is_wide(lost, zones_needed_)) return std::nullopt;
  const std::uint64_t zones = list_.zones_lost(lost);
  const int own = std::popcount(reached(now));
  SlotSet unfit;
  for (std::size_t slot = 0; slot < told_.size(); ++slot) {
    const FrontEndMask there = is_fresh(told_[slot], now) ? told_[slot].reached : 0;
    bool is_better = slot != self && std::popcount(there) > own;
    for (std::size_t zone = 0; zone < list_.zones().size(); ++zone) {
      if ((zones >> zone & 1U) == 0) continue;
      is_better = is_better && is_most(there, list_.zones()[zone] & lost);
    }
    if (!is_better) unfit.insert(static_cast<Slot>(slot));
  }
  return unfit;
}

Diagnosis FrontEndTable::describe(const Entry& entry, std::size_t index, Instant now) const {
  Diagnosis diagnosis{.at = now, .since = entry.since, .kind = DiagnosisKind::kFrontEndPath};
  diagnosis.path = Path::kBoth;
  diagnosis.node = std::min(entry.leader, list_.id(index));
  diagnosis.peer = std::max(entry.leader, list_.id(index));
  diagnosis.witnesses.push(list_.id(index));
  return diagnosis;
}

Diagnosis FrontEndTable::describe(const Whole& whole, Instant now) const {
  Diagnosis diagnosis{.at = now, .since = whole.since, .kind = DiagnosisKind::kFrontEndPath};
  diagnosis.path = Path::kBoth;
  diagnosis.node = whole.leader;
  for (std::size_t index = 0; index < list_.size(); ++index) {
    if ((whole.concerned & front_end_bit(index)) != 0) diagnosis.others.push(list_.id(index));
  }
  diagnosis.witnesses = diagnosis.others;
  return diagnosis;
}

std::optional<Diagnosis> FrontEndTable::raised(std::size_t at, Instant now) const {
  if (whole_.is_raised && at-- == 0) return describe(whole_, now);
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    if (entries_[index].is_raised && at-- == 0) return describe(entries_[index], index, now);
  }
  return std::nullopt;
}

}  // namespace vouch
