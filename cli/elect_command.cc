#include "elect_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

extern char** environ;

namespace vouch::cli {
namespace {

Error command_trouble(const std::string& what, int error) {
  return Error{Errc::kUnavailable, what + ": " + std::strerror(error)};
}

/// What the guardian is told: which group, and until when. Group 0: nothing runs.
struct Orders {
  pid_t group = 0;
  std::int64_t deadline_ns = 0;
};

void kill_group(pid_t group) {
  // kill(-1) and kill(0) mean other things.
  if (group > 1) kill(-group, SIGKILL);
}

/// The whole life of the guardian. It ends when the other end of `orders_from` is closed, which the
/// system does however that process ends.
[[noreturn]] void guard(int orders_from) {
  // Out of the terminal's reach: ^C and ^Z are for the other process.
  setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE})
    ::signal(signal, SIG_IGN);
  prctl(PR_SET_NAME, "vouch-guardian");
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  Orders orders;
  for (;;) {
    std::array<pollfd, 2> waits{{{orders_from, POLLIN, 0}, {timer, POLLIN, 0}}};
    if (timer < 0 || (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR)) break;
    if ((waits[0].revents & (POLLIN | POLLHUP)) != 0) {
      Orders next;
      const ssize_t count = recv(orders_from, &next, sizeof next, 0);
      if (count != static_cast<ssize_t>(sizeof next)) break;
      orders = next;
      itimerspec at{};
      at.it_value.tv_sec = orders.deadline_ns / 1'000'000'000;
      at.it_value.tv_nsec = orders.deadline_ns % 1'000'000'000;
      timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, nullptr);
    }
    std::uint64_t expirations = 0;
    if ((waits[1].revents & POLLIN) != 0 &&
        read(timer, &expirations, sizeof expirations) == static_cast<ssize_t>(sizeof expirations)) {
      kill_group(orders.group);
    }
  }
  kill_group(orders.group);
  _exit(0);
}

/// The child between fork and exec: waits until it is guarded, then becomes the command. Only calls
/// that are safe there.
[[noreturn]] void become(char* const* words, char* const* environment, int go, int failed) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  char byte = 0;
  // No byte: who should guard it is gone.
  if (read(go, &byte, 1) != 1) _exit(127);
  execvpe(words[0], words, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(failed, &error, sizeof error);
  _exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('=') + 1);
    const bool is_replaced =
        std::any_of(variables.begin(), variables.end(),
                    [&](const std::string& v) { return v.starts_with(name) && !name.empty(); });
    if (!is_replaced) all.push_back(text);
  }
  return all;
}

}  // namespace

Status find_program(const std::string& name) {
  std::vector<std::string> folders{""};
  if (name.find('/') == std::string::npos) {
    // As execvpe does when there is no PATH.
    const char* const path = std::getenv("PATH");
    std::istringstream list(path != nullptr ? path : "/bin:/usr/bin");
    folders.clear();
    for (std::string folder; std::getline(list, folder, ':');)
      folders.push_back(folder.empty() ? "./" : folder + "/");
  }
  for (const std::string& folder : folders) {
    if (access((folder + name).c_str(), X_OK) == 0) return Done{};
  }
  return Error{Errc::kBadInput, "command: there is no program \"" + name + "\" that may be run"};
}

LeaderCommand::~LeaderCommand() {
  if (group_ > 0) {
    kill_group(group_);
    waitpid(group_, nullptr, 0);
  }
  if (to_guardian_ >= 0) close(to_guardian_);
  if (guardian_ > 0) waitpid(guardian_, nullptr, 0);
}

Status LeaderCommand::start_guardian() {
  std::array<int, 2> ends{};
  // Whole messages, and an end of file when one side is gone.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return command_trouble("no guardian", errno);
  }
  guardian_ = fork();
  if (guardian_ == 0) {
    close(ends[0]);
    guard(ends[1]);
  }
  const int error = errno;
  close(ends[1]);
  to_guardian_ = ends[0];
  if (guardian_ < 0) return command_trouble("no guardian", error);
  return Done{};
}

bool LeaderCommand::has_lost_guardian() const {
  pollfd wait{to_guardian_, POLLIN, 0};
  return poll(&wait, 1, 0) > 0;
}

void LeaderCommand::tell_guardian(Instant deadline) const {
  Orders orders;
  orders.group = group_;
  // A timer of zero is off.
  if (group_ > 0) {
    orders.deadline_ns = std::max<std::int64_t>(1, deadline.time_since_epoch().count());
  }
  // Should the guardian be gone, has_lost_guardian says so.
  [[maybe_unused]] const ssize_t sent =
      send(to_guardian_, &orders, sizeof orders, MSG_NOSIGNAL | MSG_DONTWAIT);
}

Status LeaderCommand::start(const std::vector<std::string>& words,
                            const std::vector<std::string>& variables, Instant deadline) {
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = environment_with(variables);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  std::array<int, 2> go{};
  std::array<int, 2> failed{};
  if (pipe2(go.data(), O_CLOEXEC) != 0) return command_trouble(words.front(), errno);
  if (pipe2(failed.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    close(go[0]);
    close(go[1]);
    return command_trouble(words.front(), error);
  }
  const pid_t child = fork();
  if (child == 0) {
    close(go[1]);
    become(argument_pointers.data(), environment_pointers.data(), go[0], failed[1]);
  }
  int error = child < 0 ? errno : 0;
  close(go[0]);
  close(failed[1]);
  if (child > 0) {
    setpgid(child, child);  // Whoever of the two is first.
    group_ = child;
    tell_guardian(deadline);
    const char byte = 'g';
    // The child lives and reads, or has been killed, which `reap` will tell.
    ::signal(SIGPIPE, SIG_IGN);
    [[maybe_unused]] const ssize_t written = write(go[1], &byte, 1);
    // An end of file: exec has closed it.
    if (read(failed[0], &error, sizeof error) != static_cast<ssize_t>(sizeof error)) error = 0;
  }
  close(go[1]);
  close(failed[0]);
  if (error == 0) return Done{};
  if (group_ > 0) waitpid(group_, nullptr, 0);
  group_ = 0;
  tell_guardian({});
  return command_trouble(words.front() + " cannot be started", error);
}

void LeaderCommand::set_deadline(Instant deadline) {
  if (group_ > 0) tell_guardian(deadline);
}

void LeaderCommand::send_signal(int signal) const {
  if (group_ > 0) kill(-group_, signal);
}

std::optional<int> LeaderCommand::reap() {
  if (group_ <= 0) return std::nullopt;
  siginfo_t info{};
  // Still a zombie afterwards, so that its number is nobody else's while its group is killed.
  const int looked = waitid(P_PID, static_cast<id_t>(group_), &info, WEXITED | WNOHANG | WNOWAIT);
  if (looked != 0 || info.si_pid == 0) return std::nullopt;
  kill_group(group_);
  int status = 0;
  const pid_t ended = group_;
  group_ = 0;
  tell_guardian({});
  waitpid(ended, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace vouch::cli
