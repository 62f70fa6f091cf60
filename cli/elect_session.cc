#include "elect_session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "elect_command.h"
#include "elect_peers.h"
#include "lock_store.h"
#include "temporary_folder.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/owner.h"

namespace vouch::cli {
namespace {

using election::Candidate;
using election::EventKind;
using election::Leadership;
using election::LeadershipEvent;
using ElectJson = nlohmann::ordered_json;

constexpr int kTickMs = 100;

/// Hands what happens from the Candidate's thread to the session's.
class Mailbox final : public election::CandidateListener {
 public:
  Mailbox() : bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { close(bell_); }

  void handle_event(const LeadershipEvent& event) override {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    ring();
  }
  void handle_extended(const Leadership& /*leadership*/) override { ring(); }
  void handle_question(const election::PeerQuestion& question) override {
    {
      const std::lock_guard lock(mutex_);
      question_ = question;
    }
    ring();
  }

  [[nodiscard]] std::optional<LeadershipEvent> take() {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return std::nullopt;
    LeadershipEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }
  void handle_answer(const election::PeerAnswer& answer, const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      answer_ = {answer, why};
    }
    ring();
  }

  [[nodiscard]] std::optional<std::pair<election::PeerAnswer, std::string>> take_answer() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answer_, std::nullopt);
  }
  [[nodiscard]] std::optional<election::PeerQuestion> take_question() {
    const std::lock_guard lock(mutex_);
    return std::exchange(question_, std::nullopt);
  }
  [[nodiscard]] int bell() const { return bell_; }

 private:
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_, &one, sizeof one);
  }

  int bell_;
  std::mutex mutex_;
  std::deque<LeadershipEvent> events_;
  std::optional<election::PeerQuestion> question_;
  std::optional<std::pair<election::PeerAnswer, std::string>> answer_;
};

