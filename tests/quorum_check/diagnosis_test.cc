#include "vouch/quorum_check/diagnosis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "vouch/quorum_check/diagnosis_text.h"
#include "vouch/quorum_check/loss_odds.h"

namespace vouch {
namespace {

/// A matrix on a table: everybody hears everybody until the test says otherwise, and this node
/// knows every row.
class Table {
 public:
  explicit Table(std::uint8_t nodes, std::uint8_t self = 0) {
    view_.count = nodes;
    view_.self = self;
    view_.rows = static_cast<NodeMask>((1U << nodes) - 1);
  }

  Table& cut(std::size_t from, std::size_t to) {
    view_.silent[to] |= mask_of(from);
    return *this;
  }
  Table& cut_both(std::size_t a, std::size_t b) { return cut(a, b).cut(b, a); }
  Table& gone(std::size_t node) {
    view_.rows = without(view_.rows, mask_of(node));
    for (std::size_t other = 0; other < view_.count; ++other) {
      if (other != node) cut(node, other);
    }
    return *this;
  }
  Table& lose(std::size_t from, std::size_t to, std::uint8_t lost) {
    view_.lost[to][from] = lost;
    if (lost >= 2) view_.maybe_lossy[to] |= mask_of(from);
    if (lost >= 8) view_.lossy[to] |= mask_of(from);
    return *this;
  }
  Table& slow(std::size_t from, std::size_t to) {
    view_.slow[to] |= mask_of(from);
    return *this;
  }
  Table& flap(std::size_t from, std::size_t to) {
    view_.flapping[to] |= mask_of(from);
    return *this;
  }
  MatrixView& view() { return view_; }

  /// "kind culprit; ..." in the order of the findings.
  [[nodiscard]] std::string reads() const {
    std::string text;
    const auto findings = read_matrix(view_);
    for (const Finding& finding : findings.all()) {
      Diagnosis diagnosis{.kind = finding.kind, .path = finding.path};
      if (finding.node != Finding::kNone) diagnosis.node = NodeId{finding.node + 1U};
      if (finding.peer != Finding::kNone) diagnosis.peer = NodeId{finding.peer + 1U};
      const auto name = [](NodeId node) { return std::to_string(node.value() - 1); };
      text += (text.empty() ? "" : "; ") + std::string(to_string(finding.kind)) + " " +
              culprit_text(diagnosis, name);
    }
    return text;
  }

 private:
  MatrixView view_{};
};

TEST(ReadMatrix, FindsNothingWhereNothingIsWrong) {
  for (std::uint8_t nodes = 1; nodes <= kMaxMatrixNodes; ++nodes)
    EXPECT_EQ(Table(nodes).reads(), "");
}

TEST(ReadMatrix, ASilentNodeIsAHostOrAProcessThatExited) {
  EXPECT_EQ(Table(5).gone(3).reads(), "host_silent 3");
  Table table(5);
  table.gone(3).view().exited = mask_of(3);
  EXPECT_EQ(table.reads(), "process_exit 3");
  Table heard(5);
  heard.view().exited = mask_of(3);
  EXPECT_EQ(heard.reads(), "") << "whoever is heard lives, whatever a host said";
}

TEST(ReadMatrix, WhoHearsNoMajorityIsIsolatedItself) {
  Table alone(5);
  for (std::size_t node = 1; node < 5; ++node)
    alone.gone(node);
  EXPECT_EQ(alone.reads(), "isolated 0");
  EXPECT_EQ(Table(5).gone(2).gone(3).gone(4).reads(), "isolated 0") << "two of five";
  EXPECT_EQ(Table(5).gone(3).gone(4).reads(), "host_silent 3; host_silent 4") << "three of five";
  EXPECT_EQ(Table(2).gone(1).reads(), "host_silent 1") << "of two nobody can tell";
}

TEST(ReadMatrix, OneDirectionIsTheCutOfOneDirection) {
  EXPECT_EQ(Table(5).cut(0, 1).reads(), "one_way_cut 0->1");
  EXPECT_EQ(Table(5).cut(1, 0).reads(), "one_way_cut 1->0");
  EXPECT_EQ(Table(5, 3).cut(4, 2).reads(), "one_way_cut 4->2") << "between two others";
  EXPECT_EQ(Table(5).cut(1, 0).cut(2, 0).cut(3, 0).cut(4, 0).reads(), "one_way_cut *->0") << "deaf";
  EXPECT_EQ(Table(5).cut(0, 1).cut(0, 2).cut(0, 3).cut(0, 4).reads(), "one_way_cut 0->*") << "mute";
  EXPECT_EQ(Table(5).cut(0, 1).cut(2, 3).reads(), "one_way_cut 0->1; one_way_cut 2->3");
}

TEST(ReadMatrix, BothDirectionsAreAPartialPartitionWithOneToBlameIfThereIsOne) {
  EXPECT_EQ(Table(5).cut_both(0, 1).reads(), "partial_partition 0-1");
  EXPECT_EQ(Table(5).cut_both(0, 1).cut_both(0, 2).reads(), "partial_partition 0-*");
  EXPECT_EQ(Table(5).cut_both(0, 1).cut_both(2, 3).reads(), "partial_partition *");
}

TEST(ReadMatrix, AHubIsWhereAllMeetAndNobodyElseDoes) {
  Table table(5, 2);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a + 1; b < 5; ++b) {
      if (a != 1 && b != 1) table.cut_both(a, b);
    }
  }
  EXPECT_EQ(table.reads(), "hub_only 1");
  EXPECT_EQ(Table(3).cut_both(0, 2).reads(), "partial_partition 0-2") << "three are a chain";
}

