#include "vouch/host/builtin_election.h"

#include <gtest/gtest.h>

#include <vector>

namespace vouch::host {
namespace {

using std::chrono::milliseconds;

constexpr GroupId kGroup{7};
constexpr ConfigEpoch kEpoch{1};
constexpr VotePermission kMay{VoteVerdict::kMay, {}};

Instant at(int ms) {
  return Instant(milliseconds(1000 + ms));
}

MonitorConfig node(std::uint32_t self, std::vector<std::uint32_t> voters, std::uint64_t life = 1) {
  MonitorConfig config;
  config.self = NodeId{self};
  config.incarnation = Incarnation{life};
  GroupConfig group{.id = kGroup, .epoch = kEpoch};
  for (std::uint32_t voter : voters) {
    group.voters.push_back(NodeId{voter});
    if (voter != self) config.peers.push_back(NodeId{voter});
  }
  config.groups.push_back(group);
  return config;
}

BuiltinElection make(const MonitorConfig& monitor, const ElectionConfig& config = {}) {
  Result<BuiltinElection> election = BuiltinElection::create(monitor, config);
  EXPECT_TRUE(election) << election.error().message;
  return *std::move(election);
}

Campaign campaign(std::uint64_t after, Instant valid_until = kNever) {
  return {.group = kGroup, .after = Term{after}, .valid_until = valid_until};
}

VoteRequest request(std::uint32_t from, std::uint64_t term, LogPosition log = {}) {
  return {{NodeId{from}, Incarnation{1}}, kGroup, kEpoch, Term{term}, log};
}

VoteReply reply(std::uint32_t from, std::uint64_t term, VoteAnswer answer) {
  return {.from = {NodeId{from}, Incarnation{1}},
          .group = kGroup,
          .epoch = kEpoch,
          .term = Term{term},
          .newest = Term{term},
          .answer = answer};
}

/// What came out since the last look, each kind in order, and the order of the kinds: 'p' persist,
/// 's' send, 'e' event.
struct Outputs {
  std::string order;
  std::vector<SendVote> sends;
  std::vector<Ballot> ballots;
  std::vector<LocalEvent> events;