/// Signals as something to read, for this thread and those that it starts.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD})
      sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, &before_);
    descriptor_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() {
    close(descriptor_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// The next one that has come; 0 if none.
  [[nodiscard]] int take() const {
    signalfd_siginfo info{};
    if (read(descriptor_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

/// Where the lease file stands; a temporary folder goes with it.
class LeaseFile {
 public:
  LeaseFile() = default;
  LeaseFile(const LeaseFile&) = delete;
  LeaseFile& operator=(const LeaseFile&) = delete;
  ~LeaseFile() {
    std::error_code ignored;  // What is left over harms nobody: its end stands in it.
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }

  [[nodiscard]] Status choose(const std::string& wanted) {
    if (!wanted.empty()) {
      path_ = std::filesystem::absolute(wanted).string();
      return Done{};
    }
    if (Status made = folder_.make("elect"); !made) return made;
    path_ = (folder_.path() / "lease.json").string();
    return Done{};
  }

  /// Replaced as a whole: a reader sees one state or the other.
  [[nodiscard]] Status write(const ElectJson& json) const {
    const std::string next = path_ + ".next";
    const std::string text = json.dump() + "\n";
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(next.c_str(), "we"),
                                                         &std::fclose);
    const bool is_written = file &&
                            std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                            std::fflush(file.get()) == 0;
    if (!is_written || std::rename(next.c_str(), path_.c_str()) != 0) {
      return Error{Errc::kUnavailable,
                   "--lease-file: " + path_ + " cannot be written: " + std::strerror(errno)};
    }
    return Done{};
  }
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  TemporaryFolder folder_;
};

/// What is told of a session: JSON lines in a file, or words on standard error.
class ElectLog {
 public:
  [[nodiscard]] Status open(const std::string& path) {
    if (path.empty()) return Done{};
    file_.reset(std::fopen(path.c_str(), "ae"));
    if (file_) return Done{};
    return Error{Errc::kUnavailable,
                 "--log: " + path + " cannot be opened: " + std::strerror(errno)};
  }

  void tell(const std::string& event, Instant at, ElectJson fields) const {
    ElectJson line{{"at_ns", at.time_since_epoch().count()}, {"event", event}};
    line.update(fields);
    if (file_) {
      std::fprintf(file_.get(), "%s\n", line.dump(-1, ' ', false, kReplace).c_str());
      std::fflush(file_.get());
      return;
    }
    std::string text = "vouch elect: " + event;
    for (const auto& [name, value] : fields.items()) {
      text += " " + name + "=" +
              (value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, kReplace));
    }
    std::fprintf(stderr, "%s\n", text.c_str());
  }

 private:
  static constexpr auto kReplace = ElectJson::error_handler_t::replace;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
};

double ms_of(Duration span) {
  return static_cast<double>(span.count() / 1000) / 1000;
}

/// The loop of `vouch elect`. All of it runs on one thread; the Candidate has its own.
class ElectSession {
 public:
  ElectSession(const ElectOptions& options, LeaderCommand& command, const Signals& signals,
               ElectLog& log, LeaseFile& lease_file)
      : options_(options),
        command_(command),
        signals_(signals),
        log_(log),
        lease_file_(lease_file) {}

  Outcome run(const election::OpenedStore& store) {
    election::ElectorConfig config = options_.config;
    if (Status opened = open_peers(config); !opened) return opened.error();
    auto created = election::create_candidate(config, store, &mailbox_);
    if (!created) return created.error();
    candidate_ = *std::move(created);
    log_.tell("started", election::boottime_now(),
              {{"name", options_.config.name},
               {"owner", candidate_->config().owner},
               {"lease_ms", ms_of(options_.config.lease)}});
    candidate_->start();
    while (!is_over_)
      turn();
    // The lock goes back, unless the store does not answer: then it runs out.
    const bool is_given_back = candidate_->wait_settled(3 * options_.config.request_timeout);
    peers_.reset();
    candidate_.reset();
    while (const std::optional<LeadershipEvent> event = mailbox_.take())
      tell(*event);
    log_.tell("ended", election::boottime_now(), {{"given_back", is_given_back}});
    return outcome_;
  }

 private:
  /// Its owner name tells others whom to ask about.
  [[nodiscard]] Status open_peers(election::ElectorConfig& config) {
    if (options_.peers.empty()) return Done{};
    auto opened = PeerDesk::open(
        options_.peers, [this](const election::PeerAnswer& answer, const std::string& why) {
          mailbox_.handle_answer(answer, why);
        });
    if (!opened) return opened.error();
    peers_ = *std::move(opened);
    if (config.owner.empty()) config.owner = election::unique_owner();
    config.owner += peers_->mark();
    return Done{};
  }

  void turn() {
    std::array<pollfd, 2> waits{{{mailbox_.bell(), POLLIN, 0}, {signals_.descriptor(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), kTickMs);
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t count = read(mailbox_.bell(), &rung, sizeof rung);
    while (const int signal = signals_.take())
      handle_signal(signal);
    while (const std::optional<LeadershipEvent> event = mailbox_.take())
      handle_event(*event);
    ask_peers();
    if (const std::optional<int> code = command_.reap()) handle_end(*code);
    extend();
    const Instant now = election::boottime_now();
    tell_trouble(now);
    if (command_.is_running() && now >= kill_at_) kill_command(now);
    if (!is_closing_ && command_.has_lost_guardian()) {
      fail(Error{Errc::kUnknown, "the guardian of the command has ended"});
    }
    if (is_closing_ && !command_.is_running() && !owes_stopped_) is_over_ = true;
  }

  void ask_peers() {
    if (const auto question = mailbox_.take_question()) {
      asked_about_ = question->holder;
      peers_->ask(*question);
    }
    const auto said = mailbox_.take_answer();
    if (!said) return;
    ElectJson fields{{"holder", asked_about_}, {"verdict", to_string(said->first.verdict)}};
    if (!said->second.empty()) fields["why"] = said->second;
    log_.tell("peers_asked", election::boottime_now(), fields);
    candidate_->answer(said->first);
  }

  void handle_signal(int signal) {
    if (signal == SIGUSR1) candidate_->set_eligible(election::Eligibility::kNo);
    if (signal == SIGUSR2) candidate_->set_eligible(election::Eligibility::kYes);
    if (signal == SIGINT || signal == SIGTERM) close_candidate();
  }

  void close_candidate() {
    is_closing_ = true;
    candidate_->close();
  }

  void fail(const Error& error) {
    outcome_ = error;
    close_candidate();
  }

  void tell(const LeadershipEvent& event) const {
    ElectJson fields;
    if (event.token != election::FencingToken{}) fields["token"] = event.token.value();
    if (event.valid_until != kLongAgo) {
      fields["valid_for_ms"] = ms_of(remaining(event.valid_until, event.at));
    }
    if (event.reason != election::EndReason::kNone) fields["reason"] = to_string(event.reason);
    if (event.kind == EventKind::kHolderChanged) fields["holder"] = event.holder;
    log_.tell(to_string(event.kind), event.at, fields);
  }

  /// Whether the store works, when that changes: who waits in vain wants to know why.
  void tell_trouble(Instant now) {
    const std::string trouble = candidate_->status().trouble;
    if (trouble.empty() == !is_troubled_) return;
    is_troubled_ = !trouble.empty();
    if (is_troubled_) {
      log_.tell("store_trouble", now, {{"trouble", trouble}});
    } else {
      log_.tell("store_well", now, ElectJson::object());
    }
  }

  void handle_event(const LeadershipEvent& event) {
    tell(event);
    switch (event.kind) {
      case EventKind::kElected:
        owes_stopped_ = true;
        token_ = event.token;
        start_command();
        return;
      case EventKind::kDanger:
        if (options_.warning_signal != 0) command_.send_signal(options_.warning_signal);
        return;
      case EventKind::kStop:
        stop_command();
        return;
      case EventKind::kLost:
        if (command_.is_running()) kill_command(election::boottime_now());
        stopped();
        return;
      case EventKind::kRefused:
        fail(Error{Errc::kBadInput, "--owner: another process holds the lock under the name \"" +
                                        event.holder + "\""});
        return;
      case EventKind::kSafe:
      case EventKind::kHolderChanged:
        return;
    }
  }

  void start_command() {
    const std::optional<Leadership> leadership = candidate_->current();
    // Lost already, which is told next.
    if (!leadership || is_closing_) {
      stopped();
      return;
    }
    kill_at_ = kNever;
    told_until_ = kLongAgo;
    extend();
    if (is_closing_) {
      stopped();
      return;
    }
    const std::vector<std::string> variables{
        "VOUCH_LOCK=" + options_.config.name, "VOUCH_OWNER=" + candidate_->config().owner,
        "VOUCH_TOKEN=" + std::to_string(leadership->token.value()),
        "VOUCH_LEASE_FILE=" + lease_file_.path()};
    if (Status started = command_.start(options_.command, variables, leadership->valid_until);
        !started) {
      fail(started.error());
      stopped();
      return;
    }
    log_.tell("command_started", election::boottime_now(),
              {{"token", leadership->token.value()}, {"pid", command_.group()}});
  }

  /// The lease runs longer: the command, the guardian and the file learn of it.
  void extend() {
    const std::optional<Leadership> leadership = candidate_->current();
    if (!leadership || leadership->token != token_ || leadership->valid_until <= told_until_)
      return;
    told_until_ = leadership->valid_until;
    command_.set_deadline(told_until_);
    const ElectJson lease{
        {"name", options_.config.name},
        {"owner", candidate_->config().owner},
        {"token", token_.value()},
        {"valid_until_boottime_ns", told_until_.time_since_epoch().count()},
    };
    if (Status written = lease_file_.write(lease); !written && !is_closing_) fail(written.error());
  }

  void stop_command() {
    if (!command_.is_running()) {
      stopped();
      return;
    }
    const Instant now = election::boottime_now();
    kill_at_ = now + options_.config.stop_time;
    log_.tell("command_terminated", now, ElectJson::object());
    command_.send_signal(SIGTERM);
    // A stopped command could not act on it.
    command_.send_signal(SIGCONT);
  }

  void kill_command(Instant now) {
    log_.tell("command_killed", now, ElectJson::object());
    command_.send_signal(SIGKILL);
    kill_at_ = kNever;
  }

  void handle_end(int code) {
    log_.tell("command_ended", election::boottime_now(), {{"exit_code", code}});
    const std::optional<Leadership> leadership = candidate_->current();
    const bool by_itself = leadership && !leadership->is_stopping && !is_closing_;
    if (by_itself) {
      outcome_ = static_cast<ExitCode>(code);
      close_candidate();
    }
    stopped();
  }

  void stopped() {
    if (command_.is_running() || !owes_stopped_) return;
    owes_stopped_ = false;
    lease_file_.remove();
    candidate_->work_stopped();
  }

  const ElectOptions& options_;
  LeaderCommand& command_;
  const Signals& signals_;
  ElectLog& log_;
  LeaseFile& lease_file_;
  Mailbox mailbox_;
  std::unique_ptr<Candidate> candidate_;
  std::unique_ptr<PeerDesk> peers_;
  std::string asked_about_;
  election::FencingToken token_{};
  Instant told_until_ = kLongAgo;
  Instant kill_at_ = kNever;
  bool owes_stopped_ = false;  ///< Elected, and work_stopped() not called since.
  bool is_closing_ = false;
  bool is_over_ = false;
  bool is_troubled_ = false;  ///< What was told of the store last.
  Outcome outcome_ = ExitCode::kSuccess;
};

}  // namespace

Outcome run_elect_session(const ElectOptions& options) {
  // Before the guardian and all threads: they inherit what is blocked.
  const Signals signals;
  LeaderCommand command;
  if (Status guarded = command.start_guardian(); !guarded) return guarded.error();
  ElectLog log;
  if (Status opened = log.open(options.log); !opened) return opened.error();
  LeaseFile lease_file;
  if (Status chosen = lease_file.choose(options.lease_file); !chosen) return chosen.error();
  auto store = open_lock_store(options.store, StoreUse::kElect);
  if (!store) return store.error();
  return ElectSession(options, command, signals, log, lease_file).run(*store);
}

}  // namespace vouch::cli
