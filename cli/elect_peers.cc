#include "elect_peers.h"

#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "vouch/runtime/control.h"

namespace vouch::cli {
namespace {

using election::PeerAnswer;
using election::PeerQuestion;
using election::PeerVerdict;
using PeerJson = nlohmann::json;

/// One line of the node's; an error if it does not come in time.
Result<PeerJson> ask_node(const std::string& control, const PeerJson& request, Duration timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::string line;
  const Status asked = runtime::follow_control(
      control, request.dump(),
      [&](std::string_view text) {
        line = text;
        return false;
      },
      [&] { return std::chrono::steady_clock::now() < end; });
  if (!asked) return asked.error();
  PeerJson json = PeerJson::parse(line, nullptr, false);
  if (json.is_object() && json.value("ok", false)) return json;
  return Error{Errc::kUnavailable,
               "control socket " + control + ": " +
                   (json.is_object() ? json.value("error", "refused without a reason")
                                     : std::string("not an answer of a node"))};
}

/// 0: its name does not say.
std::uint32_t node_of(const std::string& owner) {
  const std::size_t at = owner.rfind('@');
  if (at == std::string::npos) return 0;
  std::uint32_t node = 0;
  const char* const end = owner.data() + owner.size();
  const auto [rest, error] = std::from_chars(owner.data() + at + 1, end, node);
  return error == std::errc{} && rest == end ? node : 0;
}

/// `why` becomes what kept it from asking.
PeerVerdict verdict_of(const std::string& control, const PeerQuestion& question, std::string& why) {
  const std::uint32_t node = node_of(question.holder);
  if (node == 0) {
    why = "its owner name does not end in @NODE";
    return PeerVerdict::kUnknown;
  }
  const Result<PeerJson> said =
      ask_node(control, {{"command", "reach"}, {"node", node}}, question.timeout);
  if (!said) {
    why = said.error().message;
    return PeerVerdict::kUnknown;
  }
  const auto verdict = said->find("verdict");
  if (verdict == said->end() || !verdict->is_string()) return PeerVerdict::kUnknown;
  if (*verdict == "reached") return PeerVerdict::kReached;
  return *verdict == "not_reached" ? PeerVerdict::kNotReached : PeerVerdict::kUnknown;
}

}  // namespace

Result<std::unique_ptr<PeerDesk>> PeerDesk::open(const std::string& control, Answer answer) {
  const Result<PeerJson> status =
      ask_node(control, {{"command", "status"}}, std::chrono::seconds(5));
  if (!status) return Error{status.error().code, "--peers: " + status.error().message};
  const auto node = status->find("node");
  if (node == status->end() || !node->is_number_unsigned()) {
    return Error{Errc::kUnavailable, "--peers: control socket " + control + ": not a node's"};
  }
  return std::unique_ptr<PeerDesk>(
      new PeerDesk(control, node->get<std::uint32_t>(), std::move(answer)));
}

PeerDesk::PeerDesk(std::string control, std::uint32_t self, Answer answer)
    : control_(std::move(control)),
      self_(self),
      answer_(std::move(answer)),
      thread_([this] { run(); }) {}

PeerDesk::~PeerDesk() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  has_question_.notify_all();
  thread_.join();
}

void PeerDesk::ask(const PeerQuestion& question) {
  {
    const std::lock_guard lock(mutex_);
    question_ = question;
  }
  has_question_.notify_all();
}

void PeerDesk::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    has_question_.wait(lock, [&] { return is_over_ || question_; });
    if (is_over_) return;
    const PeerQuestion question = *std::exchange(question_, std::nullopt);
    lock.unlock();
    std::string why;
    const PeerVerdict verdict = verdict_of(control_, question, why);
    answer_({question.id, verdict}, why);
    lock.lock();
  }
}

}  // namespace vouch::cli