TEST(ReadMatrix, WhatIsKnownByHearsayTellsADirectionToo) {
  Table table(5, 1);  // Node 1 does not hear 0, and others tell whom 0 hears.
  table.cut(0, 1);
  table.view().rows = without(table.view().rows, mask_of(0));
  table.view().relayed = mask_of(0);
  EXPECT_EQ(table.reads(), "one_way_cut 0->1");
  table.view().relayed = 0;
  EXPECT_EQ(table.reads(), "partial_partition 0-1") << "nobody tells: no direction is known";
}

TEST(ReadMatrix, OfWhomOnlyAnUnknownRowMayHearNothingIsSaid) {
  // 0 - 1 - 2 - 3 - 4: node 0 knows the rows of 1 and, by hearsay, of 2.
  Table line(5);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a + 2; b < 5; ++b)
      line.cut_both(a, b);
  }
  line.view().rows = mask_of(0) | mask_of(1);
  line.view().relayed = mask_of(2);
  EXPECT_EQ(line.reads().find("host_silent"), std::string::npos) << line.reads();
}

TEST(ReadMatrix, ALossyNodeTakesTheBlameOfItsLinks) {
  Table node(5);
  for (std::size_t to = 1; to < 5; ++to)
    node.lose(0, to, 6);
  EXPECT_EQ(node.reads(), "lossy_node 0");
  EXPECT_EQ(Table(5).lose(0, 1, 9).reads(), "lossy_link 0->1");
  EXPECT_EQ(Table(5).lose(0, 1, 9).lose(1, 0, 7).reads(), "lossy_link 0-1");
  EXPECT_EQ(Table(5).lose(0, 1, 9).lose(0, 2, 3).reads(), "")
      << "another link of the node is in doubt: too early to blame one";
  Table silent = Table(5).lose(0, 1, 9).cut(0, 2);
  EXPECT_EQ(silent.reads(), "one_way_cut 0->2; lossy_link 0->1");
  silent.view().just_silent[2] = mask_of(0);
  EXPECT_EQ(silent.reads(), "one_way_cut 0->2") << "the other one may have lost some in a row";
  Table everywhere(5);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 0; b < 5; ++b) {
      if (a != b) everywhere.lose(a, b, 6);
    }
  }
  EXPECT_EQ(everywhere.reads(), "lossy_node *");
}

TEST(ReadMatrix, ALinkThatLosesBothWaysIsLossyByTheSum) {
  EXPECT_EQ(Table(5).lose(0, 1, 5).lose(1, 0, 3).reads(), "") << "8 of 64";
  EXPECT_EQ(Table(5).lose(0, 1, 5).lose(1, 0, 4).reads(), "lossy_link 0-1");
  EXPECT_EQ(Table(5).lose(0, 1, 9).lose(1, 0, 1).reads(), "lossy_link 0-1")
      << "one direction is named when the other one is clearly better";
}

