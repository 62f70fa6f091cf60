#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "interrupt.h"
#include "vouch/report/lanes.h"
#include "vouch/scenario/scenario.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/observer.h"

namespace vouch::cli {

/// Draws a run on standard output while it goes on. On a terminal: one lane per node that grows
/// from left to right, redrawn in place, and the newest lines of the record below; SIGINT and
/// SIGTERM give the terminal back as it was and end the program as usual. Elsewhere: one line per
/// thing that happened, and nothing waits.
///
/// One object at a time. Not thread-safe: give it one owner.
class Watch final : public sim::Observer, private report::LaneSink {
 public:
  /// `speed`: simulated seconds per second on a terminal; 0: as fast as it goes.
  Watch(const scenario::Scenario& scenario, std::string policy, std::uint64_t speed);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// Gives the terminal back.
  ~Watch();

  void stepped(const sim::Engine& engine, sim::NodeIndex node,
               const sim::ReplicaStatus& status) override;
  /// Every message is a sign that time has passed.
  void moved(const sim::Engine& engine, sim::NodeIndex, sim::NodeIndex, const sim::Payload&,
             sim::Fate) override {
    advance(engine);
  }
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  /// The run is over: draws the end.
  void finish(sim::TrueTime end);

 private:
  /// What stands in one column of a lane.
  enum class Cell : std::uint8_t {
    kEmpty,
    kDown,
    kPaused,
    kFollower,
    kDoubtful,  ///< A follower that suspects the leader.
    kCandidate,
    kLeader,
    kLapsed,  ///< A leader without its lease.
  };

  void stood(sim::NodeIndex, const report::Span&, const report::Standing&) override {}
  void held_lease(sim::NodeIndex, const report::Span&) override {}
  void promised(sim::NodeIndex, const report::Span&, NodeId) override {}
  void suspected(sim::NodeIndex, const report::Span&, sim::NodeIndex) override {}
  void reached_majority(sim::NodeIndex, const report::Span&) override {}

  /// Time has come to the engine's now: fills the columns before it, and draws when a new one
  /// begins.
  void advance(const sim::Engine& engine);
  void look(const sim::Engine& engine, sim::NodeIndex node);
  void add_line(sim::TrueTime at, const std::string& text);
  void draw(sim::TrueTime now);
  [[nodiscard]] std::string lane(sim::NodeIndex node) const;
  [[nodiscard]] std::size_t column_of(sim::TrueTime at) const;
  void wait_for(sim::TrueTime now);
  /// A signal came: gives the terminal back and ends the program by it. What draws does this, not
  /// the signal's handler: that one may run in another thread, in the middle of a frame.
  [[noreturn]] void give_back_and_die();

  const scenario::Scenario& scenario_;
  std::string policy_;
  std::uint64_t speed_;
  bool on_terminal_;
  std::optional<Interrupt> interrupt_;  ///< On a terminal.
  bool has_colour_;
  report::Lanes lanes_;
  std::size_t columns_ = 72;
  std::size_t filled_ = 0;  ///< Columns that are drawn for good.
  std::vector<std::vector<Cell>> cells_;
  std::vector<Cell> now_;             ///< Per node.
  std::vector<std::string> caption_;  ///< Per node: role and term.
  std::deque<std::string> lines_;
  std::size_t drawn_rows_ = 0;
  std::int64_t began_ns_ = 0;  ///< Real time.
};

}  // namespace vouch::cli
