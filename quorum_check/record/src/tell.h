#pragma once

#include <functional>
#include <string>

#include "vouch/detector/time.h"
#include "vouch/quorum_check/decide.h"
#include "vouch/record/line.h"

namespace vouch::record {

/// `87 ms`, `2.5 s`, `420 us`: rounded down, for people.
[[nodiscard]] std::string span_text(Duration span);

/// `number` and the noun, in the plural if need be.
[[nodiscard]] std::string counted(std::size_t number, const std::string& noun);

/// What the sentences about one line share: names of nodes, spans from the line's instant.
class Tell {
 public:
  Tell(const Line& line, std::span<const PeerFacts> peers, Slot self, Instant now)
      : line_(line), peers_(peers), self_(self), now_(now) {}

  [[nodiscard]] std::string name(NodeId node) const;
  [[nodiscard]] std::string name(Slot slot) const;
  /// `n1, n2 and n3`, `nobody`; this node is marked.
  [[nodiscard]] std::string names(SlotSet slots) const;
  /// `for another 350 ms`; of an instant that is over: `until 20 ms ago`.
  [[nodiscard]] std::string lasting(Instant until) const;
  /// `350 ms ago`, `in 20 ms`, `never`.
  [[nodiscard]] std::string relative(Instant at) const;
  /// The headline: when, who.
  [[nodiscard]] std::string headline(const std::string& sentence) const;
  /// An indented line under a heading of its own.
  [[nodiscard]] static std::string section(const std::string& heading, const std::string& text);

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Slot self() const { return self_; }
  [[nodiscard]] const PeerFacts& peer(Slot slot) const { return peers_[slot]; }
  [[nodiscard]] Slot size() const { return static_cast<Slot>(peers_.size()); }
  /// The nodes, this one not, of which `is_so` holds.
  [[nodiscard]] SlotSet others(const std::function<bool(Slot, const PeerFacts&)>& is_so) const;

 private:
  const Line& line_;
  std::span<const PeerFacts> peers_;
  Slot self_;
  Instant now_;
};

/// What binds a node to somebody other than `candidate`, as clauses; empty: nothing.
[[nodiscard]] std::string binding_text(const Tell& tell, const Bindings& bindings, Slot candidate);

/// A log's end: `entry 12 of term 3`, `empty`.
[[nodiscard]] std::string log_text(const LogPosition& log);

/// `3 of the 5 voters` , and of the other half in a joint configuration.
[[nodiscard]] std::string needed_text(const Voters& voters);

[[nodiscard]] std::string explain_decision(const Line& line, const DecisionCase& what);

}  // namespace vouch::record