TEST(ReadMatrix, ANodeIsNamedWhenItIsClearThatItIsNotChance) {
  Table few(5);
  for (std::size_t to = 1; to < 5; ++to)
    few.lose(0, to, 2);
  EXPECT_EQ(few.reads(), "") << "8 of 128: too few";
  EXPECT_EQ(Table(few).lose(0, 1, 3).reads(), "lossy_node 0");
  // Others lose some too: as clear as before it is only when node 0 loses more.
  Table others = Table(few).lose(0, 1, 3).lose(2, 3, 1).lose(3, 4, 1);
  EXPECT_EQ(others.reads(), "");
  EXPECT_EQ(others.lose(0, 1, 6).lose(0, 2, 5).reads(), "lossy_node 0");
  // All but one link of what it loses are as good as clean.
  Table link(5);
  link.lose(0, 1, 16).lose(0, 2, 2).lose(0, 3, 2).lose(2, 4, 2).lose(4, 3, 2).lose(3, 2, 2);
  EXPECT_EQ(link.reads().find("lossy_node"), std::string::npos) << link.reads();
}

TEST(ReadMatrix, WhatEverybodyLosesHasNoSingleCulprit) {
  Table three(3);
  three.lose(0, 1, 6).lose(0, 2, 6).lose(1, 0, 6).lose(2, 0, 6);
  EXPECT_EQ(three.reads(), "") << "node 0 perhaps; not all: 1 and 2 lose nothing between them";
  three.lose(1, 2, 5).lose(2, 1, 5);
  EXPECT_EQ(three.reads(), "lossy_node *");
}

TEST(ReadMatrix, WhatALossyNodesLinksDoIsItsLoss) {
  Table node(5);
  for (std::size_t to = 1; to < 5; ++to)
    node.lose(0, to, 8);
  node.cut(1, 0).flap(0, 2);
  EXPECT_EQ(node.reads(), "lossy_node 0; one_way_cut 1->0");
  node.view().just_silent[0] = mask_of(1);
  EXPECT_EQ(node.reads(), "lossy_node 0") << "a run of losses";
}

TEST(ReadMatrix, ASlowNodeTakesTheBlameOfItsLinks) {
  Table node(5);
  for (std::size_t other = 1; other < 5; ++other)
    node.slow(other, 0);
  EXPECT_EQ(node.reads(), "slow_node 0");
  EXPECT_EQ(Table(5).slow(0, 1).reads(), "slow_link 0->1");
}

TEST(ReadMatrix, WhatFlapsIsNoCutEvenWhileItIsDown) {
  EXPECT_EQ(Table(5).flap(0, 1).cut(0, 1).reads(), "flapping_link 0->1");
  Table node(5);
  for (std::size_t other = 1; other < 5; ++other) {
    node.flap(0, other).flap(other, 0);
    node.cut_both(0, other);
  }
  EXPECT_EQ(node.reads(), "flapping_link 0-*");
}

TEST(ReadMatrix, BigMessagesLostExplainWorkThatDoesNotMove) {
  Table stuck(5);
  stuck.view().stuck = mask_of(0);
  EXPECT_EQ(stuck.reads(), "hung_worker 0");
  for (std::size_t to = 1; to < 5; ++to)
    stuck.view().loses_large[0] |= mask_of(to);
  EXPECT_EQ(stuck.reads(), "large_lost 0->*");
}

TEST(ReadMatrix, WhoLimpsFindsThatAndNothingElse) {
  Table self(5);
  self.gone(3).view().limps = mask_of(0);
  EXPECT_EQ(self.reads(), "sick_node 0");
  Table other(5);
  other.cut(2, 1).view().limps = mask_of(1);
  EXPECT_EQ(other.reads(), "sick_node 1") << "what it says of others does not count";
}

/// A Diagnoser that is fed one reading after the other.
class Steps {
 public:
  /// The changes of one reading: "+kind" raised, "-kind" cleared.
  std::string step(const MatrixView& view) {
    std::string text;
    now_ += std::chrono::milliseconds(100);
    diagnoser_.update(now_, matrix_, read_matrix(view), [&](const Diagnosis& d) {
      text += (d.change == DiagnosisChange::kRaised ? "+" : "-") + std::string(to_string(d.kind));
    });
    return text;
  }
  std::string steps(int count, const MatrixView& view) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += step(view);
    return text;
  }
  Diagnoser diagnoser_{};
  Instant now_ = Instant{} + std::chrono::seconds(1);
  ReachMatrix matrix_{{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}, NodeId{5}}, NodeId{1}};
};

