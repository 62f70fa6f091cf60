// vouch record: heartbeats into a trace file, of a daemon or between hosts without any.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "interrupt.h"
#include "node.h"
#include "vouch/runtime/control.h"
#include "vouch/runtime/link_recorder.h"
#include "vouch/trace/rotating_writer.h"

namespace vouch::cli {
namespace {

using RecordJson = nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;

constexpr NodeId kOwnId{1};  ///< Of this end in a trace; the peers follow in their order.

struct RecordOptions {
  std::string control;
  runtime::LinkRecorderConfig links;
  double interval_ms = 100;
  bool is_responder = false;
  std::string out;
  double seconds = 0;
  double rotate_mb = 64;
  double rotate_hours = 24;
  bool json = false;
};

/// The recording in the making: flushes five times a second, ends when asked to or when it cannot
/// be written.
class Recording {
 public:
  Recording(RotatingWriter writer, double seconds)
      : writer_(std::move(writer)), seconds_(seconds) {}

  void take(const RecordedHeartbeat& heartbeat) {
    if (!wrote_) return;
    wrote_ = writer_.append(heartbeat);
    count_ += wrote_ ? 1U : 0U;
  }

  [[nodiscard]] bool goes_on() {
    const auto now = SteadyClock::now();
    if (now - flushed_ >= std::chrono::milliseconds(200)) {
      if (wrote_) wrote_ = writer_.flush();
      flushed_ = now;
      say_troubles();
    }
    return wrote_.has_value() && !Interrupt::is_asked() && (seconds_ <= 0 || passed_s() < seconds_);
  }

  Status finish() {
    if (wrote_) wrote_ = writer_.flush();
    say_troubles();
    return wrote_;
  }

