#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "vouch/detector/ids.h"
#include "vouch/detector/time.h"
#include "vouch/host/replica.h"

namespace vouch::runtime {

/// What a node did and why, one JSON object per line, keys in a fixed order: `at_ns` (this
/// machine's CLOCK_BOOTTIME), `wall` (UTC), `node`, `event`, then what belongs to the event.
/// Not thread-safe: give it one owner.
class Journal {
 public:
  using Sink = std::function<void(std::string_view line)>;

  Journal(NodeId node, Sink sink) : node_(node), sink_(std::move(sink)) {}

  void write(Instant now, const Decision& decision);
  void write(Instant now, const Campaign& campaign);
  void write(Instant now, const StandDown& stand_down);
  void write(Instant now, const Vouched& vouched);
  void write(Instant now, const LeaderChanged& changed);
  void write(Instant now, const PeerChanged& changed);
  void write(Instant now, const SuppressAlert& alert);
  void write(Instant now, const Elected& elected);
  void write(Instant now, const CandidacyEnded& ended);
  void write(Instant now, const VoteGranted& granted);
  /// What is of no interest to a reader.
  template <typename T>
  void write(Instant, const T&) {}

  /// Any other line: `fields` is an object.
  void note(Instant now, std::string_view event, const nlohmann::ordered_json& fields);

 private:
  NodeId node_;
  Sink sink_;
};

/// A duration in milliseconds with three decimals, as every field that ends in `_ms` holds it.
[[nodiscard]] double to_ms(Duration duration);

}  // namespace vouch::runtime
