#include "vouch/report/recording.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "vouch/report/words.h"
#include "vouch/scenario/trace.h"

namespace vouch::report {
namespace {

/// How much of the time before a fault or heal is kept with its messages.
constexpr Duration kBefore = std::chrono::milliseconds(500);
constexpr std::int64_t kBuckets = 240;

/// The length of a bucket: round, so that the faults of most scenarios begin with one.
Duration bucket_for(Duration run) {
  std::int64_t ms = 50;
  for (const std::int64_t factor : {2, 5, 10, 20, 40, 100, 200, 400, 1200, 3600, 12'000, 72'000}) {
    if (run.count() / 1'000'000 / ms <= kBuckets) break;
    ms = 50 * factor;
  }
  return std::chrono::milliseconds(ms);
}

LinkState state_of(const sim::Link& link, const sim::Link& initial) {
  if (link.is_cut || link.loss_per_million >= 1'000'000) return LinkState::kCut;
  if (link.loss_per_million > initial.loss_per_million) return LinkState::kLossy;
  return link == initial ? LinkState::kWhole : LinkState::kChanged;
}

/// Faults of a node that last until the same fault comes with value 0.
bool is_trouble(sim::FaultKind kind) {
  using Kind = sim::FaultKind;
  return kind == Kind::kSlow || kind == Kind::kFlood || kind == Kind::kWorkerStall ||
         kind == Kind::kDiskStall || kind == Kind::kDrain;
}

/// The times that are in both lists.
std::vector<Span> both(const std::vector<Span>& a, const std::vector<Span>& b) {
  std::vector<Span> result;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const Span common{std::max(a[i].from, b[j].from), std::min(a[i].until, b[j].until)};
    if (common.from < common.until) result.push_back(common);
    a[i].until < b[j].until ? ++i : ++j;
  }
  return result;
}

/// Sorted, and those that touch or overlap made one.
std::vector<Span> merged(std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.from < b.from; });
  std::vector<Span> result;
  for (const Span& span : spans) {
    if (!result.empty() && span.from <= result.back().until) {
      result.back().until = std::max(result.back().until, span.until);
    } else {
      result.push_back(span);
    }
  }
  return result;
}

}  // namespace

std::vector<Span> usable_times(const Recording& recording) {
  std::vector<Span> all;
  for (const NodeLane& lane : recording.nodes) {
    std::vector<Span> usable;
    for (const StandingSpan& stood : lane.standings) {
      if (stood.standing.activity == Activity::kLeader) usable.push_back(stood.span);
    }
    usable = both(usable, lane.majorities);
    if (recording.has_lease) usable = both(usable, lane.leases);
    all.insert(all.end(), usable.begin(), usable.end());
  }
  return merged(std::move(all));
}

Recorder::Recorder(const sim::Plan& plan, const Options& options)
    : options_(options),
      lanes_(*this),
      last_line_(plan.replicas),
      client_faults_(plan.clients.faults),
      initial_link_(plan.link),
      links_(plan.replicas * plan.replicas, plan.link) {
  recording_.replicas = plan.replicas;
  recording_.seed = options.seed;
  recording_.end = plan.end;
  recording_.nodes.resize(plan.replicas);
  const Duration length = plan.end - sim::kStart;
  recording_.bucket = bucket_for(length);
  const auto buckets = static_cast<std::size_t>(length / recording_.bucket) + 1;
  recording_.traffic.resize(buckets * plan.replicas * plan.replicas);
  const sim::TrueTime heal = std::max(plan.fault_until - kBefore, plan.fault_from);
  const std::size_t half = options.messages_max / 2;
  windows_ = {{std::max(plan.fault_from - kBefore, sim::kStart), heal, half},
              {heal, plan.end, options.messages_max - half}};
}

std::size_t Recorder::bucket_of(sim::TrueTime at, sim::NodeIndex from, sim::NodeIndex to) const {
  const auto bucket = static_cast<std::size_t>((at - sim::kStart) / recording_.bucket);
  return std::min((bucket * recording_.replicas + from) * recording_.replicas + to,
                  recording_.traffic.size() - 1);
}

