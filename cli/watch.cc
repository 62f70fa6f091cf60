#include "watch.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>

#include "vouch/report/words.h"

namespace vouch::cli {
namespace {

constexpr std::size_t kLinesShown = 8;
constexpr std::size_t kCaption = 19;           ///< Width in front of a lane.
constexpr std::int64_t kSliceNs = 20'000'000;  ///< A signal waits no longer than this.
constexpr std::string_view kHideCursor = "\x1b[?25l";
/// Colours off, cursor shown.
constexpr char kGiveBack[] = "\x1b[0m\x1b[?25h";

std::int64_t real_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// "  5.412 s".
std::string time_text(sim::TrueTime at) {
  const std::int64_t ms = (at - sim::kStart).count() / 1'000'000;
  std::string fraction = std::to_string(ms % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  std::string text = std::to_string(ms / 1000) + "." + fraction + " s";
  if (text.size() < 9) text.insert(0, 9 - text.size(), ' ');
  return text;
}

/// `text` in no more than `width` columns. Texts are ASCII.
std::string cut(std::string text, std::size_t width) {
  if (text.size() > width) text.resize(width);
  return text;
}

}  // namespace

Watch::Watch(const scenario::Scenario& scenario, std::string policy, std::uint64_t speed)
    : scenario_(scenario),
      policy_(std::move(policy)),
      speed_(speed),
      on_terminal_(::isatty(STDOUT_FILENO) == 1),
      has_colour_(on_terminal_ && std::getenv("NO_COLOR") == nullptr),
      lanes_(*this) {
  const std::size_t wide = terminal_columns();
  columns_ = std::clamp<std::size_t>(wide > kCaption + 1 ? wide - kCaption - 1 : 20, 20, 200);
  cells_.assign(scenario.plan.replicas, std::vector<Cell>(columns_, Cell::kEmpty));
  now_.assign(scenario.plan.replicas, Cell::kEmpty);
  caption_.assign(scenario.plan.replicas, "");
  began_ns_ = real_ns();
  if (!on_terminal_) return;
  interrupt_.emplace();
  std::cout << kHideCursor;
}

Watch::~Watch() {
  if (!on_terminal_) return;
  std::cout << kGiveBack << std::flush;
}

void Watch::stepped(const sim::Engine& engine, sim::NodeIndex node,
                    const sim::ReplicaStatus& status) {
  advance(engine);
  lanes_.stepped(engine, node, status);
  look(engine, node);
}

void Watch::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  advance(engine);
  using Kind = sim::NoteKind;
  // Consents and first hearings are too many to follow; the trace has them.
  const bool is_news = note.kind != Kind::kConsent &&
                       (note.kind != Kind::kTrusts ||
                        (note.node.value() >= 1 && lanes_.suspects(node, note.node.value() - 1)));
  if (is_news) {
    const std::string verdict = note.kind == Kind::kDecision ? std::string(note.word) + ": " : "";
    add_line(engine.now(),
             report::node_name(node) + " " + verdict + report::sentence(engine, node, note));
  }
  lanes_.noted(engine, node, note);
}

void Watch::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  advance(engine);
  add_line(engine.now(), report::sentence(fault));
  lanes_.faulted(engine, fault);
  const bool is_starting = fault.kind == sim::FaultKind::kRestart;
  for (sim::NodeIndex node = 0; node < engine.size(); ++node) {
    const bool has_status = now_[node] != Cell::kEmpty && (!is_starting || node != fault.a);
    if (has_status) look(engine, node);
  }
}

std::size_t Watch::column_of(sim::TrueTime at) const {
  const auto share = static_cast<std::uint64_t>((at - sim::kStart).count()) / 1000 * columns_ /
                     static_cast<std::uint64_t>((scenario_.plan.end - sim::kStart).count() / 1000);
  return std::min<std::size_t>(share, columns_);
}

void Watch::advance(const sim::Engine& engine) {
  if (!on_terminal_) return;
  const std::size_t column = column_of(engine.now());
  if (column <= filled_ && drawn_rows_ > 0) return;
  for (sim::NodeIndex node = 0; node < engine.size(); ++node) {
    // A lease may have lapsed while nothing happened there. What has not started has no status.
    if (now_[node] != Cell::kEmpty) look(engine, node);
    for (std::size_t i = filled_; i < column; ++i)
      cells_[node][i] = std::max(cells_[node][i], now_[node]);
  }
  filled_ = column;
  wait_for(engine.now());
  draw(engine.now());
}

