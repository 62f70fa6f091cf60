#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::report {

/// A stretch of true time, [from, until).
struct Span {
  sim::TrueTime from{};
  sim::TrueTime until{};

  friend bool operator==(const Span&, const Span&) = default;
};

/// What a node is doing: the greater the more it matters to the group.
enum class Activity : std::uint8_t { kDown, kPaused, kFollower, kCandidate, kLeader };

[[nodiscard]] std::string_view to_string(Activity activity);

/// What a node is for its group, as far as it knows itself.
struct Standing {
  Activity activity = Activity::kDown;
  Term term{};
  NodeId leader{};  ///< As the node knows it, or kNobody.

  friend bool operator==(const Standing&, const Standing&) = default;
};

/// What a node is at this moment; kDown with nothing else known when its process is gone.
[[nodiscard]] Standing standing_of(const sim::Engine& engine, sim::NodeIndex node);

/// Takes the spans of Lanes, each once, when it has ended. Spans of one kind and node come in order
/// and do not overlap.
class LaneSink {
 public:
  virtual void stood(sim::NodeIndex node, const Span& span, const Standing& standing) = 0;
  /// It believed to hold the lease. Only of protocols that have leases.
  virtual void held_lease(sim::NodeIndex node, const Span& span) = 0;
  /// It was bound not to help replace `leader`. Only of vouch.
  virtual void promised(sim::NodeIndex node, const Span& span, NodeId leader) = 0;
  virtual void suspected(sim::NodeIndex node, const Span& span, sim::NodeIndex subject) = 0;
  /// It worked and reached a majority both ways.
  virtual void reached_majority(sim::NodeIndex node, const Span& span) = 0;

 protected:
  LaneSink() = default;
  LaneSink(const LaneSink&) = default;
  LaneSink& operator=(const LaneSink&) = default;
  ~LaneSink() = default;
};

/// Turns the events of a simulation into spans: one for each time in which nothing changed. All
/// times are true times; a lease ends when its holder's clock shows its end, even if nothing
/// happens then. Not thread-safe: give it one owner.
class Lanes final : public sim::Observer {
 public:
  /// `sink` must outlive the object.
  explicit Lanes(LaneSink& sink) : sink_(sink) {}

  void stepped(const sim::Engine& engine, sim::NodeIndex node,
               const sim::ReplicaStatus& status) override;
  /// A promise is renewed without any change of the status: whoever drives this object and sees
  /// messages tells of each delivery.
  void delivered(const sim::Engine& engine, sim::NodeIndex to) { update_promise(engine, to); }
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  /// Whether `node` suspects `subject` now.
  [[nodiscard]] bool suspects(sim::NodeIndex node, sim::NodeIndex subject) const {
    return (nodes_[node].suspected & sim::node_bit(subject)) != 0;
  }

  /// Ends every span that still runs. Call it once, after the run.
  void finish(sim::TrueTime end);

 private:
  /// Something that a node has until a known time, unless it is renewed or taken away.
  struct Tenure {
    bool is_held = false;
    sim::TrueTime from{};
    sim::TrueTime ends{};

    /// Renews it up to `until` (not after `now`: takes it away). Returns whether a span has ended
    /// and stands in `ended`.
    bool set(sim::TrueTime now, sim::TrueTime until, Span& ended);
  };
  struct Watched {
    bool is_known = false;
    sim::TrueTime stands_since{};
    Standing standing{};
    Tenure lease;
    Tenure promise;
    NodeId promised_to{};
    Tenure majority;
    sim::NodeSet suspected = 0;
    std::array<sim::TrueTime, sim::kMaxSimNodes> suspected_since{};
  };

  void update_standing(const sim::Engine& engine, sim::NodeIndex node);
  void update_lease(const sim::Engine& engine, sim::NodeIndex node);
  void update_promise(const sim::Engine& engine, sim::NodeIndex node);
  void end_suspicion(sim::NodeIndex node, sim::NodeIndex subject, sim::TrueTime now);

  LaneSink& sink_;
  std::array<Watched, sim::kMaxSimNodes> nodes_{};
};

}  // namespace vouch::report