  template <typename Event>
  [[nodiscard]] const Event& event(std::size_t i = 0) const {
    return std::get<Event>(events.at(i));
  }
  [[nodiscard]] VoteReply answer() const { return std::get<VoteReply>(sends.at(0).message); }
};

Outputs take(BuiltinElection& election) {
  Outputs out;
  while (const auto output = election.poll_output()) {
    if (const auto* send = std::get_if<SendVote>(&*output)) {
      out.order += 's';
      out.sends.push_back(*send);
    } else if (const auto* persist = std::get_if<Persist>(&*output)) {
      out.order += 'p';
      out.ballots.push_back(persist->ballot);
    } else {
      out.order += 'e';
      out.events.push_back(std::get<LocalEvent>(*output));
    }
  }
  return out;
}

Outputs ask(BuiltinElection& voter, const VoteRequest& question, VotePermission permission = kMay) {
  voter.handle_request(at(0), question.from.node, question, permission);
  return take(voter);
}

TEST(BuiltinElection, AMajorityOfVotesWinsAtTheTermAfterTheNewestKnown) {
  BuiltinElection one = make(node(1, {1, 2, 3, 4, 5}));
  one.handle_campaign(at(0), campaign(4));
  Outputs out = take(one);
  EXPECT_EQ(out.order, "pessss") << "the own vote must be durable before it is announced";
  EXPECT_EQ(out.event<VoteGranted>().candidate, NodeId{1});
  EXPECT_EQ(out.ballots.at(0), (Ballot{kGroup, Term{5}, NodeId{1}}));
  EXPECT_EQ(std::get<VoteRequest>(out.sends.at(0).message).term, Term{5});

  one.handle_reply(at(3), NodeId{3}, reply(3, 5, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "") << "two of five are no majority";
  one.handle_reply(at(4), NodeId{5}, reply(5, 5, VoteAnswer::kGranted));
  out = take(one);
  ASSERT_EQ(out.order, "e");
  const auto& elected = out.event<Elected>();
  EXPECT_EQ(elected.term, Term{5});
  EXPECT_EQ(elected.requested_at, at(0)) << "the lease counts from the first request";
  NodeList voters;
  for (std::uint32_t id : {1U, 3U, 5U})
    voters.push(NodeId{id});
  EXPECT_EQ(elected.voters, voters);
  EXPECT_FALSE(one.is_candidate(kGroup));
  EXPECT_EQ(one.next_timeout(), kNever);
}

TEST(BuiltinElection, TheOnlyVoterElectsItself) {
  BuiltinElection one = make(node(1, {1}));
  one.handle_campaign(at(0), campaign(0));
  const Outputs out = take(one);
  ASSERT_EQ(out.order, "pee") << "its vote, then its victory";
  EXPECT_EQ(std::get<Elected>(out.events.at(1)).term, Term{1});
}

TEST(BuiltinElection, ADuplicatedVoteCountsOnce) {
  BuiltinElection one = make(node(1, {1, 2, 3, 4, 5}));
  one.handle_campaign(at(0), campaign(0));
  take(one);
  for (int i = 0; i < 4; ++i)
    one.handle_reply(at(i), NodeId{2}, reply(2, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "");
  EXPECT_TRUE(one.is_candidate(kGroup));
  EXPECT_EQ(one.counters().dropped_stale_reply, 3U);
}

TEST(BuiltinElection, AVoteOfAnOlderCandidacyNeverCounts) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_campaign(at(0), campaign(0));
  one.handle_timeout(at(300));
  take(one);
  one.handle_campaign(at(310), campaign(1));
  take(one);
  one.handle_reply(at(311), NodeId{2}, reply(2, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "");
  one.handle_reply(at(312), NodeId{2}, reply(2, 2, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).event<Elected>().requested_at, at(310));
}

TEST(BuiltinElection, RequestsAreRepeatedToWhoHasNotAnsweredUntilTheWindowCloses) {
  BuiltinElection one = make(node(1, {1, 2, 3, 4, 5}));
  one.handle_campaign(at(0), campaign(0));
  one.handle_reply(at(1), NodeId{2}, reply(2, 1, VoteAnswer::kGranted));
  one.handle_reply(at(1), NodeId{3}, reply(3, 1, VoteAnswer::kVotedOther));
  one.handle_reply(at(1), NodeId{4}, reply(4, 1, VoteAnswer::kPromised));
  take(one);
  EXPECT_EQ(one.next_timeout(), at(50));
  one.handle_timeout(at(49));
  EXPECT_EQ(take(one).order, "");
  one.handle_timeout(at(50));
  Outputs out = take(one);
  ASSERT_EQ(out.order, "ss") << "a promise may run out meanwhile, a vote is not taken back";
  EXPECT_EQ(out.sends[0].to, NodeId{4});
  EXPECT_EQ(out.sends[1].to, NodeId{5});
  for (int ms = 100; ms < 300; ms += 50)
    one.handle_timeout(at(ms));
  EXPECT_EQ(take(one).order, "ssssssss");
  EXPECT_EQ(one.next_timeout(), at(300));
  one.handle_timeout(at(300));
  out = take(one);
  ASSERT_EQ(out.order, "e");
  EXPECT_EQ(out.event<CandidacyEnded>().term, Term{1});
  EXPECT_EQ(one.counters().candidacies_expired, 1U);
}

TEST(BuiltinElection, NobodyIsElectedWhenTheLeaseOfItsVotesIsOver) {
  MonitorConfig monitor = node(1, {1, 2, 3});
  const ElectionConfig config{.vote_window = monitor.lease + milliseconds(100)};
  const Instant lease_ends = at(0) + monitor.lease;
  BuiltinElection early = make(monitor, config);
  early.handle_campaign(at(0), campaign(4));
  take(early);
  early.handle_reply(lease_ends - milliseconds(1), NodeId{2}, reply(2, 5, VoteAnswer::kGranted));
  EXPECT_EQ(take(early).event<Elected>().term, Term{5});

  BuiltinElection late = make(monitor, config);
  late.handle_campaign(at(0), campaign(4));
  take(late);
  late.handle_reply(lease_ends, NodeId{2}, reply(2, 5, VoteAnswer::kGranted));
  EXPECT_EQ(take(late).event<CandidacyEnded>().term, Term{5})
      << "by now the voter may have elected another at a newer term";
  EXPECT_EQ(late.counters().candidacies_expired, 1U);
  EXPECT_EQ(late.counters().candidacies_won, 0U);
}

TEST(BuiltinElection, ASplitVoteEndsAtOnce) {
  BuiltinElection one = make(node(1, {1, 2, 3, 4}));
  one.handle_campaign(at(0), campaign(0));
  one.handle_reply(at(1), NodeId{2}, reply(2, 1, VoteAnswer::kVotedOther));
  EXPECT_TRUE(one.is_candidate(kGroup));
  one.handle_reply(at(2), NodeId{3}, reply(3, 1, VoteAnswer::kVotedOther));
  EXPECT_FALSE(one.is_candidate(kGroup)) << "two of four refused: three votes cannot come any more";
  take(one);
  one.handle_reply(at(3), NodeId{4}, reply(4, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "");
}

TEST(BuiltinElection, AVoterVotesOncePerTermAndRepeatsItsAnswer) {
  BuiltinElection three = make(node(3, {1, 2, 3}));
  Outputs out = ask(three, request(1, 1));
  EXPECT_EQ(out.order, "pes") << "durable first, promised second, told last";
  EXPECT_EQ(out.ballots.at(0), (Ballot{kGroup, Term{1}, NodeId{1}}));
  EXPECT_EQ(out.event<VoteGranted>().candidate, NodeId{1});
  EXPECT_EQ(out.answer().answer, VoteAnswer::kGranted);

  out = ask(three, request(2, 1));
  EXPECT_EQ(out.order, "s");
  EXPECT_EQ(out.answer().answer, VoteAnswer::kVotedOther);

  out = ask(three, request(1, 1));
  EXPECT_EQ(out.order, "s") << "the repetition needs no second write and no second promise";
  EXPECT_EQ(out.answer().answer, VoteAnswer::kGranted);
  EXPECT_EQ(three.counters().votes_granted, 1U);
}

TEST(BuiltinElection, AVoteSurvivesARestart) {
  const ElectionConfig persisted{.ballots = {{kGroup, Term{5}, NodeId{1}}}};
  BuiltinElection three = make(node(3, {1, 2, 3}, 2), persisted);
  EXPECT_EQ(ask(three, request(2, 5)).answer().answer, VoteAnswer::kVotedOther);
  EXPECT_EQ(ask(three, request(2, 4)).answer().answer, VoteAnswer::kOldTerm);
  EXPECT_EQ(ask(three, request(1, 5)).answer().answer, VoteAnswer::kGranted);
  three.handle_campaign(at(0), campaign(2));
  EXPECT_EQ(take(three).ballots.at(0).term, Term{6})
      << "its own record is newer than the Monitor's";
}

TEST(BuiltinElection, AWinnerOfAnEarlierLifeIsNobodyAfterARestart) {
  const ElectionConfig persisted{.ballots = {{kGroup, Term{5}, NodeId{1}}}};
  BuiltinElection one = make(node(1, {1, 2, 3}, 2), persisted);
  one.handle_reply(at(0), NodeId{2}, reply(2, 5, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "");
  EXPECT_EQ(one.counters().dropped_stale_reply, 1U);
}

TEST(BuiltinElection, NoVoteWhileTheMonitorForbidsItAndNoTermIsTakenOn) {
  BuiltinElection three = make(node(3, {1, 2, 3}));
  const struct {
    VoteVerdict verdict;
    VoteAnswer answer;
  } rows[] = {{VoteVerdict::kPromised, VoteAnswer::kPromised},
              {VoteVerdict::kHeld, VoteAnswer::kHeld},
              {VoteVerdict::kJustStarted, VoteAnswer::kJustStarted},
              {VoteVerdict::kNotVoter, VoteAnswer::kNotVoter}};
  for (const auto& row : rows) {
    const Outputs out = ask(three, request(1, 9), {row.verdict, {}});
    EXPECT_EQ(out.order, "s");
    EXPECT_EQ(out.answer().answer, row.answer);
    EXPECT_EQ(out.answer().newest, Term{0}) << "a refused candidate disturbs nobody";
  }
  EXPECT_EQ(ask(three, request(1, 9)).answer().answer, VoteAnswer::kGranted)
      << "the same request, repeated after the promise ran out";
}

TEST(BuiltinElection, TheLongerLogIsNotGivenAway) {
  BuiltinElection three = make(node(3, {1, 2, 3}));
  three.set_log(kGroup, {Term{2}, 10});
  EXPECT_EQ(ask(three, request(1, 3, {Term{2}, 9})).answer().answer, VoteAnswer::kShorterLog);
  EXPECT_EQ(ask(three, request(1, 3, {Term{1}, 99})).answer().answer, VoteAnswer::kShorterLog);
  EXPECT_EQ(ask(three, request(2, 3, {Term{2}, 10})).answer().answer, VoteAnswer::kGranted);
}

TEST(BuiltinElection, ANewerTermEndsACandidacy) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_campaign(at(0), campaign(0));
  take(one);
  VoteReply refusal = reply(2, 1, VoteAnswer::kOldTerm);
  refusal.newest = Term{8};
  one.handle_reply(at(1), NodeId{2}, refusal);
  Outputs out = take(one);
  ASSERT_EQ(out.order, "epe") << "a term that was seen is durable before anybody is told";
  EXPECT_EQ(out.ballots.at(0), (Ballot{kGroup, Term{8}, kNobody}));
  EXPECT_EQ(out.event<CandidacyEnded>(0).term, Term{1});
  EXPECT_EQ(out.event<TermObserved>(1).term, Term{8});

  one.handle_campaign(at(10), campaign(8));
  take(one);
  one.observe_term(at(11), kGroup, Term{12});
  EXPECT_EQ(take(one).event<CandidacyEnded>().term, Term{9});
  EXPECT_EQ(one.ballot(kGroup), (Ballot{kGroup, Term{12}, kNobody}));
}

TEST(BuiltinElection, ACandidateThatVotesForANewerTermStandsNoMore) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_campaign(at(0), campaign(0));
  take(one);
  const Outputs out = ask(one, request(2, 2));
  EXPECT_EQ(out.order, "epes");
  EXPECT_EQ(out.event<CandidacyEnded>(0).term, Term{1});
  EXPECT_EQ(out.event<VoteGranted>(1).candidate, NodeId{2});
  one.handle_reply(at(1), NodeId{3}, reply(3, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "");
}

TEST(BuiltinElection, ALateCampaignSpendsNoTerm) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_campaign(at(200), campaign(3, at(150)));
  const Outputs out = take(one);
  ASSERT_EQ(out.order, "e");
  EXPECT_EQ(out.event<CandidacyEnded>().term, Term{3});
  EXPECT_EQ(one.ballot(kGroup).term, Term{0});
}

TEST(BuiltinElection, AStandDownEndsTheCandidacy) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_campaign(at(0), campaign(0));
  take(one);
  one.handle_stand_down(at(1), {kGroup, Term{1}, StandDownReason::kDraining});
  EXPECT_EQ(take(one).event<CandidacyEnded>().term, Term{1});
}

TEST(BuiltinElection, AJointConfigurationNeedsBothMajorities) {
  MonitorConfig config = node(1, {1, 2, 3});
  config.peers.insert(config.peers.end(), {NodeId{4}, NodeId{5}});
  config.groups[0].joint_voters = {NodeId{1}, NodeId{4}, NodeId{5}};
  BuiltinElection one = make(config);
  one.handle_campaign(at(0), campaign(0));
  EXPECT_EQ(take(one).sends.size(), 4U);
  one.handle_reply(at(1), NodeId{2}, reply(2, 1, VoteAnswer::kGranted));
  one.handle_reply(at(1), NodeId{3}, reply(3, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).order, "") << "the old majority alone does not elect";
  one.handle_reply(at(2), NodeId{4}, reply(4, 1, VoteAnswer::kGranted));
  EXPECT_EQ(take(one).event<Elected>().voters.count, 4);
}

TEST(BuiltinElection, WaitOutCollectsTheLongestBoundAndRoundsItUp) {
  MonitorConfig config = node(1, {1, 2, 3});
  config.lease_mode = LeaseMode::kWaitOut;
  BuiltinElection one = make(config);
  one.handle_campaign(at(0), campaign(0), milliseconds(20));
  take(one);
  VoteReply vote = reply(2, 1, VoteAnswer::kGranted);
  vote.bound = to_wire(milliseconds(700));
  one.handle_reply(at(5), NodeId{2}, vote);
  EXPECT_EQ(take(one).event<Elected>().bound, milliseconds(700));

  config = node(3, {1, 2, 3});
  config.lease_mode = LeaseMode::kWaitOut;
  BuiltinElection three = make(config);
  const Duration bound = milliseconds(400) + std::chrono::nanoseconds(1);
  EXPECT_EQ(ask(three, request(1, 1), {VoteVerdict::kMay, bound}).answer().bound,
            WireMicros{400'001});
}

TEST(BuiltinElection, StrangersAndForgersAreDroppedAndCounted) {
  BuiltinElection one = make(node(1, {1, 2, 3}));
  one.handle_request(at(0), NodeId{9}, request(9, 1), kMay);
  one.handle_request(at(0), NodeId{2}, request(3, 1), kMay);
  one.handle_reply(at(0), NodeId{1}, reply(1, 1, VoteAnswer::kGranted));
  EXPECT_EQ(one.counters().dropped_unknown_sender, 3U);
  VoteRequest elsewhere = request(2, 1);
  elsewhere.group = GroupId{99};
  one.handle_request(at(0), NodeId{2}, elsewhere, kMay);
  EXPECT_EQ(one.counters().dropped_unknown_group, 1U);
  EXPECT_EQ(take(one).order, "");
  VoteRequest older_epoch = request(2, 1);
  older_epoch.epoch = ConfigEpoch{kEpoch.value() - 1};
  EXPECT_EQ(ask(one, older_epoch).answer().answer, VoteAnswer::kNotVoter);
  VoteRequest newer_epoch = request(2, 1);
  newer_epoch.epoch = kEpoch.next();
  EXPECT_EQ(ask(one, newer_epoch).answer().answer, VoteAnswer::kGranted)
      << "a newer configuration says itself who votes in it";
}

TEST(BuiltinElection, BadConfigurationNamesFieldRuleAndValue) {
  const MonitorConfig monitor = node(1, {1, 2, 3});
  const auto error = [&](const ElectionConfig& config) {
    const auto election = BuiltinElection::create(monitor, config);
    return election ? "" : election.error().message;
  };
  EXPECT_EQ(error({.vote_window = milliseconds(0)}), "vote_window must be above 0, not 0 ms");
  EXPECT_EQ(error({.retry_interval = milliseconds(400)}),
            "retry_interval must be above 0 and at most vote_window (300 ms), not 400 ms");
  EXPECT_EQ(error({.ballots = {{GroupId{8}, Term{1}, NodeId{1}}}}),
            "ballots must be of configured groups, but group 8 is none");
  EXPECT_EQ(error({.ballots = {{kGroup, Term{1}, NodeId{1}}, {kGroup, Term{2}, NodeId{1}}}}),
            "ballots must name each group once, but group 7 comes twice");
}

}  // namespace
}  // namespace vouch::host