TEST(Diagnoser, RaisesWhatStandsAndClearsWhatIsGoneEachOnce) {
  Steps steps;
  Table cut(5);
  cut.cut(0, 1);
  const Table fine(5);
  EXPECT_EQ(steps.steps(6, cut.view()), "");
  EXPECT_EQ(steps.step(cut.view()), "+one_way_cut");
  EXPECT_EQ(steps.steps(100, cut.view()), "");
  Table copy = fine;
  EXPECT_EQ(steps.steps(4, copy.view()), "");
  EXPECT_EQ(steps.step(copy.view()), "-one_way_cut");
  EXPECT_TRUE(steps.diagnoser_.is_idle());
}

TEST(Diagnoser, WhatHoldsForAMomentIsNotRaised) {
  Steps steps;
  Table cut(5);
  cut.cut(0, 1);
  Table fine(5);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(steps.steps(3, cut.view()), "");
    EXPECT_EQ(steps.step(fine.view()), "");
  }
}

TEST(Diagnoser, SeveralAtOnceAreRaisedSooner) {
  Steps steps;
  Table mute(5);
  for (std::size_t to = 1; to < 5; ++to)
    mute.cut(0, to);
  EXPECT_EQ(steps.steps(2, mute.view()), "");
  EXPECT_EQ(steps.step(mute.view()), "+one_way_cut");
}

TEST(Diagnoser, WhatWasHeardOnceIsNotHeardAgainByWaiting) {
  Steps steps;
  Table cut(5);
  cut.cut(0, 1);
  cut.view().fresh = without(0x1f, mask_of(1));
  EXPECT_EQ(steps.steps(50, cut.view()), "") << "the one who says it has been silent since";
  cut.view().fresh = 0x1f;
  EXPECT_EQ(steps.steps(6, cut.view()), "+one_way_cut") << "the first time counts";
}

TEST(Diagnoser, TheLastLinksOfALossyNodeAreNoNewTrouble) {
  Steps steps;
  Table node(5);
  for (std::size_t to = 1; to < 5; ++to)
    node.lose(0, to, 6);
  EXPECT_EQ(steps.step(node.view()), "+lossy_node");
  Table last(5);
  last.lose(0, 3, 9);
  EXPECT_EQ(steps.steps(50, last.view()), "");
  Table fine(5);
  EXPECT_EQ(steps.steps(20, fine.view()), "-lossy_node");
}

TEST(Diagnoser, TakesAsMuchAsThereCanBe) {
  Steps steps;
  for (std::size_t from = 0; from < 5; ++from) {
    for (std::size_t to = 0; to < 5; ++to) {
      Table table(5);
      if (from != to) table.cut(from, to);
      steps.steps(4, table.view());
    }
  }
  Table fine(5);
  steps.steps(30, fine.view());
  EXPECT_TRUE(steps.diagnoser_.is_idle());
}

TEST(ReachMatrix, PassesOnWhoIsNotHeardToThoseWhoNeedIt) {
  const std::vector<NodeId> nodes{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}};
  const Instant now = Instant{} + std::chrono::seconds(1);
  const auto heartbeat_of = [&](NodeId from) {
    Heartbeat heartbeat{.from = {from, Incarnation{1}}};
    for (const NodeId node : nodes) {
      if (node != from) heartbeat.reports[heartbeat.report_count++].peer = node;
    }
    return heartbeat;
  };
  // Node 4 tells node 2 that it does not hear 1 and 3.
  ReachMatrix teller(nodes, NodeId{2});
  Heartbeat fourth = heartbeat_of(NodeId{4});
  fourth.reports[0].link.set(LinkFlag::kSilent);
  fourth.reports[2].link.set(LinkFlag::kSilent);
  teller.take(now, 3, fourth, false);
  Heartbeat passed = heartbeat_of(NodeId{2});
  teller.fill(passed);
  // Node 1 does not hear 4, but 2.
  ReachMatrix matrix(nodes, NodeId{1});
  LinkReport silent;
  silent.set(LinkFlag::kSilent);
  matrix.set_own(3, silent);
  matrix.take(now, 1, passed, false);
  EXPECT_TRUE(matrix.is_troubled());
  const MatrixView view = matrix.view(now);
  EXPECT_EQ(view.relayed, mask_of(3));
  EXPECT_EQ(view.fresh, mask_of(0)) << "nobody has spoken after that";
  EXPECT_EQ(matrix.view(now - Duration(1)).fresh, mask_of(0) | mask_of(1) | mask_of(3))
      << "the one who is passed on too";
  EXPECT_EQ(view.silent[3], mask_of(0) | mask_of(2));
  const MatrixCell cell = matrix.cell(3, 2, now);
  EXPECT_EQ(cell.known, CellKnown::kHearsay);
  EXPECT_TRUE(cell.link.has(LinkFlag::kSilent));
  EXPECT_EQ(cell_text(matrix.cell(3, 1, now)), "(ok)");
  EXPECT_EQ(cell_text(matrix.cell(2, 1, now)), "?") << "nobody told anything of node 3's row";
}