  [[nodiscard]] double passed_s() const {
    return std::chrono::duration<double>(SteadyClock::now() - began_).count();
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t full_files() const { return writer_.full_files(); }

 private:
  /// What could not be compressed is no reason to stop.
  void say_troubles() {
    for (std::string trouble = writer_.trouble(); !trouble.empty(); trouble = writer_.trouble())
      std::cerr << "vouch record: " << trouble << "\n";
  }

  RotatingWriter writer_;
  double seconds_;
  SteadyClock::time_point began_ = SteadyClock::now();
  SteadyClock::time_point flushed_ = began_;
  Status wrote_ = Done{};
  std::uint64_t count_ = 0;
};

Result<RotatingWriter> open_out(const RecordOptions& options) {
  RotationLimits limits;
  limits.bytes = static_cast<std::uint64_t>(options.rotate_mb * 1e6);
  limits.age = Duration(static_cast<std::int64_t>(options.rotate_hours * 3.6e12));
  return RotatingWriter::open(options.out, limits);
}

RecordedHeartbeat heartbeat_of(const RecordJson& json) {
  return {.observer = NodeId{json.value("observer", 0U)},
          .subject = NodeId{json.value("subject", 0U)},
          .incarnation = Incarnation{json.value("incarnation", std::uint64_t{0})},
          .seq = Seq{json.value("seq", std::uint64_t{0})},
          .sent = Instant(Duration(json.value("sent_ns", std::int64_t{0}))),
          .arrival = Instant(Duration(json.value("arrival_ns", std::int64_t{0})))};
}

void say_where(const RecordOptions& options, const Recording& recording) {
  std::cerr << "vouch record: " << recording.count() << " heartbeats in " << options.out;
  if (recording.full_files() > 0) {
    std::cerr << " and " << recording.full_files() << " full files beside it";
  }
  std::cerr << "; to see what they tell: vouch evaluate " << options.out << "\n";
}

/// What a daemon sees.
Outcome record_node(const RecordOptions& options) {
  Result<RotatingWriter> writer = open_out(options);
  if (!writer) return writer.error();
  const Interrupt interrupt;
  Recording recording(std::move(*writer), options.seconds);
  bool is_first = true;
  std::string refusal;
  const Status done = runtime::follow_control(
      options.control, RecordJson{{"command", "record"}}.dump(),
      [&](std::string_view line) {
        const RecordJson json = RecordJson::parse(line, nullptr, false);
        if (json.is_discarded() || !json.is_object()) return recording.goes_on();
        if (is_first) {
          is_first = false;
          if (!json.value("ok", false)) refusal = json.value("error", "refused");
          return refusal.empty() && recording.goes_on();
        }
        recording.take(heartbeat_of(json));
        return recording.goes_on();
      },
      [&] { return recording.goes_on(); });
  const Status wrote = recording.finish();
  if (!refusal.empty()) return Error{Errc::kBadInput, refusal};
  if (!wrote) return wrote.error();
  if (!done) return done.error();
  say_where(options, recording);
  return ExitCode::kSuccess;
}

RecordedHeartbeat heartbeat_of(const runtime::LinkArrival& arrival) {
  const NodeId peer{static_cast<std::uint32_t>(arrival.peer) + 2};
  const ProbeArrival& what = arrival.what;
  return {.observer = what.is_own ? peer : kOwnId,
          .subject = what.is_own ? kOwnId : peer,
          .incarnation = what.incarnation,
          .seq = what.seq,
          .sent = Instant(Duration(what.sent_at.value())),
          .arrival = Instant(Duration(what.arrived_at.value()))};
}

/// In percent. Those that are on their way, or whose receipt is, may be counted as lost: one or
/// two.
double lost_percent(const DirectionCounters& direction) {
  if (direction.sent == 0) return 0;
  const std::uint64_t arrived = std::min(direction.arrived, direction.sent);
  return 100.0 * static_cast<double>(direction.sent - arrived) /
         static_cast<double>(direction.sent);
}

RecordJson json_of(const DirectionCounters& direction) {
  return {{"sent", direction.sent},
          {"arrived", direction.arrived},
          {"lost_percent", lost_percent(direction)},
          {"reordered", direction.reordered},
          {"repeated", direction.repeated},
          {"arrived_unrecorded", direction.unknown}};
}

RecordJson json_of(const runtime::LinkRecorder& recorder) {
  RecordJson peers = RecordJson::array();
  const std::vector<runtime::LinkState> links = recorder.links();
  for (std::size_t i = 0; i < links.size(); ++i) {
    const runtime::DriftEstimate drift = recorder.drift(i);
    RecordJson peer{{"node", i + 2},
                    {"peer", links[i].name},
                    {"address", links[i].address},
                    {"answers", links[i].answers},
                    {"out", json_of(links[i].out)},
                    {"in", json_of(links[i].in)}};
    peer["clock_drift_ppm"] = drift.is_known ? RecordJson(drift.ppm) : RecordJson();
    peer["clock_drift_spread_ppm"] = drift.is_known ? RecordJson(drift.spread_ppm) : RecordJson();
    peers.push_back(std::move(peer));
  }
  return {{"listen", recorder.address()},
          {"incarnation", recorder.incarnation().value()},
          {"late_sends", recorder.late_sends()},
          {"refused_datagrams", recorder.refused()},
          {"peers", std::move(peers)}};
}

void print_links(const runtime::LinkRecorder& recorder) {
  Table table({{"link", Align::kLeft},
               {"sent"},
               {"arrived"},
               {"lost %"},
               {"reordered"},
               {"repeated"},
               {"peer's clock, ppm"}});
  const std::vector<runtime::LinkState> links = recorder.links();
  for (std::size_t i = 0; i < links.size(); ++i) {
    const runtime::DriftEstimate drift = recorder.drift(i);
    const std::string node = std::to_string(i + 2);
    const auto row = [&](const std::string& link, const DirectionCounters& direction,
                         const std::string& clock) {
      table.add_row({link, std::to_string(direction.sent), std::to_string(direction.arrived),
                     fixed_text(lost_percent(direction), 2), std::to_string(direction.reordered),
                     std::to_string(direction.repeated), clock});
    };
    row("1->" + node + "  to " + links[i].name, links[i].out,
        drift.is_known ? fixed_text(drift.ppm, 2) + " +- " + fixed_text(drift.spread_ppm, 2) : "-");
    row(node + "->1  from " + links[i].name, links[i].in, "");
  }
  table.print(std::cout);
  if (recorder.late_sends() > 0) {
    std::cout << "\nThis host sent " << recorder.late_sends()
              << " heartbeats late by more than half an interval: it was slow itself.\n";
  }
}

/// Says now and then how it goes: each second on a terminal, else each minute.
class LinkProgress {
 public:
  explicit LinkProgress(const runtime::LinkRecorder& recorder) : recorder_(recorder) {}
  LinkProgress(const LinkProgress&) = delete;
  LinkProgress& operator=(const LinkProgress&) = delete;
  ~LinkProgress() {
    if (on_terminal_ && drawn_) std::cerr << "\n";
  }

