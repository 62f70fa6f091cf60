#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/front_end_message.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch {

/// A set of front-ends: bit n is the n-th of them in ascending order of their ids.
using FrontEndMask = std::uint64_t;

/// The front-ends that a cluster knows, in ascending order, with their zones.
class FrontEndList {
 public:
  explicit FrontEndList(const std::vector<FrontEndConfig>& front_ends);

  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] NodeId id(std::size_t index) const { return ids_[index]; }
  /// size() for a stranger.
  [[nodiscard]] std::size_t index_of(NodeId id) const;

  /// Equal for equal lists with equal zones: what travels as bits means the same to both ends.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

  /// The front-ends of each zone.
  [[nodiscard]] const std::vector<FrontEndMask>& zones() const { return zones_; }

  /// Of the zones those most of whose front-ends are in `lost`. All that are configured count, so
  /// one that says nothing speaks against a move. Bit n: the n-th of zones().
  [[nodiscard]] std::uint64_t zones_lost(FrontEndMask lost) const;

  /// Whether `lost` is most front-ends of `needed` zones and of more than half of all.
  [[nodiscard]] bool is_wide(FrontEndMask lost, std::uint32_t needed) const;

 private:
  std::vector<NodeId> ids_;
  std::vector<FrontEndMask> zones_;
  std::uint64_t hash_ = 0;
};

/// What became of a probe.
enum class ProbeVerdict : std::uint8_t {
  kTaken,    ///< Answer it.
  kUnknown,  ///< From nobody who is configured.
  kStale,    ///< From an earlier life, or overtaken.
  kTooMany,  ///< More than a front-end may ask: neither read nor answered.
};

/// What front-ends report, at one replica: first-hand, and what the other replicas have been told
/// about this one. A part of the Monitor, which owns it. All of it ages out; it decides no
/// election, and no promise, lease or evidence looks at it.
///
/// A report "I do not reach the leader" counts only while the leader has no newer proof that the
/// front-end hears it. Not thread-safe: give it one owner.
class FrontEndTable {
 public:
  /// One probe in this time on average; bursts of kProbeBurst.
  static constexpr Duration kProbeGap = std::chrono::milliseconds(20);
  static constexpr std::int64_t kProbeBurst = 16;

  FrontEndTable(const MonitorConfig& config, std::size_t roster_size);

  [[nodiscard]] const FrontEndList& list() const { return list_; }
  [[nodiscard]] bool empty() const { return list_.size() == 0; }

  /// Reads a probe from `from`. `began`: when this incarnation of the replica began.
  ProbeVerdict take(Instant now, Instant began, Incarnation self, NodeId from,
                    const FrontEndProbe& probe);

  /// What the replica in `from` has been told about this one. False: it is stale, or counts by
  /// another list.
  bool take(Instant now, PeerIndex from, const FrontEndTally& tally);

  /// Front-ends that report, now, that they do not reach `leader`.
  [[nodiscard]] FrontEndMask lost(Instant now, NodeId leader) const;

  /// The leader that the front-end at `index` reports to have lost, or kNobody.
  [[nodiscard]] NodeId lost_leader(Instant now, std::size_t index) const {
    return speaks_of_loss(entries_[index], now) ? entries_[index].lost : kNobody;
  }

  /// Whether one reports that of anybody.
  [[nodiscard]] bool any_lost(Instant now) const;

  /// Front-ends that are known to have heard this replica lately.
  [[nodiscard]] FrontEndMask reached(Instant now) const;

  /// One heartbeat interval is over. `self`: this node, which `leads` some group.
  /// `is_reached(node)` tells whether this node reaches another both ways. Calls `push(Diagnosis)`
  /// for every change.
  template <typename IsReached, typename Push>
  void tick(Instant now, NodeId self, bool leads, IsReached&& is_reached, Push&& push) {
    if (empty()) return;
    note_losses(now, self, leads);
    for (std::size_t index = 0; index < list_.size(); ++index) {
      const Entry& entry = entries_[index];
      NodeId leader = entry.told_since != kNever ? self : kNobody;
      if (leader == kNobody && speaks_of_loss(entry, now) && entry.lost != self &&
          is_reached(entry.lost)) {
        leader = entry.lost;
      }
      set_path(index, leader, now);
    }
    update_paths(now, push);
  }

  /// Whether most front-ends of enough zones have not reached this leader for the whole window, and
  /// then for which of the replicas it would not get better: the others are reached by most of them
  /// in each of those zones, and by more front-ends than this one.
  [[nodiscard]] std::optional<SlotSet> wants_transfer(Instant now, Slot self) const;

