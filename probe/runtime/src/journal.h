#pragma once

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/host/replica.h"
#include "vouch/record/line.h"

namespace vouch::runtime {

/// What a node did and why, one JSON object per line, keys in a fixed order: `at_ns` (this
/// machine's CLOCK_BOOTTIME), `wall` (UTC), `node`, `event`, then what belongs to the event.
/// Not thread-safe: give it one owner.
class Journal {
 public:
  using Sink = std::function<void(std::string_view line)>;

  Journal(NodeId node, Sink sink) : node_(node), sink_(std::move(sink)) {}

  /// A decision and a stand-down were recorded with their inputs when they were taken; here is
  /// their turn among the other lines.
  void write(Instant, const Decision&) { write_recorded(); }
  void write(Instant, const StandDown&) { write_recorded(); }
  void write(Instant now, const Campaign& campaign);
  void write(Instant now, const Vouched& vouched);
  void write(Instant now, const LeaderChanged& changed);
  void write(Instant now, const PeerChanged& changed);
  void write(Instant now, const SuppressAlert& alert);
  void write(Instant now, const Diagnosis& diagnosis);
  void write(Instant now, const TransferAdvice& advice);
  void write(Instant now, const Elected& elected);
  void write(Instant now, const CandidacyEnded& ended);
  void write(Instant now, const VoteGranted& granted);
  /// What is of no interest to a reader.
  template <typename T>
  void write(Instant, const T&) {}

  /// Writes `line` now, or if it is a decision or a stand-down when its action comes out.
  void record(const record::Line& line);

  /// Any other line: `fields` is an object.
  void note(Instant now, std::string_view event, const nlohmann::ordered_json& fields);

 private:
  void write_recorded();

  NodeId node_;
  Sink sink_;
  std::deque<std::string> recorded_;  ///< In the order in which their actions come out.
};

/// This machine's time of day, UTC: `2026-01-31T23:59:59.999Z`.
[[nodiscard]] std::string wall_clock();

/// A duration in milliseconds with three decimals, as every field that ends in `_ms` holds it.
[[nodiscard]] double to_ms(Duration duration);

}  // namespace vouch::runtime
