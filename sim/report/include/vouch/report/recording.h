#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/report/flights.h"
#include "vouch/report/lanes.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/run.h"
#include "vouch/sim/time.h"

namespace vouch::report {

struct StandingSpan {
  Span span{};
  Standing standing{};
};
struct PromiseSpan {
  Span span{};
  NodeId leader{};
};
struct SuspicionSpan {
  Span span{};
  sim::NodeIndex subject = 0;
};

/// Something was wrong with a node that one does not see from its role: its worker hung, say.
struct TroubleSpan {
  Span span{};
  sim::FaultKind kind{};
  std::string text;  ///< The fault in words.
};

/// One node's lane: spans in order of time.
struct NodeLane {
  std::vector<StandingSpan> standings;
  std::vector<Span> leases;
  std::vector<PromiseSpan> promises;
  std::vector<SuspicionSpan> suspicions;
  std::vector<Span> majorities;  ///< It worked and reached a majority both ways.
  std::vector<TroubleSpan> troubles;
};

/// A line of the record.
struct RecordLine {
  sim::TrueTime at{};
  std::optional<sim::NodeIndex> node;  ///< Nothing: it was done from outside.
  std::string_view kind;               ///< As traces name it (scenario::event_name).
  std::string_view word;               ///< A decision's verdict; else empty.
  std::string text;                    ///< A sentence without its subject.
  std::uint32_t times = 1;             ///< So often in a row; `at` is the first.
  sim::TrueTime last_at{};
};

/// How a directed link is to the eye. The worst that applies counts.
enum class LinkState : std::uint8_t { kWhole, kChanged, kLossy, kCut };

/// A directed link changed.
struct LinkChange {
  sim::TrueTime at{};
  sim::NodeIndex from = 0;
  sim::NodeIndex to = 0;
  LinkState state{};
  std::string text;  ///< The fault in words.
};

struct SentMessage {
  sim::TrueTime sent{};
  sim::TrueTime arrived{};  ///< Meaningful when the fate is kDelivered.
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  std::uint8_t kind = 0;  ///< Index in Recording::message_kinds.
  sim::Fate fate = sim::Fate::kSent;
};

/// Messages sent over a link within one bucket of time, and those of them that arrived.
struct Traffic {
  std::uint32_t sent = 0;
  std::uint32_t delivered = 0;
};

/// Everything about one run that its picture needs. Times are true time.
struct Recording {
  std::size_t replicas = 0;
  std::string policy;
  bool has_lease = false;
  std::uint64_t seed = 0;
  sim::TrueTime end{};
  std::vector<NodeLane> nodes;
  std::vector<RecordLine> lines;
  std::vector<LinkChange> links;
  Duration bucket{};             ///< Length of a bucket of `traffic`.
  std::vector<Traffic> traffic;  ///< [bucket][from][to], flat.
  std::vector<std::string_view> message_kinds;
  std::vector<SentMessage> messages;  ///< In order of sending; kept within `message_windows` only.
  std::vector<Span> message_windows;
};

/// When at least one node was a usable leader as Measures defines it: it led, held its lease if the
/// protocol has leases, worked, and reached a majority both ways. Computed from the lanes.
[[nodiscard]] std::vector<Span> usable_times(const Recording& recording);

/// Records one run. Add it to RunOptions::observers, and call `finish` after the run.
/// Not thread-safe: give it one owner.
class Recorder final : public sim::Observer, private LaneSink {
 public:
  struct Options {
    std::uint64_t seed = 1;
    /// Most messages that are kept. Half of them from shortly before the fault on, the other half
    /// from shortly before the heal on; times in between are left out of `message_windows`.
    std::size_t messages_max = 10'000;
    std::size_t lines_max = 5'000;  ///< Most lines of the record; the last one says so.
  };

  Recorder(const sim::Plan& plan, const Options& options);

  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override;
  void stepped(const sim::Engine& engine, sim::NodeIndex node,
               const sim::ReplicaStatus& status) override;
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  /// Ends what still runs and hands the recording over.
  [[nodiscard]] Recording finish();

 private:
  /// Where a message on its way is written down.
  struct Flight {
    std::size_t bucket = 0;
    std::optional<std::size_t> message;
  };
  /// A part of the run of which messages are kept.
  struct Window {
    sim::TrueTime from{};
    sim::TrueTime until{};
    std::size_t room = 0;
  };

  void stood(sim::NodeIndex node, const Span& span, const Standing& standing) override;
  void held_lease(sim::NodeIndex node, const Span& span) override;
  void promised(sim::NodeIndex node, const Span& span, NodeId leader) override;
  void suspected(sim::NodeIndex node, const Span& span, sim::NodeIndex subject) override;
  void reached_majority(sim::NodeIndex node, const Span& span) override;

  void note_link_changes(const sim::Engine& engine, const sim::Fault& fault,
                         const std::string& text);
  void note_trouble(sim::TrueTime at, const sim::Fault& fault, const std::string& text);
  void add_line(RecordLine line);
  void add_client_faults();
  [[nodiscard]] bool is_news(sim::NodeIndex node, const sim::Note& note) const;
  [[nodiscard]] std::size_t bucket_of(sim::TrueTime at, sim::NodeIndex from,
                                      sim::NodeIndex to) const;
  std::optional<std::size_t> keep_message(const sim::Engine& engine, const SentMessage& message,
                                          std::string_view kind);

  Options options_;
  Recording recording_;
  Lanes lanes_;
  Flights<Flight> flights_;
  std::vector<Window> windows_;
  std::vector<std::optional<std::size_t>> last_line_;  ///< Per node: its newest line.
  std::vector<sim::TimedFault> client_faults_;  ///< Of links to clients, which no engine sees.
  sim::Link initial_link_;
  std::vector<sim::Link> links_;  ///< As last written down, [from][to], flat.
};

}  // namespace vouch::report
