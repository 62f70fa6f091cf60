#include "vouch/record/line_writer.h"

namespace vouch::record {
namespace {

NodeId node_of(std::span<const PeerFacts> peers, Slot slot) {
  return slot < peers.size() ? peers[slot].node : kNobody;
}

/// So many nodes and groups are remembered; beyond that a repetition may be told again.
constexpr std::size_t kRemembered = 65'536;

/// Whether `said` is news; remembers it.
template <typename Map, typename Said>
bool is_news(Map& last, const typename Map::key_type& key, std::uint64_t about, Said said) {
  if (last.size() >= kRemembered) last.clear();
  const auto [place, is_new] = last.try_emplace(key, about, said);
  if (is_new) return true;
  if (place->second == std::pair(about, said)) return false;
  place->second = {about, said};
  return true;
}

}  // namespace

void LineWriter::write(NodeId node, Instant now, Case what) {
  sink_(Line(stamper_(node, now), std::move(what)));
}

void LineWriter::decided(const DecisionInput& input, const DecisionOutput& output,
                         const Decision&) {
  write(input.node(input.self), input.now, DecisionCase{input, output});
}

void LineWriter::stood_down(const LeadershipInput& input, const StandDown& stand_down) {
  // What the core did is what is recorded; the arithmetic beside it comes from the same rule.
  LeadershipOutput output = judge_leadership(input);
  output.reason = stand_down.reason;
  write(node_of(input.peers, input.self), input.now, StandDownCase{input, output});
}

void LineWriter::answered(const AnswerInput& input, Answer answer, Instant held_until) {
  const NodeId self = node_of(input.peers, input.self);
  const Key key{self, input.group, node_of(input.peers, input.asker)};
  if (!is_news(last_answers_, key, input.round.value(), answer)) return;
  write(self, input.now, AnswerCase{input, answer, held_until});
}

void LineWriter::judged_vote(const VoteInput& input, VoteVerdict verdict) {
  const NodeId self = node_of(input.peers, input.self);
  const Key key{self, input.group, node_of(input.peers, input.candidate)};
  if (!is_news(last_votes_, key, input.term.value(), verdict)) return;
  write(self, input.now, VoteCase{input, verdict});
}

}  // namespace vouch::record