std::optional<std::size_t> Recorder::keep_message(const sim::Engine& engine,
                                                  const SentMessage& message,
                                                  std::string_view kind) {
  for (Window& window : windows_) {
    if (engine.now() < window.from || engine.now() >= window.until) continue;
    if (window.room == 0) {
      window.until = engine.now();  // Nothing later: a window has no holes.
      continue;
    }
    --window.room;
    auto& kinds = recording_.message_kinds;
    const auto known = std::find(kinds.begin(), kinds.end(), kind);
    recording_.messages.push_back(message);
    recording_.messages.back().kind = static_cast<std::uint8_t>(known - kinds.begin());
    if (known == kinds.end()) kinds.push_back(kind);
    return recording_.messages.size() - 1;
  }
  return std::nullopt;
}

void Recorder::moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
                     const sim::Payload& payload, sim::Fate fate) {
  if (fate == sim::Fate::kDelivered) lanes_.delivered(engine, to);
  if (fate == sim::Fate::kSent || is_lost_at_sender(fate)) {
    const std::size_t bucket = bucket_of(engine.now(), from, to);
    ++recording_.traffic[bucket].sent;
    const SentMessage message{.sent = engine.now(),
                              .from = static_cast<std::uint8_t>(from),
                              .to = static_cast<std::uint8_t>(to),
                              .fate = fate};
    const auto kept = keep_message(engine, message, engine.protocol().message_kind(payload));
    if (fate == sim::Fate::kSent) flights_.take_off(payload, {bucket, kept});
    return;
  }
  Flight* const flight = flights_.find(payload);
  if (flight == nullptr) return;
  if (fate == sim::Fate::kDelivered) ++recording_.traffic[flight->bucket].delivered;
  if (flight->message) {
    recording_.messages[*flight->message].fate = fate;
    recording_.messages[*flight->message].arrived = engine.now();
  }
  if (fate != sim::Fate::kQueued) flights_.land(payload);
}

void Recorder::stepped(const sim::Engine& engine, sim::NodeIndex node,
                       const sim::ReplicaStatus& status) {
  if (recording_.policy.empty()) {
    recording_.policy = engine.protocol().name();
    recording_.has_lease = engine.protocol().has_lease();
  }
  lanes_.stepped(engine, node, status);
}

/// That a node that was never suspected is trusted is no news, nor is its own consent to itself.
bool Recorder::is_news(sim::NodeIndex node, const sim::Note& note) const {
  if (note.kind != sim::NoteKind::kTrusts) return true;
  const std::uint32_t id = note.node.value();
  return id >= 1 && id <= recording_.replicas && lanes_.suspects(node, id - 1);
}

void Recorder::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  if (is_news(node, note)) {
    const bool has_verdict = note.kind == sim::NoteKind::kDecision;
    add_line({.at = engine.now(),
              .node = node,
              .kind = scenario::event_name(note.kind),
              .word = has_verdict ? note.word : std::string_view{},
              .text = sentence(engine, node, note),
              .last_at = engine.now()});
  }
  lanes_.noted(engine, node, note);
}

void Recorder::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  const std::string text = sentence(fault);
  add_line({.at = engine.now(),
            .node = std::nullopt,
            .kind = scenario::event_name(fault.kind),
            .word = {},
            .text = text,
            .last_at = engine.now()});
  note_link_changes(engine, fault, text);
  note_trouble(engine.now(), fault, text);
  lanes_.faulted(engine, fault);
}

void Recorder::note_link_changes(const sim::Engine& engine, const sim::Fault& fault,
                                 const std::string& text) {
  for (sim::NodeIndex from = 0; from < engine.size(); ++from) {
    for (sim::NodeIndex to = 0; to < engine.size(); ++to) {
      if (from == to) continue;
      const sim::Link& link = engine.links().at(from, to);
      sim::Link& known = links_[from * engine.size() + to];
      // What a link's model does is not seen in the link.
      const bool is_of_fault = is_link_model(fault.kind) && from == fault.a && to == fault.b;
      if (link == known && !is_of_fault) continue;
      known = link;
      recording_.links.push_back({engine.now(), from, to, state_of(link, initial_link_), text});
    }
  }
}

