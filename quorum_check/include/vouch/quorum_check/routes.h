#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "vouch/quorum_check/reach_matrix.h"

namespace vouch {

/// The way to each node of the matrix: straight, or over one peer that reaches both ends both ways.
/// Two hops at most, so nothing goes round in circles: who gets something for another hands it to
/// that node itself.
///
/// Of several peers the one that loses least, then the lowest id; the one that is used is left only
/// for one that is clearly better, so that a route does not flap. A part of the Monitor. Not
/// thread-safe: give it one owner.
class Routes {
 public:
  /// So many of 32 heartbeats on each of the links another peer must lose less to be better.
  static constexpr unsigned kClearlyFewer = 4;

  Routes() { kept_.fill(kNone); }

  /// The node to which to give what is meant for `to`: itself, a peer, or none. `works(node)`: this
  /// node and that one hear each other.
  template <typename Works>
  [[nodiscard]] std::optional<std::size_t> next_hop(const ReachMatrix& matrix, std::size_t to,
                                                    Works&& works) const {
    if (works(to)) return to;
    std::optional<std::size_t> best;
    unsigned least = 0;
    for (std::size_t via = 0; via < matrix.size(); ++via) {
      if (via == to || via == matrix.self() || !works(via) || !matrix.joins(via, to)) continue;
      const unsigned lost = matrix.lost_over(via, to) + (via == kept_[to] ? 0 : kClearlyFewer);
      if (best && lost >= least) continue;
      best = via;
      least = lost;
    }
    return best;
  }

  /// Remembers which peers are in use. Once per heartbeat interval.
  template <typename Works>
  void update(const ReachMatrix& matrix, Works&& works) {
    for (std::size_t to = 0; to < matrix.size(); ++to) {
      if (to == matrix.self()) continue;
      const std::optional<std::size_t> hop = next_hop(matrix, to, works);
      kept_[to] = hop && *hop != to ? static_cast<std::uint8_t>(*hop) : kNone;
    }
  }

 private:
  static constexpr std::uint8_t kNone = kMaxMatrixNodes;

  std::array<std::uint8_t, kMaxMatrixNodes> kept_{};  ///< By node: over whom it was reached last.
};

}  // namespace vouch
