#include "chrome_trace.h"

#include <utility>

#include "json_text.h"
#include "vouch/report/words.h"
#include "vouch/scenario/trace.h"

namespace vouch::report {
namespace {

std::uint64_t microseconds(sim::TrueTime at) {
  return static_cast<std::uint64_t>((at - sim::kStart).count()) / 1000;
}

std::uint64_t pid_of(sim::NodeIndex node) {
  return std::uint64_t{node} + 1;
}

}  // namespace

void ChromeTrace::moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
                        const sim::Payload& payload, sim::Fate fate) {
  begin_file(engine);
  if (fate == sim::Fate::kDelivered) lanes_.delivered(engine, to);
  const std::string kind(engine.protocol().message_kind(payload));
  const Span now{engine.now(), engine.now() + std::chrono::microseconds(1)};
  const std::uint64_t* const number = fate == sim::Fate::kSent ? nullptr : flights_.find(payload);
  if (fate == sim::Fate::kSent) {
    slice(from, kMessages, now, kind + " to " + node_name(to), "message");
    flow("s", from, engine.now(), messages_);
    flights_.take_off(payload, messages_++);
  } else if (fate == sim::Fate::kDelivered) {
    slice(to, kMessages, now, kind + " from " + node_name(from), "message");
    if (number == nullptr) return;
    flow("f", to, engine.now(), *number);
    flights_.land(payload);
  } else if (is_lost_at_sender(fate) || number == nullptr) {
    slice(from, kMessages, now,
          kind + " to " + node_name(to) + ": " + std::string(scenario::event_name(fate)),
          "message");
  } else {
    instant(pid_of(to), kMessages, engine.now(),
            kind + " from " + node_name(from) + ": " + std::string(scenario::event_name(fate)),
            "message");
    if (fate != sim::Fate::kQueued) flights_.land(payload);
  }
}

void ChromeTrace::stepped(const sim::Engine& engine, sim::NodeIndex node,
                          const sim::ReplicaStatus& status) {
  begin_file(engine);
  lanes_.stepped(engine, node, status);
}

void ChromeTrace::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  begin_file(engine);
  instant(pid_of(node), kNotes, engine.now(), sentence(engine, node, note),
          scenario::event_name(note.kind));
  lanes_.noted(engine, node, note);
}

void ChromeTrace::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  begin_file(engine);
  const bool is_link = sim::is_about_link(fault.kind);
  // The network has one track, of the same number as a node's first.
  instant(is_link ? replicas_ + 1 : pid_of(fault.a), kStanding, engine.now(), sentence(fault),
          "fault");
  lanes_.faulted(engine, fault);
}

void ChromeTrace::finish(sim::TrueTime end) {
  lanes_.finish(end);
  // The last comma is followed by an event that says nothing: readers are strict about commas.
  text_ += R"({"ph":"M","pid":)" + std::to_string(replicas_ + 1) +
           R"(,"tid":1,"name":"thread_name","args":{"name":"links"}}]})" + "\n";
}

std::string ChromeTrace::take() {
  return std::exchange(text_, {});
}

void ChromeTrace::stood(sim::NodeIndex node, const Span& span, const Standing& standing) {
  std::string name(to_string(standing.activity));
  if (standing.term != Term{}) name += ", term " + std::to_string(standing.term.value());
  if (standing.activity == Activity::kFollower && standing.leader != kNobody) {
    name += ", of " + node_name(standing.leader.value() - 1);
  }
  slice(node, kStanding, span, name, "role");
}

void ChromeTrace::held_lease(sim::NodeIndex node, const Span& span) {
  slice(node, kLease, span, "lease", "lease");
}

void ChromeTrace::promised(sim::NodeIndex node, const Span& span, NodeId leader) {
  slice(node, kPromise, span, "promise to " + node_name(leader.value() - 1), "promise");
}

void ChromeTrace::suspected(sim::NodeIndex node, const Span& span, sim::NodeIndex subject) {
  slice(node, kSuspicion + subject, span, "suspects " + node_name(subject), "suspicion");
}

void ChromeTrace::reached_majority(sim::NodeIndex node, const Span& span) {
  slice(node, kMajority, span, "reaches a majority", "network");
}

void ChromeTrace::begin_file(const sim::Engine& engine) {
  if (replicas_ != 0) return;
  replicas_ = engine.size();
  text_ = R"({"displayTimeUnit":"ms","traceEvents":[)"
          "\n";
  for (sim::NodeIndex node = 0; node <= replicas_; ++node) {
    begin("M", pid_of(node), 0, sim::kStart);
    add("name", std::string_view("process_name"));
    text_ += R"(,"args":{"name":)" + quoted(node < replicas_ ? node_name(node) : "network") + "}";
    end();
    begin("M", pid_of(node), 0, sim::kStart);
    add("name", std::string_view("process_sort_index"));
    text_ += R"(,"args":{"sort_index":)" + std::to_string(node) + "}";
    end();
    if (node == replicas_) break;
    name_track(node, kStanding, "role");
    if (engine.protocol().has_lease()) name_track(node, kLease, "lease");
    name_track(node, kMajority, "majority");
    name_track(node, kNotes, "decisions and notes");
    name_track(node, kMessages, "messages");
    name_track(node, kPromise, "promise");
    for (sim::NodeIndex subject = 0; subject < replicas_; ++subject) {
      if (subject != node) name_track(node, kSuspicion + subject, "about " + node_name(subject));
    }
  }
}

void ChromeTrace::name_track(sim::NodeIndex node, std::uint32_t track, const std::string& name) {
  begin("M", pid_of(node), track, sim::kStart);
  add("name", std::string_view("thread_name"));
  text_ += R"(,"args":{"name":)" + quoted(name) + "}";
  end();
}

void ChromeTrace::begin(std::string_view phase, std::uint64_t pid, std::uint32_t track,
                        sim::TrueTime at) {
  text_ += R"({"ph":)" + quoted(phase);
  add("pid", pid);
  add("tid", track);
  add("ts", microseconds(at));
}

void ChromeTrace::add(std::string_view key, std::uint64_t value) {
  text_ += "," + quoted(key) + ":" + std::to_string(value);
}

void ChromeTrace::add(std::string_view key, std::string_view text) {
  text_ += "," + quoted(key) + ":" + quoted(text);
}

void ChromeTrace::end() {
  text_ += "},\n";
}

void ChromeTrace::slice(sim::NodeIndex node, std::uint32_t track, const Span& span,
                        std::string_view name, std::string_view category) {
  begin("X", pid_of(node), track, span.from);
  add("dur", microseconds(span.until) - microseconds(span.from));
  add("name", name);
  add("cat", category);
  end();
}

void ChromeTrace::instant(std::uint64_t pid, std::uint32_t track, sim::TrueTime at,
                          std::string_view name, std::string_view category) {
  begin("i", pid, track, at);
  add("s", std::string_view("t"));
  add("name", name);
  add("cat", category);
  end();
}

void ChromeTrace::flow(std::string_view phase, sim::NodeIndex node, sim::TrueTime at,
                       std::uint64_t id) {
  begin(phase, pid_of(node), kMessages, at);
  add("id", id);
  add("name", std::string_view("message"));
  add("cat", std::string_view("message"));
  if (phase == "f") add("bp", std::string_view("e"));
  end();
}

}  // namespace vouch::report
