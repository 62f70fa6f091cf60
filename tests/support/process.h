#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// Programs as a user starts them, for tests: run to the end, or run beside the test.

namespace vouch::testing {

/// A folder that is gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A UDP socket on a free port of 127.0.0.1. The caller closes it.
struct BoundSocket {
  int descriptor = -1;
  std::uint16_t port = 0;
};
[[nodiscard]] BoundSocket bind_free_port();

/// All of a file; empty if it cannot be read.
[[nodiscard]] std::string text_of(const std::filesystem::path& file);

/// Sends `line` to the UNIX socket `path` and returns the line that comes back; empty if none does.
/// For what is asked again and again: a program that is started for each question costs more than
/// what it asks.
[[nodiscard]] std::string ask_socket(const std::filesystem::path& path, const std::string& line);

/// Waits until `holds`, looking again every few milliseconds. False if that takes longer than a
/// minute, which nothing that works does, however loaded the machine is.
[[nodiscard]] bool wait_until(const std::function<bool()>& holds);

/// A program that runs beside the test. Whatever happens, it is gone when this is.
/// Not thread-safe: give it one owner.
class Process {
 public:
  struct Options {
    std::filesystem::path out = "/dev/null";  ///< Takes standard output; what was in it is lost.
    std::filesystem::path err = "/dev/null";  ///< The same for standard error.
    std::optional<int> inherited;             ///< A descriptor that the program gets, same number.
    bool looks_for_leaks = true;              ///< If it is sanitized, when it ends.
  };

  /// Starts `words`, of which the first is the path of the program. Throws if it cannot be started.
  Process(const std::vector<std::string>& words, const Options& options);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  void send_signal(int signal) const;

  /// Waits for the end: its exit code, or 128 + the signal that ended it, as a shell says it.
  /// Nothing if it still runs after a minute.
  [[nodiscard]] std::optional<int> wait_for_exit();

  [[nodiscard]] bool is_running();

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

/// Stops the process (SIGSTOP) and waits until `holds`. One that was stopped in the midst of a
/// write may block what is waited for, as a file's lock does: after a while it goes on for a moment
/// and is stopped anew. False as of wait_until; the process stays stopped.
[[nodiscard]] bool stop_until(const Process& process, const std::function<bool()>& holds);

/// How a program ended, and what it printed.
struct Ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs `words` to the end, with nothing on standard input. Exit code -1 if it does not end. What a
/// sanitized one leaks is not looked for, which would be a third of the time of most: it ends by
/// itself.
[[nodiscard]] Ran run_program(const std::vector<std::string>& words);

}  // namespace vouch::testing
