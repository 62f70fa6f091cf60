#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vouch/record/line.h"

namespace vouch::testing {

/// An instant of the samples.
[[nodiscard]] inline Instant at_ms(std::int64_t ms) {
  return Instant(std::chrono::milliseconds(ms));
}

/// The slots below `count`.
[[nodiscard]] inline SlotSet first_slots(Slot count) {
  SlotSet set;
  for (Slot slot = 0; slot < count; ++slot)
    set.insert(slot);
  return set;
}

/// A roster of nodes 1 to `count`, all of whom hear each other and may lead.
[[nodiscard]] inline std::vector<PeerFacts> sample_peers(std::uint32_t count) {
  std::vector<PeerFacts> peers;
  for (std::uint32_t id = 1; id <= count; ++id) {
    PeerFacts peer{.node = NodeId{id}, .incarnation = Incarnation{7}};
    peer.trusted = peer.is_heard = peer.carries_large = true;
    peer.suspect_at = at_ms(1350);
    peer.candidacy = {.log = {Term{3}, 12},
                      .priority = 1,
                      .consenters = 3,
                      .strikes = 0,
                      .may_lead = true,
                      .electable = true,
                      .reaches_quorum = true};
    peers.push_back(peer);
  }
  return peers;
}

/// Node 2 of five asks about the silent leader, node 1; nodes 3 and 4 consent, in the middle of a
/// change of the membership from {1..5} to {2..4}.
[[nodiscard]] inline record::Line sample_decision() {
  record::Line line;
  line.stamp.node = NodeId{2};
  line.peers = sample_peers(5);
  line.peers[0].trusted = line.peers[0].is_heard = false;
  line.peers[1].candidacy = {};
  line.answers.resize(5);
  for (const Slot slot : {Slot{2}, Slot{3}}) {
    line.answers[slot] = {.attempt = 2,
                          .answer = Answer::kConsent,
                          .asked_at = at_ms(1990),
                          .consent_until = at_ms(2140),
                          .evidence_until = kLongAgo,
                          .bound_until = at_ms(2145),
                          .incarnation = Incarnation{7},
                          .term = Term{3},
                          .leader = NodeId{1},
                          .endorses = NodeId{2},
                          .log = {Term{3}, 12}};
  }
  DecisionInput in{.now = at_ms(2000), .group = GroupId{9}, .epoch = ConfigEpoch{4}};
  in.term = Term{3};
  in.voters.current = first_slots(5);
  in.voters.joint = first_slots(4);
  in.voters.joint.erase(0);
  in.self = 1;
  in.own = {.log = {Term{3}, 12}, .priority = 5, .may_lead = true};
  in.bindings.promise = {.to = 0, .term = Term{3}, .until = at_ms(1900)};
  in.round = {.nonce = Nonce{UINT64_MAX},
              .attempt = 2,
              .subject = 0,
              .subject_incarnation = Incarnation{7},
              .term = Term{3},
              .started = at_ms(1350)};
  in.leader = 0;
  in.hold = std::chrono::milliseconds(150);
  in.window = std::chrono::milliseconds(800);
  in.peers = line.peers;
  in.answers = line.answers;
  line.what = record::DecisionCase{in, decide(in)};
  return line;
}

/// Node 1 of three led, and only node 3 supports it still.
[[nodiscard]] inline record::Line sample_stand_down() {
  record::Line line;
  line.stamp = {.node = NodeId{1}, .wall = "2026-01-31T12:00:00.000Z", .run = {}, .sim_ns = {}};
  line.peers = sample_peers(3);
  LeadershipInput in{.now = at_ms(5000), .group = GroupId{1}, .epoch = ConfigEpoch{1}};
  in.term = Term{3};
  in.voters.current = first_slots(3);
  in.self = 0;
  in.own = {.log = {Term{3}, 12}, .may_lead = true};
  in.support.fill(kLongAgo);
  in.support[1] = at_ms(4000);
  in.support[2] = at_ms(4900);
  in.work.progress_timeout = std::chrono::seconds(1);
  in.peers = line.peers;
  line.what = record::StandDownCase{in, judge_leadership(in)};
  return line;
}

/// Node 3 of three is asked by node 2 while its promise to node 1 runs.
[[nodiscard]] inline record::Line sample_answer() {
  record::Line line;
  line.stamp.node = NodeId{3};
  line.peers = sample_peers(3);
  AnswerInput in{.now = at_ms(2000), .group = GroupId{1}, .epoch = ConfigEpoch{1}};
  in.term = Term{3};
  in.voters.current = first_slots(3);
  in.self = 2;
  in.own = {.log = {Term{3}, 12}, .may_lead = true, .ranks_by_group = true};
  in.bindings.promise = {.to = 0, .term = Term{3}, .until = at_ms(2300)};
  in.asker = 1;
  in.round = Nonce{77};
  in.attempt = 1;
  in.subject = NodeId{1};
  in.asked_epoch = ConfigEpoch{1};
  in.asked_term = Term{3};
  in.wants_consent = true;
  in.best = 0;
  in.peers = line.peers;
  line.what = record::AnswerCase{in, judge(in)};
  return line;
}

/// The host of node 3 asks whether it may vote for node 2.
[[nodiscard]] inline record::Line sample_vote() {
  record::Line line;
  line.stamp.node = NodeId{3};
  line.peers = sample_peers(3);
  VoteInput in{.now = at_ms(2000), .group = GroupId{1}, .term = Term{3}};
  in.voters.current = first_slots(3);
  in.self = 2;
  in.candidate = 1;
  in.bindings.hold = {.candidate = 0, .until = at_ms(2050)};
  in.peers = line.peers;
  line.what = record::VoteCase{in, judge(in)};
  return line;
}

[[nodiscard]] inline std::vector<std::string> sample_texts() {
  return {record::write(sample_decision()), record::write(sample_stand_down()),
          record::write(sample_answer()), record::write(sample_vote())};
}

}  // namespace vouch::testing