  /// What is diagnosed now, in the order of the front-ends; nothing behind the last.
  [[nodiscard]] std::optional<Diagnosis> raised(std::size_t at, Instant now) const;

 private:
  /// Something that is wrong with the paths to a leader, or was until a moment ago.
  struct Trouble {
    NodeId leader{};  ///< kNobody: there is none.
    Instant since = kNever;
    Instant absent_since = kNever;
    bool is_raised = false;
  };
  struct Entry : Trouble {
    Incarnation incarnation{};
    ClockStamp newest{};              ///< Its newest probe, by its clock.
    Instant proved_at = kLongAgo;     ///< Our newest sending that it has proved to have received.
    Instant probes_until = kLongAgo;  ///< Of its allowance of probes, what is used up.
    NodeId lost{};                    ///< The leader that it does not reach, by its newest word,
    Instant lost_at = kLongAgo;       ///< which came then.
    Instant told_since = kNever;      ///< Since when it has not reached this leader.
  };
  /// Of most front-ends of enough zones at once.
  struct Whole : Trouble {
    FrontEndMask concerned = 0;
  };
  /// What a replica said last.
  struct Told {
    Incarnation incarnation{};
    ClockStamp newest{};
    Instant at = kLongAgo;
    FrontEndMask lost = 0;
    FrontEndMask reached = 0;
  };

  /// Whether `trouble` is to be raised now, or stays so.
  [[nodiscard]] bool stands(const Trouble& trouble, Duration after, Instant now) const {
    if (trouble.leader == kNobody || is_over(trouble, now)) return false;
    return trouble.is_raised || now - trouble.since >= after;
  }
  [[nodiscard]] bool is_over(const Trouble& trouble, Instant now) const {
    return trouble.absent_since != kNever && now - trouble.absent_since >= clear_after_;
  }
  [[nodiscard]] bool speaks_of_loss(const Entry& entry, Instant now) const {
    return entry.lost != kNobody && now - entry.lost_at <= expiry_;
  }
  [[nodiscard]] bool is_fresh(const Told& told, Instant now) const {
    return told.at != kLongAgo && now - told.at <= tally_expiry_;
  }
  void note_losses(Instant now, NodeId self, bool leads);
  void set_path(std::size_t index, NodeId leader, Instant now);
  [[nodiscard]] FrontEndMask broken(NodeId leader) const;
  static void see(Trouble& trouble, NodeId leader, Instant now);
  void update_whole(Instant now);
  [[nodiscard]] Diagnosis describe(const Entry& entry, std::size_t index, Instant now) const;
  [[nodiscard]] Diagnosis describe(const Whole& whole, Instant now) const;

  /// Raises and clears, the clearing ones first: of the whole before the single paths.
  template <typename Push>
  void update_paths(Instant now, Push&& push) {
    const auto change = [&](auto& one, bool wanted, Diagnosis diagnosis) {
      if (one.is_raised == wanted) return;
      one.is_raised = wanted;
      diagnosis.change = wanted ? DiagnosisChange::kRaised : DiagnosisChange::kCleared;
      push(diagnosis);
    };
    update_whole(now);
    const bool whole = stands(whole_, whole_after_, now);
    if (!whole) change(whole_, false, describe(whole_, now));
    for (const bool wanted : {false, true}) {
      for (std::size_t index = 0; index < list_.size(); ++index) {
        Entry& entry = entries_[index];
        const bool is_part = whole && entry.leader == whole_.leader;
        if ((stands(entry, path_after_, now) && !is_part) != wanted) continue;
        change(entry, wanted, describe(entry, index, now));
      }
    }
    if (whole) change(whole_, true, describe(whole_, now));
    forget_cleared();
  }
  void forget_cleared();

  FrontEndList list_;
  std::uint32_t zones_needed_;
  Duration window_;
  Duration expiry_;        ///< Of what a front-end has said.
  Duration proof_expiry_;  ///< Of the proof that contradicts a report.
  Duration tally_expiry_;
  Duration path_after_;   ///< A path must be broken for so long,
  Duration whole_after_;  ///< or most of them for so long,
  Duration clear_after_;  ///< and then carry again for so long.
  std::vector<Entry> entries_;
  std::vector<Told> told_;  ///< By index in the roster.
  Whole whole_{};
};

}  // namespace vouch
