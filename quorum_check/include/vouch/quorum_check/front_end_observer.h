#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/ring.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/probe/front_end_message.h"
#include "vouch/quorum_check/action.h"

namespace vouch {

/// What a FrontEndObserver is made from. `create` checks each rule and names the field.
struct FrontEndObserverConfig {
  NodeId self{};              ///< As in MonitorConfig::front_ends of the replicas. Not 0.
  Incarnation incarnation{};  ///< Not 0; higher after each restart of the front-end.
  GroupId group{};
  std::vector<NodeId> replicas;  ///< Of the group, each once; at least one, at most kMaxNodes.

  /// Every replica is probed so often, and twice as often while the leader is out of reach. At most
  /// MonitorConfig::front_end_interval of the replicas. In [1 ms, 1 h].
  Duration probe_interval = std::chrono::milliseconds(500);

  /// A replica that leaves a probe unanswered for longer is silent; one that leaves a request
  /// unanswered for longer is asked, as are all others, and must answer within a fifth of it.
  /// Longer, up to probe_interval, where three round trips are longer. In [1 ms, probe_interval].
  Duration patience = std::chrono::milliseconds(50);

  /// While no way is known, all replicas are asked after this, then after twice as long, up to
  /// probe_interval. In [1 ms, probe_interval].
  Duration ask_interval = std::chrono::milliseconds(100);

  /// A leader that answers again must go on for so long before requests go to it directly. In
  /// [0, 1 h].
  Duration return_after = std::chrono::seconds(1);
};

/// Where requests of a front-end go.
enum class FrontEndRoute : std::uint8_t {
  kUnknown,   ///< Nothing is known yet, or no replica vouches for a leader.
  kDirect,    ///< The leader answers.
  kVia,       ///< It does not, and a replica that reaches it answers: the reroute hint.
  kIsolated,  ///< No replica answers: this front-end is the one that is cut off.
};
[[nodiscard]] std::string_view to_string(FrontEndRoute route);

/// Where requests go changed.
struct RouteChanged {
  FrontEndRoute route{};
  Term term{};
  NodeId leader{};  ///< As known, or kNobody.
  NodeId to{};      ///< kDirect: the leader; kVia: who passes requests on to it. Else kNobody.
  /// kVia: how long the leader's quorum lease is proved to run; renewed by answers without notice.
  Instant until = kLongAgo;
};

/// A request that `from` has not answered is better sent again to `to`, which reaches the leader;
/// `to` may be `from` when the leader has changed since. Comes at most once until `from` answers a
/// request.
struct Reroute {
  NodeId from{};
  NodeId to{};
};

/// Everything that a FrontEndObserver wants done, in the order in which it comes out.
using FrontEndAction = std::variant<SendFrontEnd, RouteChanged, Reroute>;

/// The front-end's side: watches the leader of one group by probes and requests of its own, asks
/// the replicas when it does not answer, says where requests go, and reports what it sees in each
/// probe. It is no voter: nothing that it says starts an election. The sans-I/O core.
///
/// Order of calls. Feed it what replicas send (`handle_message`), call `handle_timeout` at the
/// latest at `next_timeout()`, and tell it of the host's requests (`request_sent`,
/// `request_answered`), by which a broken path shows sooner than by probes alone. After each take
/// actions with `poll_action()` until there is none. Before each request ask `to()`.
///
/// Reads no clock and no entropy, starts nothing, does not allocate after `create()`. A front-end
/// of several groups has one of these for each. Not thread-safe: give it one owner.
class FrontEndObserver {
 public:
  /// Errc::kBadConfig names field, rule and value. `rng` draws the phase of the probes.
  static Result<FrontEndObserver> create(const FrontEndObserverConfig& config, Instant now,
                                         Rng rng);

  /// What the transport delivered from `from`. Anything may be in it: what does not fit is dropped.
  void handle_message(Instant now, NodeId from, const FrontEndMessage& message);
  void handle_timeout(Instant now);

