#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/probe/link_health.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/diagnosis.h"
#include "vouch/quorum_check/reach_matrix.h"

namespace vouch {

/// What a node knows of links and nodes: the health of every link to it, the matrix of everybody's
/// reports, and what is diagnosed. A part of the Monitor, which owns it. It decides nothing: no
/// verdict, no promise and no lease looks at it.
///
/// Nodes that it does not keep track of (kMaxMatrixNodes) have index size(), and everything about
/// them is ignored. Not thread-safe: give it one owner.
class HealthWatch {
 public:
  HealthWatch(const MonitorConfig& config, Instant now);

  [[nodiscard]] std::size_t index_of(NodeId node) const { return matrix_.index_of(node); }
  [[nodiscard]] const ReachMatrix& matrix() const { return matrix_; }
  [[nodiscard]] const Diagnoser& diagnoser() const { return diagnoser_; }

  /// A heartbeat, newer than all before, with its counts checked. `round_trip`: by its echo, or
  /// negative when it has none of this life. `is_sick`: this node is slow itself.
  void heard(Instant now, std::size_t from, const Heartbeat& heartbeat, Duration round_trip,
             bool is_sick);

  /// A heartbeat that newer ones have overtaken.
  void overtaken(std::size_t from, Seq seq) {
    if (from < links_.size()) links_[from].health.overtaken(seq);
  }

  /// The process has ended, for certain or because its new life spoke.
  void process_ended(Instant now, std::size_t index, bool is_known_dead);

  /// Its host refuses what is sent to it.
  void refused(Instant now, std::size_t index) {
    if (index < links_.size()) links_[index].refused_at = now;
  }

  /// This node stood still until `now`.
  void stalled(Instant now);

  /// Whether big messages reach the node.
  void set_carries_large(std::size_t index, bool carries) {
    if (index < links_.size()) links_[index].loses_large = !carries;
  }

  /// Why this node had better not lead, by what is raised: its own links or timers are bad. For
  /// loss only while somebody else has clearly better links (docs/DIAGNOSIS.md has the limits).
  [[nodiscard]] std::optional<TransferReason> own_trouble() const;

  /// Who had better not lead either: to blame for something that is raised, or for loss not clearly
  /// better off.
  [[nodiscard]] NodeMask unfit(TransferReason reason) const;

  /// Writes what is known of links into a heartbeat whose reports name their peers already.
  void fill(Heartbeat& heartbeat) const { matrix_.fill(heartbeat); }

  /// One heartbeat interval is over: measures the silences, reads the matrix, and calls
  /// `push(Diagnosis)` for every change.
  template <typename Push>
  void tick(Instant now, bool is_sick, bool is_stuck, Push&& push) {
    measure(now, is_sick, is_stuck);
    if (now < reads_from_) return;
    if (!matrix_.is_troubled() && diagnoser_.is_idle()) return;
    const MatrixView view = matrix_.view(now - kFresh * limits_.interval / 4);
    diagnoser_.update(now, matrix_, read_matrix(view), push);
    weigh_loss(view);
  }

 private:
  struct Link {
    LinkHealth health{};
    Instant refused_at = kLongAgo;
    bool is_known_dead = false;
    bool loses_large = false;
  };

  /// What was heard within so many quarters of an interval has been said since the last reading.
  static constexpr std::int64_t kFresh = 5;

  void measure(Instant now, bool is_sick, bool is_stuck);
  [[nodiscard]] const Finding* own_loss() const;
  void weigh_loss(const MatrixView& view);

  LinkLimits limits_;
  ReachMatrix matrix_;
  std::vector<Link> links_;  ///< By index of the matrix; this node's own is unused.
  Diagnoser diagnoser_{};
  Instant limps_until_ = kLongAgo;
  std::uint8_t sick_ticks_ = 0;   ///< Intervals in a row in which this node's own timers were late.
  std::uint8_t lossy_ticks_ = 0;  ///< Intervals in a row in which a commit would lose too much.
  NodeMask better_ = 0;           ///< Where a commit would lose clearly less than here.
  Instant reads_from_{};          ///< Who starts has heard nobody yet.
};

}  // namespace vouch
