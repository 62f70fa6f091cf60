#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"

namespace vouch {

/// The kinds of trace files, told apart by their header line.
enum class TraceFormat : std::uint8_t {
  kProbes,    ///< `send_s,rtt_ms`: round trips of probes; an empty rtt_ms is a lost probe.
  kArrivals,  ///< `arrival_s`: heartbeats in order of arrival, without numbers.
  kNumbered,  ///< `site,seq,send_ns_sender_clock,recv_ns_receiver_clock,hops`: many senders.
  kRecorded,  ///< `observer,subject,incarnation,seq,sent_ns,arrival_ns`: what vouch records.
};

/// The header line of a format, as it must stand in the file.
[[nodiscard]] std::string_view trace_header(TraceFormat format);

/// One heartbeat as vouch records it: one line of a kRecorded file.
struct RecordedHeartbeat {
  NodeId observer{};          ///< Who received it.
  NodeId subject{};           ///< Who sent it.
  Incarnation incarnation{};  ///< Of the subject.
  Seq seq{};                  ///< Counts within the incarnation, from 1.
  Instant sent{};             ///< On the subject's clock.
  Instant arrival{};          ///< On the observer's clock, which counts suspend.

  friend bool operator==(const RecordedHeartbeat&, const RecordedHeartbeat&) = default;
};

/// One arrival on one link, whatever file it comes from.
struct TraceRecord {
  std::size_t link = 0;         ///< Index into TraceReader::links().
  Incarnation incarnation{};    ///< A change begins a new segment. 0 if the file has none.
  std::optional<Seq> seq;       ///< Absent in kArrivals files.
  std::optional<Instant> sent;  ///< On the clock of `arrival`; absent where clocks differ.
  Instant arrival{};            ///< Never decreasing within a link.
  Duration step{};              ///< Longest step of the schedule since the record before on
                                ///< this link: where it exceeds the gap a segment begins.
};

}  // namespace vouch
