#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch::cli {

/// Whether there is a program of that name, on the PATH if it names no folder: better said now than
/// when this process is elected.
[[nodiscard]] Status find_program(const std::string& name);

/// The command that runs while this process leads, in a process group of its own, and a guardian: a
/// small process beside, which kills the group when the lease ends by the clock, or when this
/// process dies. So the command's work ends in time even if this process is stopped, hangs or is
/// killed. Not thread-safe: give it one owner.
class LeaderCommand {
 public:
  LeaderCommand() = default;
  LeaderCommand(const LeaderCommand&) = delete;
  LeaderCommand& operator=(const LeaderCommand&) = delete;
  /// Kills what still runs.
  ~LeaderCommand();

  /// Call it before the first thread is started.
  [[nodiscard]] Status start_guardian();

  /// Starts `words` with `variables` (`NAME=value`) added to the environment. It is killed at
  /// `deadline` unless that is moved.
  [[nodiscard]] Status start(const std::vector<std::string>& words,
                             const std::vector<std::string>& variables, Instant deadline);

  void set_deadline(Instant deadline);

  /// To all of the command's process group.
  void send_signal(int signal) const;

  [[nodiscard]] bool is_running() const { return group_ > 0; }
  [[nodiscard]] pid_t group() const { return group_; }

  /// Whether the guardian is gone, without which nothing may be started.
  [[nodiscard]] bool has_lost_guardian() const;

  /// If the command has ended: what it left running in its group is killed, and its exit code is
  /// given, or 128 + the signal that ended it.
  [[nodiscard]] std::optional<int> reap();

 private:
  void tell_guardian(Instant deadline) const;

  pid_t guardian_ = -1;
  int to_guardian_ = -1;
  pid_t group_ = 0;
};

}  // namespace vouch::cli