  void update(const Recording& recording) {
    const double passed = recording.passed_s();
    if (passed < next_s_) return;
    next_s_ = passed + (on_terminal_ ? 1 : 60);
    std::size_t answering = 0;
    std::uint64_t out = 0;
    std::uint64_t in = 0;
    const std::vector<runtime::LinkState> links = recorder_.links();
    for (const runtime::LinkState& link : links) {
      answering += link.answers ? 1U : 0U;
      out += link.out.sent;
      in += link.in.arrived;
    }
    drawn_ = true;
    std::cerr << (on_terminal_ ? "\r" : "") << "recording for " << fixed_text(passed, 0)
              << " s: " << answering << " of " << links.size() << " peers answer, " << out
              << " sent, " << in << " received" << (on_terminal_ ? "   " : "\n") << std::flush;
  }

 private:
  const runtime::LinkRecorder& recorder_;
  bool on_terminal_ = ::isatty(STDERR_FILENO) != 0;
  bool drawn_ = false;
  double next_s_ = 3;
};

/// Between this host and responders.
Outcome record_links(const RecordOptions& options) {
  Result<runtime::LinkRecorder> recorder = runtime::LinkRecorder::create(options.links);
  if (!recorder) return recorder.error();
  Result<RotatingWriter> writer = open_out(options);
  if (!writer) return writer.error();
  const Interrupt interrupt;
  Recording recording(std::move(*writer), options.seconds);
  {
    LinkProgress progress(*recorder);
    const Status ran = recorder->run(
        [&] {
          progress.update(recording);
          return recording.goes_on();
        },
        [&](const runtime::LinkArrival& arrival) { recording.take(heartbeat_of(arrival)); });
    if (!ran) return ran.error();
  }
  if (const Status wrote = recording.finish(); !wrote) return wrote.error();
  if (options.json) {
    std::cout << json_of(*recorder).dump(2) << "\n";
  } else {
    print_links(*recorder);
  }
  say_where(options, recording);
  for (const runtime::LinkState& link : recorder->links()) {
    if (link.in.arrived > 0) continue;
    std::cerr << "vouch record: nothing came from " << link.name << " (" << link.address
              << "): does `vouch record --respond` run there, and does the way let UDP through?\n";
    return ExitCode::kMissed;
  }
  return ExitCode::kSuccess;
}

/// The other side: sends to who measures, and writes nothing.
Outcome respond(const RecordOptions& options) {
  Result<runtime::LinkRecorder> recorder = runtime::LinkRecorder::create(options.links);
  if (!recorder) return recorder.error();
  std::cout << "responding at " << recorder->address() << std::endl;
  const Interrupt interrupt;
  const auto began = SteadyClock::now();
  const Status ran = recorder->run(
      [&] {
        const double passed = std::chrono::duration<double>(SteadyClock::now() - began).count();
        return !Interrupt::is_asked() && (options.seconds <= 0 || passed < options.seconds);
      },
      [](const runtime::LinkArrival&) {});
  if (!ran) return ran.error();
  return ExitCode::kSuccess;
}

Status check_record(const CLI::App& command, const RecordOptions& options) {
  const int modes = (options.control.empty() ? 0 : 1) + (options.links.peers.empty() ? 0 : 1) +
                    (options.is_responder ? 1 : 0);
  if (modes != 1) {
    return Error{Errc::kBadInput,
                 "record: exactly one of --control, --peer and --respond is needed"};
  }
  if (options.out.empty() != options.is_responder) {
    return Error{Errc::kBadInput,
                 options.is_responder
                     ? "--out: a responder writes nothing; give it to the side with --peer"
                     : "--out: a trace file is needed"};
  }
  const auto refuse = [&](const char* option, bool is_ok, const char* why) -> Status {
    if (command.count(option) == 0 || is_ok) return Done{};
    return Error{Errc::kBadInput, std::string(option) + ": " + why};
  };
  Status status = refuse("--listen", options.control.empty(), "has no meaning with --control");
  if (status)
    status = refuse("--interval", !options.links.peers.empty(), "has a meaning only with --peer");
  if (status)
    status = refuse("--json", !options.links.peers.empty(), "has a meaning only with --peer");
  if (status && !(options.interval_ms >= 1 && options.interval_ms <= 60'000)) {
    return Error{Errc::kBadInput, "--interval: must be from 1 to 60000 ms, is " +
                                      short_text(options.interval_ms, 6)};
  }
  for (const auto& [option, value] :
       {std::pair{"--rotate-mb", options.rotate_mb},
        std::pair{"--rotate-hours", options.rotate_hours}, std::pair{"--for", options.seconds}}) {
    if (status && !(value >= 0 && value <= 1e6)) {
      return Error{Errc::kBadInput,
                   std::string(option) + ": must be from 0 to 1000000, is " + short_text(value, 6)};
    }
  }
  return status;
}

Outcome run_record(const CLI::App& command, RecordOptions options) {
  if (const Status checked = check_record(command, options); !checked) return checked.error();
  options.links.interval = Duration(static_cast<std::int64_t>(options.interval_ms * 1e6));
  if (!options.control.empty()) return record_node(options);
  return options.is_responder ? respond(options) : record_links(options);
}

}  // namespace

void register_record(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<RecordOptions>();
  CLI::App* command = app.add_subcommand(
      "record",
      "Write heartbeats as a trace, until interrupted: those that a running node sees (--control), "
      "or its own to hosts of no cluster (--peer), where `vouch record --respond` runs");
  command->add_option("--control", options->control,
                      "Control socket of the node (its config's `control`)");
  command->add_option("--peer", options->links.peers,
                      "HOST:PORT of a responder; as often as you like");
  command->add_flag("--respond", options->is_responder,
                    "Be the other side: answer whoever measures, until interrupted");
  command->add_option("--listen", options->links.listen,
                      "ADDRESS:PORT, numeric. With --peer any free port unless given; with "
                      "--respond give one, or read what it prints");
  command->add_option("--interval", options->interval_ms, "Heartbeat interval in ms")
      ->capture_default_str();
  command->add_option("--out", options->out, "Trace file; a recording that exists is continued");
  command->add_option("--for", options->seconds, "Stop after so many seconds");
  command
      ->add_option("--rotate-mb", options->rotate_mb,
                   "A file of so many MB (10^6 bytes) is full: it is numbered, compressed, and a "
                   "new one begun. 0: never")
      ->capture_default_str();
  command
      ->add_option("--rotate-hours", options->rotate_hours,
                   "So is a file that was begun so many hours ago. 0: never")
      ->capture_default_str();
  command->add_flag("--json", options->json, "With --peer: print the links as JSON in the end");
  command->callback([command, options, &outcome] { outcome = run_record(*command, *options); });
}

}  // namespace vouch::cli
