#include "vouch/report/words.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/sim/toy_protocol.h"
#include "vouch/quorum_check/action.h"

namespace vouch::report {
namespace {

using sim::Fault;
using sim::FaultKind;
using sim::Note;
using sim::NoteKind;

std::string say(const Note& note) {
  const sim::ToyProtocol protocol;
  sim::Engine engine(protocol, {.replicas = 3});
  engine.start();
  Note now = note;
  // `until` of these notes is a length; a note has an instant of the node's clock.
  if (note.until > Instant{}) now.until = engine.local_now(1) + note.until.time_since_epoch();
  return sentence(engine, 1, now);
}

Note decision(std::string_view word) {
  return {.kind = NoteKind::kDecision,
          .term = Term{4},
          .node = NodeId{1},
          .word = word,
          .answers = 3,
          .consents = 1,
          .quorum = 3,
          .best = NodeId{3}};
}

TEST(Words, DurationsHaveAtMostThreeDigits) {
  EXPECT_EQ(duration_text(std::chrono::nanoseconds(999)), "0 us");
  EXPECT_EQ(duration_text(std::chrono::microseconds(420)), "420 us");
  EXPECT_EQ(duration_text(std::chrono::microseconds(87'999)), "87 ms");
  EXPECT_EQ(duration_text(std::chrono::milliseconds(2'599)), "2.5 s");
  EXPECT_EQ(duration_text(std::chrono::seconds(43)), "43 s");
  EXPECT_EQ(duration_text(std::chrono::milliseconds(123'400)), "123 s");
}

TEST(Words, ADecisionSaysWhoWhyAndForHowLong) {
  Note suppress = decision("SUPPRESS");
  suppress.until = Instant(std::chrono::milliseconds(412));
  EXPECT_EQ(say(suppress),
            "does not elect: there is proof that n0 holds its quorum, good for another 412 ms");
  EXPECT_EQ(say(decision("CAMPAIGN")), "may replace n0: 3 answers and 1 consent, a quorum is 3");
  EXPECT_EQ(say(decision("ENDORSE")),
            "leaves it to n2, the better candidate (3 answers and 1 consent, a quorum is 3)");
  EXPECT_EQ(say(decision("ISOLATED_SELF")),
            "does not elect: too few answer, it may be cut off itself (3 answers and 1 consent, a "
            "quorum is 3); no term is spent");
}

TEST(Words, EveryVerdictHasASentenceOfItsOwn) {
  std::set<std::string> sentences;
  for (std::uint8_t i = 0; i < kVerdictCount; ++i) {
    const std::string text = say(decision(to_string(static_cast<Verdict>(i))));
    EXPECT_EQ(text.find("decides about"), std::string::npos) << text;
    sentences.insert(text);
  }
  EXPECT_EQ(sentences.size(), kVerdictCount);
}

TEST(Words, AVerdictThatIsNotKnownIsToldByItsName) {
  EXPECT_EQ(say(decision("NEW_RULE")),
            "decides about n0: NEW RULE (3 answers and 1 consent, a quorum is 3)");
}

TEST(Words, NotesAreSentences) {
  EXPECT_EQ(say({.kind = NoteKind::kCampaign, .term = Term{5}, .node = NodeId{2}}),
            "begins an election for term 5");
  EXPECT_EQ(say({.kind = NoteKind::kElected, .term = Term{5}, .node = NodeId{2}}),
            "is elected and leads term 5");
  EXPECT_EQ(say({.kind = NoteKind::kSteppedDown, .term = Term{5}, .word = "lease_lapsed"}),
            "steps down from term 5: lease lapsed");
  EXPECT_EQ(say({.kind = NoteKind::kFollows, .term = Term{5}, .node = NodeId{3}}),
            "follows n2 in term 5");
  EXPECT_EQ(say({.kind = NoteKind::kFollows, .term = Term{5}}), "knows no leader any more");
  EXPECT_EQ(say({.kind = NoteKind::kSuspects, .node = NodeId{1}}), "suspects n0");
  EXPECT_EQ(say({.kind = NoteKind::kTrusts, .node = NodeId{1}}), "trusts n0 again");
}

TEST(Words, FaultsNameTheLinkOrTheNode) {
  EXPECT_EQ(sentence(Fault{FaultKind::kCut, 0, 2}), "link n0 -> n2 is cut");
  EXPECT_EQ(sentence(Fault{FaultKind::kLoss, 0, 2, 305'000}),
            "link n0 -> n2 loses 30.5 % of its messages");
  EXPECT_EQ(sentence(Fault{FaultKind::kDelay, 1, 0, 2'000'000, 3'000'000}),
            "link n1 -> n0 delays by 2 ms to 5 ms");
  EXPECT_EQ(sentence(Fault{FaultKind::kRestart, 1, 0, 1}), "n1 starts again, with an empty disk");
  EXPECT_EQ(sentence(Fault{FaultKind::kClock, 1, 0, -200}), "the clock of n1 runs 200 ppm slow");
  EXPECT_EQ(sentence(Fault{FaultKind::kWorkerStall, 1, 0, 1}),
            "the worker of n1 hangs, its heartbeats go on");
  EXPECT_EQ(sentence(Fault{FaultKind::kWorkerStall, 1, 0, 0}), "the worker of n1 works again");
  EXPECT_EQ(sentence(Fault{FaultKind::kMtu, 0, 2, 576}),
            "link n0 -> n2 loses what is longer than 576 bytes");
}

TEST(Words, EveryFaultHasASentence) {
  for (std::uint8_t i = 0; i < sim::kFaultKindCount; ++i) {
    const std::string text = sentence(Fault{static_cast<FaultKind>(i), 0, 1, 7, 8});
    EXPECT_NE(text.find("n0"), std::string::npos) << text;
    EXPECT_EQ(text.find("unknown"), std::string::npos) << text;
    EXPECT_EQ(text.find(": "), std::string::npos) << "told by its name only: " << text;
  }
}

}  // namespace
}  // namespace vouch::report
