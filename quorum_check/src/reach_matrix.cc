#include "vouch/quorum_check/reach_matrix.h"

#include <algorithm>

#include "vouch/detector/assert.h"

namespace vouch {
namespace {

/// Lost of the last 32 from which on a link is not taken to be clean.
constexpr std::uint8_t kMaybeLossy = 2;

/// Intervals of silence up to which a link may be a lossy one: what LinkHealth gives such a link.
constexpr std::uint8_t kJustSilent = 20;

/// Of so many heartbeats lost, on links that are not clean, more than single links may be bad.
constexpr unsigned kTroublingLoss = 8;

/// What `link` adds to that.
unsigned loss_of(const LinkReport& link) {
  return link.lost >= kMaybeLossy ? link.lost : 0U;
}

/// Puts what `link` (from node `subject` to node `observer`) says into the sets.
void add_link(MatrixView& view, std::size_t observer, std::size_t subject, const LinkReport& link) {
  const NodeMask bit = mask_of(subject);
  view.lost[observer][subject] = link.lost;
  if (link.lost >= kMaybeLossy) view.maybe_lossy[observer] |= bit;
  if (link.flags == 0) return;
  if (link.has(LinkFlag::kSilent)) {
    view.silent[observer] |= bit;
    if (link.silence <= kJustSilent) view.just_silent[observer] |= bit;
  }
  if (link.has(LinkFlag::kLossy)) view.lossy[observer] |= bit;
  if (link.has(LinkFlag::kFlapping)) view.flapping[observer] |= bit;
  if (link.has(LinkFlag::kSlow)) view.slow[observer] |= bit;
  if (link.has(LinkFlag::kLosesLarge)) view.loses_large[observer] |= bit;
  if (link.has(LinkFlag::kExited)) view.exited |= bit;
}

}  // namespace

ReachMatrix::ReachMatrix(const std::vector<NodeId>& nodes, NodeId self) : rows_(nodes.size()) {
  VOUCH_ASSERT(nodes.size() <= kMaxMatrixNodes);
  for (const NodeId node : nodes)
    nodes_[count_++] = node;
  self_ = static_cast<std::uint8_t>(index_of(self));
  VOUCH_ASSERT(self_ < count_);
}

std::size_t ReachMatrix::index_of(NodeId node) const {
  for (std::size_t index = 0; index < count_; ++index) {
    if (nodes_[index] == node) return index;
  }
  return count_;
}

void ReachMatrix::take(Instant now, std::size_t from, const Heartbeat& heartbeat, bool is_late) {
  Row& row = rows_[from];
  row.at = now;
  row.limps = heartbeat.limps;
  row.stuck = heartbeat.stuck;
  row.count =
      static_cast<std::uint8_t>(std::min<std::size_t>(heartbeat.report_count, row.reports.size()));
  unsigned flags = 0;
  unsigned unheard = 0;
  unsigned lost = 0;
  for (std::size_t i = 0; i < row.count; ++i) {
    PeerReport& report = row.reports[i];
    report = heartbeat.reports[i];
    if (is_late) {
      report.link.flags &= static_cast<std::uint8_t>(~static_cast<unsigned>(LinkFlag::kSilent));
      report.unheard = 0;
    }
    flags |= report.link.flags;
    unheard |= report.unheard;
    lost += loss_of(report.link);
  }
  row.lost = static_cast<std::uint16_t>(lost);
  row.is_troubled = flags != 0 || unheard != 0 || row.limps || row.stuck;
  row.silent = 0;
  if ((flags & static_cast<unsigned>(LinkFlag::kSilent)) == 0) return;
  for (std::size_t i = 0; i < row.count; ++i) {
    if (!row.reports[i].link.has(LinkFlag::kSilent)) continue;
    const std::size_t index = index_of(row.reports[i].peer);
    if (index < count_) row.silent |= mask_of(index);
  }
}

void ReachMatrix::fill(Heartbeat& heartbeat) const {
  heartbeat.limps = rows_[self_].limps;
  heartbeat.stuck = rows_[self_].stuck;
  std::array<std::uint8_t, kMaxMatrixNodes> places{};
  bool has_places = false;
  for (std::size_t i = 0; i < heartbeat.report_count; ++i) {
    PeerReport& report = heartbeat.reports[i];
    const std::size_t index = index_of(report.peer);
    if (index >= count_) continue;
    report.link = own_[index];
    const Row& row = rows_[index];
    if (row.silent == 0 || own_[index].has(LinkFlag::kSilent)) continue;
    if (!has_places) {
      has_places = true;
      places.fill(kMaxMatrixNodes);
      places[self_] = PeerReport::kSenderBit;
      const std::size_t named =
          std::min<std::size_t>(heartbeat.report_count, PeerReport::kSenderBit);
      for (std::size_t place = 0; place < named; ++place) {
        const std::size_t known = index_of(heartbeat.reports[place].peer);
        if (known < count_) places[known] = static_cast<std::uint8_t>(place);
      }
    }
    for (std::size_t other = 0; other < count_; ++other) {
      if (!has(row.silent, other) || places[other] >= kMaxMatrixNodes) continue;
      report.unheard |= static_cast<std::uint16_t>(1U << places[other]);
    }
  }
}

bool ReachMatrix::is_troubled() const {
  unsigned lost = 0;
  for (std::size_t index = 0; index < count_; ++index) {
    if (own_[index].flags != 0 || rows_[index].is_troubled) return true;
    lost += loss_of(own_[index]) + rows_[index].lost;
  }
  return lost >= kTroublingLoss || rows_[self_].limps || rows_[self_].stuck;
}

const PeerReport* ReachMatrix::find(std::size_t observer, std::size_t subject) const {
  const Row& row = rows_[observer];
  // Reports come in ascending order without their sender's: as a rule it is right here.
  const std::size_t guess = subject < observer ? subject : subject - 1;
  if (guess < row.count && row.reports[guess].peer == nodes_[subject]) return &row.reports[guess];
  for (std::size_t i = 0; i < row.count; ++i) {
    if (row.reports[i].peer == nodes_[subject]) return &row.reports[i];
  }
  return nullptr;
}

/// Who does not reach `whom`, as `teller` passed it on.
NodeMask ReachMatrix::unheard_by(const Row& teller, std::size_t whom) const {
  const std::size_t teller_index = static_cast<std::size_t>(&teller - rows_.data());
  const PeerReport* const report = find(teller_index, whom);
  if (report == nullptr || report->unheard == 0) return 0;
  NodeMask mask = 0;
  if (has(report->unheard, PeerReport::kSenderBit)) mask |= mask_of(teller_index);
  for (std::size_t place = 0; place < teller.count && place < PeerReport::kSenderBit; ++place) {
    if (!has(report->unheard, place)) continue;
    const std::size_t index = index_of(teller.reports[place].peer);
    if (index < count_) mask |= mask_of(index);
  }
  return mask;
}

/// The first node heard here that hears `index`, which is not heard here; size() if there is none.
std::size_t ReachMatrix::teller_of(std::size_t index) const {
  for (std::size_t teller = 0; teller < count_; ++teller) {
    if (teller == self_ || teller == index) continue;
    if (rows_[teller].at == kLongAgo || own_[teller].has(LinkFlag::kSilent)) continue;
    const PeerReport* const report = find(teller, index);
    if (report != nullptr && !report->link.has(LinkFlag::kSilent)) return teller;
  }
  return count_;
}

void ReachMatrix::view_own(MatrixView& view) const {
  view.rows |= mask_of(self_);
  for (std::size_t subject = 0; subject < count_; ++subject) {
    if (subject != self_) add_link(view, self_, subject, own_[subject]);
  }
}

void ReachMatrix::view_row(MatrixView& view, std::size_t index) const {
  const Row& row = rows_[index];
  view.rows |= mask_of(index);
  if (row.limps) view.limps |= mask_of(index);
  if (row.stuck) view.stuck |= mask_of(index);
  for (std::size_t subject = 0; subject < count_; ++subject) {
    if (subject == index) continue;
    if (const PeerReport* const report = find(index, subject)) {
      add_link(view, index, subject, report->link);
    }
  }
}

MatrixView ReachMatrix::view(Instant since) const {
  MatrixView view;
  view.fresh = mask_of(self_);
  view.count = count_;
  view.self = self_;
  if (rows_[self_].limps) view.limps |= mask_of(self_);
  if (rows_[self_].stuck) view.stuck |= mask_of(self_);
  view_own(view);
  for (std::size_t index = 0; index < count_; ++index) {
    if (index == self_) continue;
    if (!own_[index].has(LinkFlag::kSilent)) {
      if (rows_[index].at != kLongAgo) view_row(view, index);
      if (rows_[index].at > since) view.fresh |= mask_of(index);
      continue;
    }
    const std::size_t teller = teller_of(index);
    if (teller >= count_) continue;
    view.relayed |= mask_of(index);
    if (rows_[teller].at > since) view.fresh |= mask_of(index);
    view.silent[index] = unheard_by(rows_[teller], index);
  }
  return view;
}

MatrixCell ReachMatrix::cell(std::size_t observer, std::size_t subject, Instant now) const {
  VOUCH_ASSERT(observer < count_ && subject < count_ && observer != subject);
  if (observer == self_) return {CellKnown::kFirst, own_[subject], Duration::zero()};
  const Row& row = rows_[observer];
  const PeerReport* const report = find(observer, subject);
  if (!own_[observer].has(LinkFlag::kSilent)) {
    if (report == nullptr) return {};
    return {CellKnown::kFirst, report->link, now - row.at};
  }
  const std::size_t teller = teller_of(observer);
  if (teller >= count_) return {};
  MatrixCell cell{CellKnown::kHearsay, {}, now - rows_[teller].at};
  if (has(unheard_by(rows_[teller], observer), subject)) cell.link.set(LinkFlag::kSilent);
  return cell;
}

}  // namespace vouch
