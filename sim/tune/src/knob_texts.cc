#include "vouch/tune/knob_texts.h"

#include <algorithm>
#include <utility>

#include "vouch/detector/detector_config.h"

namespace vouch::tune {
namespace {

/// Those that vouch tune searches, and what goes with them.
std::vector<KnobText> main_texts() {
  return {
      {"heartbeat_interval", "How often every node tells every other that it is there.",
       "Fewer messages. Fewer of them fit into a lease, so each lost one weighs more, and silence "
       "is noticed later: with the same lease more needless elections.",
       "More heartbeats fit into a lease: it takes more losses in a row to end one, and leases may "
       "be shorter. Costs messages, and processor time on every node, in proportion."},
      {"lease",
       "For how long one acknowledged heartbeat keeps a leader. Nobody replaces a leader before it "
       "has run out: a crash costs about one lease.",
       "Longer outages of links, and longer pauses of the leader, pass without an election. Every "
       "failover takes longer by as much.",
       "Failovers are faster. Outages that were sat out before now cost an election."},
      {"consent_hold",
       "The confirmation window: for how long a peer that agreed to an election binds itself to "
       "the one who asked. Where one node fails at a time it is hardly felt: who gets its consents "
       "campaigns within a round trip, and what is measured to take longer lengthens it by itself.",
       "A candidate has more time to collect consents and to campaign on slow or lossy links. A "
       "candidate that dies in between holds the others up for longer. At most half a lease.",
       "The group is free sooner when a candidate dies. On slow links consents expire before the "
       "last of them has arrived, and the question must be asked again."},
      {"confirm_interval", "How often the question is repeated while a suspicion lasts.",
       "Fewer messages. A lost question or answer costs the failover more time.",
       "A lost question is repeated sooner. Below the round trip it is repeated before an answer "
       "can be there, which is allowed and costs messages."},
      {"progress_timeout",
       "How old the leader's oldest uncommitted work may grow before it counts as hung and stands "
       "down.",
       "Slow commits (a busy disk, lossy links) are forgiven. A leader whose worker hangs behind "
       "live heartbeats is replaced later by as much.",
       "Hung leaders are found sooner. A commit that merely takes long deposes a healthy leader. "
       "0 switches the check off."},
      {"worker_interval", "How often the host promises to report progress at the least.",
       "The host may report less often; a silent worker is noticed no sooner than "
       "progress_timeout either way.",
       "Must be kept by the host, or it is taken for hung. 0: silence means nothing."},
      {"round_trip",
       "The longest round trip among the voters that you expect. Nothing is timed by it: the "
       "linter checks the other knobs against it.",
       "The linter asks for longer leases and windows.",
       "The linter accepts shorter ones. If it is less than the truth, what it accepts may not "
       "work."},
  };
}

/// The others of the Monitor, and those of the election beside it.
std::vector<KnobText> further_texts() {
  return {
      {"clock_drift_ppm", "How far the rate of a clock may be off.",
       "Promises last longer than leases by more: safe with worse clocks, and failover takes "
       "that much longer (0.2 % of a lease at 1000).",
       "Failover is faster by next to nothing. Below 500 NTP alone may break it: two leaders."},
      {"guard", "Added to every promise for what the drift does not cover.",
       "Every failover takes that much longer.", "Less room for coarse timers."},
      {"follower_lease", "How long a promise binds, if not the shortest that covers the lease.",
       "Failover takes longer. Needed while the lease of a running cluster is being changed.",
       "Refused below what covers the lease. 0: just that."},
      {"stall_limit",
       "A timer that is late by more means that this node itself stood still: it then trusts "
       "nothing that it thinks of others until it has caught up.",
       "Shorter pauses of a node are not noticed as such, and it may suspect others for its own "
       "sake.",
       "Ordinary jitter of a busy machine makes nodes hold their tongue, which delays failovers."},
      {"stall_window",
       "Pauses of a leader within this time are added up; at one lease it hands over.",
       "A leader that limps on is moved away from sooner.",
       "Only pauses close to each other count. 0: never."},
      {"suppress_cap", "After suppressing elections for so long an alert says so.",
       "The alert comes later.", "It comes sooner. It never causes an election."},
      {"hold_off",
       "For how long a node that lost its leadership ranks behind the others as a candidate.",
       "A flapping node stays away from leadership for longer.",
       "It comes back sooner, and may be lost again. 0: no such memory."},
      {"transfer_cooldown", "The least time between two advices to hand leadership over.",
       "Leadership moves less often because of lossy links.",
       "A degraded leader is moved sooner after the last move. 0: no advice at all."},
      {"padded_every", "Every so many-th heartbeat is as long as a datagram may be.",
       "Links that pass only short messages are found later. 0: never.",
       "They are found sooner, for more bytes."},
      {"election.retry_interval", "How often a vote is asked for again.",
       "A lost request costs the election more time.", "More messages on slow links."},
      {"election.vote_window", "How long a candidacy may last.",
       "Elections on slow links may still be won. Who wins late has used up the lease of its "
       "votes.",
       "A candidacy that fails ends sooner. Below the round trip none is won."},
  };
}

}  // namespace

std::vector<KnobText> knob_texts() {
  std::vector<KnobText> texts = main_texts();
  for (KnobText& text : further_texts())
    texts.push_back(std::move(text));
  texts.push_back({"detector.kind",
                   "How arrivals of heartbeats become the moment from which silence is suspicious. "
                   "A suspicion costs a question to the peers, not an election.",
                   "It has no order. `fixed` waits the same time on every link; the others follow "
                   "each link's own rhythm.",
                   "vouch tune shows what each kind does on your recordings."});
  for (const DetectorKind kind : kDetectorKinds) {
    const DetectorKnob knob = knob_of(kind);
    const std::string name = std::string("detector.") + knob.field;
    const auto found = std::find_if(texts.begin(), texts.end(),
                                    [&](const KnobText& text) { return text.name == name; });
    if (found != texts.end()) {
      found->what += std::string(" Also of `") + to_string(kind) + "`: " + knob.meaning + ".";
      continue;
    }
    texts.push_back(
        {name, std::string("Of the detector `") + to_string(kind) + "`: " + knob.meaning + ".",
         "Suspects later: fewer mistakes, and fewer questions to the peers. As long as "
         "the suspicion comes a round trip before the end of the lease, failovers take "
         "no longer.",
         "Suspects earlier: the question has been answered when the lease ends. More "
         "mistakes; each costs a question, none an election."});
  }
  texts.push_back(
      {"detector.agility",
       "`adaptive`: how strongly the margin follows the jitter that is to be expected.",
       "On links that are rough for a while and calm for a while: more margin when it is "
       "needed and less when not. 1 is in proportion.",
       "On links whose jitter comes and goes without warning: the margin stands still. 0 "
       "is safety_margin itself, whatever the link does."});
  texts.push_back(
      {"detector.memory", "`adaptive`: whether a delay is expected to last as the link has taught.",
       "True: on links whose delays last over several heartbeats, or whose path changes.",
       "False: where delays do not last and single slow heartbeats would be taken for such."});
  texts.push_back({"detector.window_size",
                   "How many of the newest heartbeats a detector remembers.",
                   "Steadier, and slower to follow a network that has changed.",
                   "Follows at once, and is misled by a few odd ones."});
  texts.push_back({"detector.short_window_size",
                   "`two-window`: how many heartbeats its short window remembers.",
                   "Forgets a sudden delay later.",
                   "Follows a sudden delay at once; 1 remembers the newest heartbeat only."});
  texts.push_back({"detector.quantile_per_thousand",
                   "`quantile`: which of the remembered gaps counts, from the shortest.",
                   "Fewer mistakes, slower detection. 1000 is the longest gap that is remembered.",
                   "Faster detection; more of the gaps that occur anyway make a mistake."});
  texts.push_back({"detector.stddev_min",
                   "`phi`: the deviation of the gaps is never taken as less.",
                   "Suspects later on steady links.",
                   "On steady links the first late heartbeat is a mistake."});
  texts.push_back({"detector.acceptable_pause", "`phi`: silence that is tolerated on top.",
                   "Pauses of that length make no mistakes. Detection takes longer by as much.",
                   "Detection is faster; pauses of the sender make mistakes."});
  return texts;
}

const KnobText* find_knob(const std::vector<KnobText>& texts, std::string_view name) {
  if (name.ends_with("_ms")) name.remove_suffix(3);
  for (const KnobText& text : texts) {
    if (text.name == name) return &text;
  }
  for (const KnobText& text : texts) {
    const std::size_t dot = text.name.find('.');
    if (dot != std::string::npos && text.name.substr(dot + 1) == name) return &text;
  }
  return nullptr;
}

}  // namespace vouch::tune