void Watch::look(const sim::Engine& engine, sim::NodeIndex node) {
  if (!on_terminal_) return;
  const report::Standing standing = report::standing_of(engine, node);
  Cell cell = Cell::kDown;
  switch (standing.activity) {
    case report::Activity::kDown:
      cell = Cell::kDown;
      break;
    case report::Activity::kPaused:
      cell = Cell::kPaused;
      break;
    case report::Activity::kCandidate:
      cell = Cell::kCandidate;
      break;
    case report::Activity::kFollower: {
      const bool doubts =
          standing.leader != kNobody && lanes_.suspects(node, standing.leader.value() - 1);
      cell = doubts || standing.leader == kNobody ? Cell::kDoubtful : Cell::kFollower;
      break;
    }
    case report::Activity::kLeader: {
      const bool holds = !engine.protocol().has_lease() ||
                         engine.status(node).lease_until > engine.local_now(node);
      cell = holds ? Cell::kLeader : Cell::kLapsed;
      break;
    }
  }
  now_[node] = cell;
  caption_[node] = std::string(to_string(standing.activity));
  if (cell != Cell::kDown) caption_[node] += " t" + std::to_string(standing.term.value());
  // The column that is being filled shows the most important thing that was in it.
  if (filled_ < columns_) cells_[node][filled_] = std::max(cells_[node][filled_], cell);
}

void Watch::add_line(sim::TrueTime at, const std::string& text) {
  const std::string line = time_text(at) + "  " + text;
  if (!on_terminal_) {
    std::cout << line << '\n';
    return;
  }
  lines_.push_back(line);
  if (lines_.size() > kLinesShown) lines_.pop_front();
}

std::string Watch::lane(sim::NodeIndex node) const {
  struct Look {
    char sign;
    std::string_view colour;
  };
  const auto look_of = [](Cell cell) -> Look {
    switch (cell) {
      case Cell::kEmpty:
        return {' ', ""};
      case Cell::kDown:
        return {'x', "\x1b[90m"};
      case Cell::kPaused:
        return {'z', "\x1b[35m"};
      case Cell::kFollower:
        return {'.', "\x1b[37m"};
      case Cell::kDoubtful:
        return {'?', "\x1b[31m"};
      case Cell::kCandidate:
        return {'C', "\x1b[1;33m"};
      case Cell::kLeader:
        return {'#', "\x1b[1;32m"};
      case Cell::kLapsed:
        return {'!', "\x1b[1;31m"};
    }
    return {' ', ""};
  };
  std::string caption = report::node_name(node) + " " + caption_[node];
  caption.resize(kCaption - 1, ' ');
  std::string text = caption + "|";
  std::string_view colour;
  for (const Cell cell : cells_[node]) {
    const Look look = look_of(cell);
    if (has_colour_ && look.colour != colour) {
      text.append("\x1b[0m").append(look.colour);
      colour = look.colour;
    }
    text += look.sign;
  }
  if (has_colour_) text += "\x1b[0m";
  return text;
}

void Watch::draw(sim::TrueTime now) {
  const std::size_t width = kCaption + columns_;
  std::vector<std::string> rows;
  rows.push_back(cut(scenario_.name + ", " + policy_ + ":" + time_text(now) + " of " +
                         report::duration_text(scenario_.plan.end - sim::kStart),
                     width));
  std::string phase(kCaption + columns_, ' ');
  const std::size_t from = column_of(scenario_.plan.fault_from);
  const std::size_t until = std::max(from + 1, column_of(scenario_.plan.fault_until));
  for (std::size_t i = from; i < until && i < columns_; ++i)
    phase[kCaption + i] = '-';
  phase.replace(0, 5, "fault");
  rows.push_back(phase);
  for (sim::NodeIndex node = 0; node < cells_.size(); ++node)
    rows.push_back(lane(node));
  rows.push_back(
      cut("# leads  ! leads without lease  C candidate  . follows  ? suspects or has no "
          "leader  z paused  x down",
          width));
  for (std::size_t i = 0; i < kLinesShown; ++i)
    rows.push_back(i < lines_.size() ? cut(lines_[i], width) : "");
  std::string frame;
  if (drawn_rows_ > 0) frame += "\x1b[" + std::to_string(drawn_rows_) + "A";
  for (const std::string& row : rows)
    frame += "\r\x1b[K" + row + "\n";
  drawn_rows_ = rows.size();
  std::cout << frame << std::flush;
}

void Watch::wait_for(sim::TrueTime now) {
  if (Interrupt::is_asked()) give_back_and_die();
  if (speed_ == 0) return;
  const std::int64_t due =
      began_ns_ + (now - sim::kStart).count() / static_cast<std::int64_t>(speed_);
  for (std::int64_t wait = due - real_ns(); wait > 0; wait = due - real_ns()) {
    if (Interrupt::is_asked()) give_back_and_die();
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(wait, kSliceNs)));
  }
}

void Watch::give_back_and_die() {
  std::cout << kGiveBack << '\n' << std::flush;
  Interrupt::die_of_it();
}

void Watch::finish(sim::TrueTime end) {
  if (!on_terminal_) {
    std::cout << std::flush;
    return;
  }
  for (std::size_t node = 0; node < cells_.size(); ++node) {
    for (std::size_t i = filled_; i < columns_; ++i)
      cells_[node][i] = std::max(cells_[node][i], now_[node]);
  }
  filled_ = columns_;
  draw(end);
  std::cout << '\n' << std::flush;
}

}  // namespace vouch::cli