void Recorder::note_trouble(sim::TrueTime at, const sim::Fault& fault, const std::string& text) {
  if (!is_trouble(fault.kind) || fault.a >= recording_.replicas) return;
  std::vector<TroubleSpan>& troubles = recording_.nodes[fault.a].troubles;
  for (TroubleSpan& trouble : troubles) {
    if (trouble.kind == fault.kind && trouble.span.until == sim::kEndOfTime)
      trouble.span.until = at;
  }
  if (fault.value != 0) troubles.push_back({{at, sim::kEndOfTime}, fault.kind, text});
}

void Recorder::add_line(RecordLine line) {
  std::vector<RecordLine>& lines = recording_.lines;
  if (line.node) {
    std::optional<std::size_t>& last = last_line_[*line.node];
    if (last && lines[*last].text == line.text) {
      ++lines[*last].times;
      lines[*last].last_at = line.at;
      return;
    }
    if (lines.size() < options_.lines_max) last = lines.size();
  }
  if (lines.size() < options_.lines_max) {
    lines.push_back(std::move(line));
  } else if (lines.size() == options_.lines_max) {
    lines.push_back(
        {.at = line.at,
         .node = std::nullopt,
         .kind = "note",
         .word = {},
         .text = "the record ends here: it holds " + std::to_string(options_.lines_max) + " lines",
         .last_at = line.at});
  }
}

/// One line for all links to which the same happens at the same time: a zone that is cut off has
/// many.
void Recorder::add_client_faults() {
  constexpr std::size_t kLinksNamed = 6;
  std::vector<RecordLine> lines;
  for (std::size_t first = 0, next = 0; first < client_faults_.size(); first = next) {
    const sim::TimedFault& fault = client_faults_[first];
    while (next < client_faults_.size() && client_faults_[next].at == fault.at &&
           client_faults_[next].fault.kind == fault.fault.kind &&
           client_faults_[next].fault.value == fault.fault.value) {
      ++next;
    }
    if (fault.at > recording_.end) break;
    std::string text;
    for (std::size_t i = first; i < std::min(next, first + kLinksNamed); ++i)
      text += (text.empty() ? "" : "; ") + sentence(client_faults_[i].fault);
    if (next - first > kLinksNamed) {
      text += "; and so do " + std::to_string(next - first - kLinksNamed) + " more";
    }
    lines.push_back({.at = fault.at,
                     .node = std::nullopt,
                     .kind = scenario::event_name(fault.fault.kind),
                     .word = {},
                     .text = text,
                     .last_at = fault.at});
  }
  std::vector<RecordLine>& all = recording_.lines;
  const auto middle = static_cast<std::ptrdiff_t>(lines.size());
  all.insert(all.begin(), std::make_move_iterator(lines.begin()),
             std::make_move_iterator(lines.end()));
  std::inplace_merge(all.begin(), all.begin() + middle, all.end(),
                     [](const RecordLine& a, const RecordLine& b) { return a.at < b.at; });
}

Recording Recorder::finish() {
  lanes_.finish(recording_.end);
  add_client_faults();
  for (NodeLane& lane : recording_.nodes) {
    for (TroubleSpan& trouble : lane.troubles)
      trouble.span.until = std::min(trouble.span.until, recording_.end);
  }
  for (const Window& window : windows_) {
    if (window.from < window.until) {
      recording_.message_windows.push_back({window.from, window.until});
    }
  }
  recording_.message_windows = merged(std::move(recording_.message_windows));
  return std::exchange(recording_, {});
}

void Recorder::stood(sim::NodeIndex node, const Span& span, const Standing& standing) {
  recording_.nodes[node].standings.push_back({span, standing});
}

void Recorder::held_lease(sim::NodeIndex node, const Span& span) {
  recording_.nodes[node].leases.push_back(span);
}

void Recorder::promised(sim::NodeIndex node, const Span& span, NodeId leader) {
  recording_.nodes[node].promises.push_back({span, leader});
}

void Recorder::suspected(sim::NodeIndex node, const Span& span, sim::NodeIndex subject) {
  recording_.nodes[node].suspicions.push_back({span, subject});
}

void Recorder::reached_majority(sim::NodeIndex node, const Span& span) {
  recording_.nodes[node].majorities.push_back(span);
}

}  // namespace vouch::report
