#include "journal.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <variant>

#include "vouch/quorum_check/diagnosis_text.h"

namespace vouch::runtime {
namespace {

using Json = nlohmann::ordered_json;

Json ids(const NodeList& nodes) {
  Json list = Json::array();
  for (const NodeId node : nodes)
    list.push_back(node.value());
  return list;
}

/// How long until `at`; null if it is no instant.
Json until_ms(Instant now, Instant at) {
  if (at == kLongAgo || at == kNever) return nullptr;
  return to_ms(at - now);
}

}  // namespace

std::string wall_clock() {
  using std::chrono::system_clock;
  const auto now = system_clock::now();
  const std::time_t seconds = system_clock::to_time_t(now);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(millis));
  return text;
}

double to_ms(Duration duration) {
  return static_cast<double>(duration.count() / 1000) / 1000.0;
}

void Journal::note(Instant now, std::string_view event, const nlohmann::ordered_json& fields) {
  Json line;
  line["at_ns"] = now.time_since_epoch().count();
  line["wall"] = wall_clock();
  line["node"] = node_.value();
  line["event"] = event;
  for (const auto& [key, value] : fields.items())
    line[key] = value;
  sink_(line.dump());
}

void Journal::record(const record::Line& line) {
  if (std::holds_alternative<record::DecisionCase>(line.what) ||
      std::holds_alternative<record::StandDownCase>(line.what)) {
    recorded_.push_back(record::write(line));
  } else {
    sink_(record::write(line));
  }
}

void Journal::write_recorded() {
  if (recorded_.empty()) return;
  sink_(recorded_.front());
  recorded_.pop_front();
}

void Journal::write(Instant now, const Campaign& c) {
  note(now, "campaign",
       {{"group", c.group.value()},
        {"after_term", c.after.value()},
        {"round", c.round.value()},
        {"valid_ms", until_ms(now, c.valid_until)}});
}

void Journal::write(Instant now, const Vouched& v) {
  note(now, "vouched",
       {{"group", v.group.value()},
        {"leader", v.leader.value()},
        {"term", v.term.value()},
        {"until_ms", until_ms(now, v.until)},
        {"via", ids(v.via)}});
}

void Journal::write(Instant now, const LeaderChanged& c) {
  note(now, "leader_changed",
       {{"group", c.group.value()}, {"term", c.term.value()}, {"leader", c.leader.value()}});
}

void Journal::write(Instant now, const PeerChanged& c) {
  note(now, "peer_changed",
       {{"peer", c.peer.value()}, {"from", to_string(c.from)}, {"to", to_string(c.to)}});
}

void Journal::write(Instant now, const SuppressAlert& a) {
  note(
      now, "suppress_alert",
      {{"group", a.group.value()}, {"leader", a.leader.value()}, {"lasting_ms", to_ms(a.lasting)}});
}

void Journal::write(Instant now, const Diagnosis& d) {
  const auto name_of = [](NodeId node) { return std::to_string(node.value()); };
  note(now, "diagnosis",
       {{"diagnosis", to_string(d.kind)},
        {"change", to_string(d.change)},
        {"culprit", culprit_text(d, name_of)},
        {"others", ids(d.others)},
        {"witnesses", ids(d.witnesses)},
        {"lost_per_mille", d.lost_per_mille},
        {"since_ms", to_ms(now - d.since)}});
}

void Journal::write(Instant now, const TransferAdvice& a) {
  note(now, "transfer_advice",
       {{"group", a.group.value()},
        {"term", a.term.value()},
        {"to", a.to.value()},
        {"reason", to_string(a.reason)}});
}

void Journal::write(Instant now, const Elected& e) {
  note(now, "elected",
       {{"group", e.group.value()}, {"term", e.term.value()}, {"voters", ids(e.voters)}});
}

void Journal::write(Instant now, const CandidacyEnded& e) {
  note(now, "candidacy_ended", {{"group", e.group.value()}, {"term", e.term.value()}});
}

void Journal::write(Instant now, const VoteGranted& g) {
  note(now, "vote_granted",
       {{"group", g.group.value()}, {"term", g.term.value()}, {"candidate", g.candidate.value()}});
}

}  // namespace vouch::runtime