  /// The host sent a request to `replica`, which should answer or acknowledge within the patience.
  void request_sent(Instant now, NodeId replica);
  /// `replica` answered a request, whatever it said.
  void request_answered(Instant now, NodeId replica);
  /// The host waits no longer for what it sent to `replica`.
  void request_given_up(Instant now, NodeId replica);

  [[nodiscard]] std::optional<FrontEndAction> poll_action();
  [[nodiscard]] Instant next_timeout() const { return due_; }

  [[nodiscard]] FrontEndRoute route() const { return route_; }
  /// Whom to send requests to, or kNobody.
  [[nodiscard]] NodeId to() const { return node_of(to_); }
  [[nodiscard]] NodeId leader() const { return node_of(leader_); }
  [[nodiscard]] Term term() const { return term_; }

  /// Whether requests had better not go to `replica`: it does not answer, or does not reach the
  /// leader, and another one does.
  [[nodiscard]] bool avoids(NodeId replica) const;

  /// Messages that did not fit, since creation.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  static constexpr std::uint8_t kNone = 0xff;

  struct Replica {
    NodeId node{};
    Incarnation incarnation{};
    ClockStamp newest{};             ///< Its newest answer, by its clock.
    Instant answered_at = kLongAgo;  ///< Our newest probe that it has answered.
    Instant probed_at = kLongAgo;    ///< Our newest probe,
    Instant probe_since = kNever;    ///< our oldest one that waits for an answer,
    Instant request_since = kNever;  ///< and our oldest request that does.
    Instant doubt_at = kNever;       ///< A request waits in vain: a probe must be back by then.
    Duration round_trip{};           ///< Smoothed; zero: not known.
    LeaderView view{};
    Term term{};  ///< What its view is about.
    NodeId leader{};
    Instant proved_until = kLongAgo;
    bool sick = false;
    Term request_term{};    ///< Newest term when the request was sent.
    bool rerouted = false;  ///< Its request has been pointed elsewhere.
    bool asked = false;     ///< The others have been asked about it since it was doubted.
  };

  FrontEndObserver(const FrontEndObserverConfig& config, Instant now, Rng rng);

  void enter(Instant now);
  void leave();
  void take_answer(Replica& replica, const FrontEndAnswer& answer);
  void follow(const FrontEndAnswer& answer);
  void watch_leader();
  [[nodiscard]] bool doubts_somebody();
  void choose_route();
  void reroute_requests();
  void probe_all();
  [[nodiscard]] Duration patience(const Replica& replica, Duration least) const;
  [[nodiscard]] Instant silent_at(const Replica& replica) const;
  [[nodiscard]] Instant overdue_at(const Replica& replica) const;
  [[nodiscard]] bool is_silent(const Replica& replica) const { return now_ >= silent_at(replica); }
  [[nodiscard]] bool leads_on(std::uint8_t slot) const;
  [[nodiscard]] std::uint8_t best_way(std::uint8_t but) const;
  [[nodiscard]] std::uint8_t slot_of(NodeId node) const;
  [[nodiscard]] NodeId node_of(std::uint8_t slot) const {
    return slot == kNone ? kNobody : replicas_[slot].node;
  }
  [[nodiscard]] Instant compute_due() const;

  FrontEndObserverConfig config_;
  std::array<Replica, kMaxNodes> replicas_{};
  std::uint8_t count_ = 0;
  Ring<FrontEndAction> out_;
  Instant began_{};
  Instant now_{};
  Instant due_ = kNever;
  Instant next_probe_{};
  Instant next_ask_ = kNever;  ///< While no way is known.
  Duration ask_after_{};
  Term term_{};
  std::uint8_t leader_ = kNone;
  bool lost_ = false;              ///< The leader did not answer, and not for long enough again.
  Instant steady_since_ = kNever;  ///< Since when a lost leader answers again.
  FrontEndRoute route_ = FrontEndRoute::kUnknown;
  std::uint8_t to_ = kNone;
  std::uint64_t dropped_ = 0;
};

}  // namespace vouch
