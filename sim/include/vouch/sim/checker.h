#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/time.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// Which rule was broken (DESIGN, rules S* and L*).
enum class Rule : std::uint8_t { kS1, kS2, kS3, kS6, kL1, kL2, kL3, kL6 };
inline constexpr std::uint8_t kRuleCount = 8;

[[nodiscard]] std::string_view to_string(Rule rule);

/// One broken rule: where, when, in words.
struct Violation {
  Rule rule{};
  TrueTime at{};
  NodeIndex node = 0;
  std::string text;
};

/// What the Checker must know beforehand.
struct CheckerOptions {
  /// Consents older than this, in true time, are not fresh (S3). Zero: the protocol asks for no
  /// consents and S3 is not checked.
  Duration consent_limit{};
  std::size_t violations_kept = 16;
};

/// Checks the safety rules after every event, from outside: with the true time, which no node
/// knows, and with what was really sent. Looks only at the node that an event touched.
///
/// - S1: no campaign begins while any other node's lease runs in true time.
/// - S2: at most one node at a time believes that it holds the lease. A paused node goes on
/// believing;
///   a crashed one does not.
/// - S3: behind a campaign stands a majority, the candidate included, each of which has really sent
///   its consent in this very round, not too long ago.
/// - S6: the term of a node never decreases, not over a crash either (unless its disk is lost), and
///   leaderships have increasing terms, which serve as fencing tokens. What counts is when a node
///   begins to lead: with wait_out, who was elected later waits until who was elected earlier, but
///   heard of it late, has led. No two elections have the same term.
///
/// For a protocol that promises less (Raft without leases), what it reports is a measure, not a
/// bug. Not thread-safe: give it one owner.
class Checker final : public Observer {
 public:
  explicit Checker(const CheckerOptions& options) : options_(options) {}

  void stepped(const Engine& engine, NodeIndex node, const ReplicaStatus& status) override;
  void noted(const Engine& engine, NodeIndex node, const Note& note) override;
  void faulted(const Engine& engine, const Fault& fault) override;

  /// Adds what somebody else found, for instance about liveness.
  void report(Rule rule, TrueTime at, NodeIndex node, std::string text);

  /// The first ones, in order.
  [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
  /// All, those that were not kept included.
  [[nodiscard]] std::uint64_t violation_count() const { return violation_count_; }

  /// For how long two or more nodes believed to hold the lease, up to `until`.
  [[nodiscard]] Duration split_lease(TrueTime until) const;

 private:
  struct Consent {
    std::uint64_t round = 0;
    TrueTime at{};
    bool is_given = false;
  };
  /// The newest of one responder: a question of an older round may come late, and its consent does
  /// not void the one that counts.
  struct Consents {
    std::array<Consent, 4> kept{};
    std::size_t next = 0;

    void add(std::uint64_t round, TrueTime at);
    [[nodiscard]] const Consent* of(std::uint64_t round) const;
  };
  struct Watched {
    Instant lease_until = kLongAgo;  ///< As the replica said it last.
    TrueTime lease_ends = kStart;    ///< The same in true time.
    Term term{};
    Term elected{};                                 ///< Of its last election.
    bool is_awaiting = false;                       ///< Elected, but not seen to lead yet.
    std::array<Consents, kMaxSimNodes> consents{};  ///< To this node, by responder.
  };

  void check_elected(const Engine& engine, NodeIndex node, Term term);
  void check_leadership(const Engine& engine, NodeIndex node);
  void check_campaign(const Engine& engine, NodeIndex node, const Note& note);
  void check_consents(const Engine& engine, NodeIndex node, const Note& note);
  void set_lease(const Engine& engine, NodeIndex node, Instant until);
  /// Accounts for the time up to `now`, then finds when two leases overlap from now on.
  void account(TrueTime now);

  CheckerOptions options_;
  std::array<Watched, kMaxSimNodes> nodes_{};
  std::vector<Violation> violations_;
  std::uint64_t violation_count_ = 0;
  Term newest_leadership_{};
  TrueTime accounted_{};
  TrueTime overlap_ends_{};  ///< Two leases run until then; in the past when they do not.
  Duration split_lease_{};
};

}  // namespace vouch::sim
