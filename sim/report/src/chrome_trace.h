#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vouch/report/flights.h"
#include "vouch/report/lanes.h"
#include "vouch/report/trace_format.h"

namespace vouch::report {

/// Trace Event Format, JSON object form ("Trace Event Format", Google, 2016): a node is a process
/// (pid = index + 1, because 0 means the idle process there), its tracks are threads. Spans are
/// complete events and come when they have ended, so the events are not in order of time; readers
/// sort them. Faults of links belong to a process of their own, the network. Timestamps are
/// microseconds, rounded down.
///
/// A message is a slice of 1 us at its sender, another at its receiver, and a flow from one to the
/// other: a flow event belongs to the slice of equal pid, tid, category and time.
class ChromeTrace final : public Trace, private LaneSink {
 public:
  ChromeTrace() : lanes_(*this) {}

  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override;
  void stepped(const sim::Engine& engine, sim::NodeIndex node,
               const sim::ReplicaStatus& status) override;
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  void finish(sim::TrueTime end) override;
  std::string take() override;
  [[nodiscard]] std::size_t waiting() const override { return text_.size(); }

 private:
  /// The tracks of a node, from top to bottom.
  enum Track : std::uint32_t {
    kStanding = 1,
    kLease = 2,
    kPromise = 3,
    kMajority = 4,
    kNotes = 5,
    kMessages = 6,
    kSuspicion = 10,  ///< And one track more per subject.
  };

  void stood(sim::NodeIndex node, const Span& span, const Standing& standing) override;
  void held_lease(sim::NodeIndex node, const Span& span) override;
  void promised(sim::NodeIndex node, const Span& span, NodeId leader) override;
  void suspected(sim::NodeIndex node, const Span& span, sim::NodeIndex subject) override;
  void reached_majority(sim::NodeIndex node, const Span& span) override;

  void begin_file(const sim::Engine& engine);
  void name_track(sim::NodeIndex node, std::uint32_t track, const std::string& name);
  /// Begins an event of the process `pid`; `end` ends it.
  void begin(std::string_view phase, std::uint64_t pid, std::uint32_t track, sim::TrueTime at);
  void add(std::string_view key, std::uint64_t value);
  void add(std::string_view key, std::string_view text);
  void end();
  void slice(sim::NodeIndex node, std::uint32_t track, const Span& span, std::string_view name,
             std::string_view category);
  void instant(std::uint64_t pid, std::uint32_t track, sim::TrueTime at, std::string_view name,
               std::string_view category);
  void flow(std::string_view phase, sim::NodeIndex node, sim::TrueTime at, std::uint64_t id);

  Lanes lanes_;
  Flights<std::uint64_t> flights_;  ///< The number of each message on its way.
  std::uint64_t messages_ = 0;
  std::size_t replicas_ = 0;
  std::string text_;
};

}  // namespace vouch::report
