#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "vouch/report/flights.h"
#include "vouch/report/trace_format.h"

namespace vouch::report {

/// A log for ShiViz (Beschastnikh et al., "Debugging distributed systems", CACM 2016): its first
/// line is the expression that reads it, the second (empty) the delimiter of executions. Each event
/// is a line "host {clock}" and a line of text. A vector clock counts every node's own events; a
/// message carries its sender's. Faults of links are events of a host of their own, `network`,
/// which nothing precedes or follows.
class ShivizTrace final : public Trace {
 public:
  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override;
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  void finish(sim::TrueTime end) override;
  std::string take() override;
  [[nodiscard]] std::size_t waiting() const override { return text_.size(); }

 private:
  /// Events of each node that are known of; zero: none.
  using Clock = std::array<std::uint32_t, sim::kMaxSimNodes>;

  /// Writes an event of `node` down and counts it.
  void event(const sim::Engine& engine, sim::NodeIndex node, std::string_view text);

  std::array<Clock, sim::kMaxSimNodes> clocks_{};
  Flights<Clock> flights_;
  std::uint64_t network_events_ = 0;
  bool is_begun_ = false;
  std::string text_;
};

}  // namespace vouch::report
