#pragma once

#include <algorithm>
#include <cstdint>

namespace vouch {

/// How slow this node itself is, by its own timers: a process that is starved of its processor sees
/// its peers late and must blame itself first (rule S4).
///
/// The score is the local health multiplier of Lifeguard (Dadgar, Phillips, Currey: "Lifeguard:
/// local health awareness for more accurate failure detection", 2018, section 3.1): each late timer
/// adds one, each timer in time takes one away, between 0 and kMax. A higher score lengthens this
/// node's suspicions, never shortens them; from kSick on the node is recused.
///
/// Modification: missing answers do not count. In a partial partition they tell of the links, not
/// of the node, and a score by them would recuse the very nodes whose consent makes a hub leader.
///
/// Not thread-safe: give it one owner.
class SelfHealth {
 public:
  static constexpr std::uint8_t kMax = 8;
  static constexpr std::uint8_t kSick = 4;  ///< This many late timers more than timers in time.

  /// A periodic timer fired much later than it was due.
  void late() { score_ = std::min<std::uint8_t>(static_cast<std::uint8_t>(score_ + 1), kMax); }
  /// A periodic timer fired about when it was due.
  void in_time() { score_ = score_ > 0 ? static_cast<std::uint8_t>(score_ - 1) : score_; }

  [[nodiscard]] std::uint8_t score() const { return score_; }
  [[nodiscard]] bool is_sick() const { return score_ >= kSick; }

 private:
  std::uint8_t score_ = 0;
};

}  // namespace vouch
