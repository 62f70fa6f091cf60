#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <utility>

#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"

namespace vouch::report {

/// Whether a message with that fate never went on its way. Its bytes may stand where those of one
/// stood whose end was not seen (a receiver that crashed with it), so it must not be looked up.
[[nodiscard]] constexpr bool is_lost_at_sender(sim::Fate fate) {
  return fate == sim::Fate::kCut || fate == sim::Fate::kLost || fate == sim::Fate::kTooLong ||
         fate == sim::Fate::kQueueFull || fate == sim::Fate::kCorrupt;
}

/// What an observer remembers of each message on its way, found again by the bytes of the message:
/// they do not move from the send to the arrival. Never walked, so that its order does not matter.
/// Not thread-safe: give it one owner.
template <typename Memory>
class Flights {
 public:
  /// Remembers a message that was just sent. Whatever stood in its place has ended unseen.
  void take_off(const sim::Payload& payload, Memory memory) {
    flights_.insert_or_assign(payload.data(), std::move(memory));
  }

  /// What is remembered of a message, or nullptr: its sending was not seen.
  [[nodiscard]] Memory* find(const sim::Payload& payload) {
    const auto flight = flights_.find(payload.data());
    return flight == flights_.end() ? nullptr : &flight->second;
  }

  void land(const sim::Payload& payload) { flights_.erase(payload.data()); }

 private:
  std::map<const std::byte*, Memory, std::less<>> flights_;
};

}  // namespace vouch::report
