#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

extern char** environ;

namespace vouch::testing {
namespace {

constexpr std::chrono::minutes kPatience{1};
constexpr std::chrono::milliseconds kLookAgain{2};
constexpr std::chrono::milliseconds kAnswerWithin{5000};

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vouch-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) fail(pattern, errno);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // What is left over is the system's to clean.
  std::filesystem::remove_all(path_, ignored);
}

BoundSocket bind_free_port() {
  BoundSocket result{.descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(result.descriptor, any, size) != 0 || getsockname(result.descriptor, any, &size) != 0) {
    fail("bind 127.0.0.1:0", errno);
  }
  result.port = ntohs(address.sin_port);
  return result;
}

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

namespace {

bool wait_for(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
  return true;
}

}  // namespace

std::string ask_socket(const std::filesystem::path& path, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string sent = line + "\n";
  std::string answer;
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(socket, sent.data(), sent.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(sent.size())) {
    std::array<char, 4096> piece{};
    pollfd waiting{socket, POLLIN, 0};
    while (answer.find('\n') == std::string::npos &&
           poll(&waiting, 1, static_cast<int>(kAnswerWithin.count())) > 0) {
      const ssize_t bytes = recv(socket, piece.data(), piece.size(), 0);
      if (bytes <= 0) break;
      answer.append(piece.data(), static_cast<std::size_t>(bytes));
    }
  }
  close(socket);
  const std::size_t end = answer.find('\n');
  return end == std::string::npos ? std::string() : answer.substr(0, end);
}

bool wait_until(const std::function<bool()>& holds) {
  return wait_for(holds, kPatience);
}

bool stop_until(const Process& process, const std::function<bool()>& holds) {
  using std::chrono::milliseconds;
  constexpr int kAttempts = 12;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) {
      // Long enough for what it was in the midst of, and another time after it each time.
      process.send_signal(SIGCONT);
      std::this_thread::sleep_for(milliseconds(70 + 30 * attempt));
    }
    process.send_signal(SIGSTOP);
    if (wait_for(holds, milliseconds(kPatience) / kAttempts)) return true;
  }
  return false;
}

Process::Process(const std::vector<std::string>& words, const Options& options) {
  std::vector<char*> arguments;
  for (const std::string& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, options.out.c_str(), kWrite, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.err.c_str(), kWrite, 0600);
  if (options.inherited) {
    // To its own number: that makes it survive the exec.
    posix_spawn_file_actions_adddup2(&actions, *options.inherited, *options.inherited);
  }
  // The last word on an option counts.
  std::vector<char*> variables;
  std::string sanitizer = "ASAN_OPTIONS=";
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with(sanitizer))
      sanitizer = *variable;
    else
      variables.push_back(*variable);
  }
  if (!options.looks_for_leaks) sanitizer += ":detect_leaks=0";
  variables.push_back(sanitizer.data());
  variables.push_back(nullptr);
  const int error =
      posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("cannot start " + words.front(), error);
}

Process::~Process() {
  if (!is_running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::send_signal(int signal) const {
  // A process that was waited for has given its number back; somebody else may have it.
  if (!exit_code_) kill(pid_, signal);
}

bool Process::is_running() {
  if (exit_code_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::optional<int> Process::wait_for_exit() {
  static_cast<void>(wait_until([&] { return !is_running(); }));
  return exit_code_;
}

Ran run_program(const std::vector<std::string>& words) {
  const TemporaryFolder folder;
  const Process::Options options{
      .out = folder.path() / "out", .err = folder.path() / "err", .looks_for_leaks = false};
  Process process(words, options);
  const std::optional<int> exit_code = process.wait_for_exit();
  return {exit_code.value_or(-1), text_of(options.out), text_of(options.err)};
}

}  // namespace vouch::testing