/// The likelihoods written down, in floating point.
double likelihood_ratio_bits(LossCount here, LossCount elsewhere) {
  const auto log_likelihood = [](LossCount count, double rate) {
    const double lost = count.lost;
    const double arrived = count.sent - count.lost;
    return (lost > 0 ? lost * std::log2(rate) : 0) +
           (arrived > 0 ? arrived * std::log2(1 - rate) : 0);
  };
  const auto rate = [](LossCount count) { return double{1} * count.lost / count.sent; };
  LossCount all = here;
  all += elsewhere;
  return log_likelihood(here, rate(here)) + log_likelihood(elsewhere, rate(elsewhere)) -
         log_likelihood(here, rate(all)) - log_likelihood(elsewhere, rate(all));
}

TEST(Clarity, IsTheLikelihoodRatioInBits) {
  for (const unsigned here : {32U, 64U, 128U, 480U}) {
    for (const unsigned elsewhere : {32U, 64U, 384U, 6720U}) {
      for (unsigned lost = 0; lost <= here; lost += 1 + here / 40) {
        for (const unsigned of_others : {0U, 1U, 5U, elsewhere / 8, elsewhere / 2, elsewhere}) {
          const LossCount a{lost, here};
          const LossCount b{of_others, elsewhere};
          const unsigned bits = clarity(a, b);
          if (lost * elsewhere <= of_others * here) {
            ASSERT_EQ(bits, 0U);
            continue;
          }
          const double exact = likelihood_ratio_bits(a, b);
          ASSERT_LE(bits, exact + 0.1) << lost << " of " << here << ", " << of_others;
          ASSERT_GT(bits + 1.1, exact) << lost << " of " << here << ", " << of_others;
        }
      }
    }
  }
}

/// The chance that exactly `lost` of `sent` are lost at a loss of `rate`.
double chance(unsigned lost, unsigned sent, double rate) {
  double result = 1;
  for (unsigned i = 0; i < lost; ++i)
    result *= rate * (sent - i) / (i + 1);
  return result * std::pow(1 - rate, sent - lost);
}

/// Of five nodes, all of whose links lose alike and at random: the chance, in one window of 32
/// heartbeats, that what one of them sends is so clearly worse, summed over all that can happen.
double chance_of_clarity(double rate, unsigned bits, unsigned least_lost) {
  double sum = 0;
  for (unsigned elsewhere = 0; elsewhere <= 384; ++elsewhere) {
    const double of_elsewhere = chance(elsewhere, 384, rate);
    if (of_elsewhere < 1e-25) continue;
    for (unsigned here = least_lost; here <= 128; ++here) {
      if (clarity({here, 128}, {elsewhere, 384}) >= bits) {
        sum += of_elsewhere * chance(here, 128, rate);
      }
    }
  }
  return sum;
}

/// The bounds that the reading and the advice state (read_matrix.cc, health_watch.cc).
TEST(Clarity, ByChanceItIsAsRareAsItIsSaid) {
  for (const double rate : {0.01, 0.02, 0.05, 0.1}) {
    EXPECT_LT(chance_of_clarity(rate, 16, 9), 1.0 / 750'000) << rate;
    EXPECT_LT(chance_of_clarity(rate, 32, 9), 1.0 / 4e10) << rate;
  }
  EXPECT_LT(chance_of_clarity(0.001, 16, 9), 1e-13) << "0.1 %: never";
}

}  // namespace
}  // namespace vouch
