#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "interrupt.h"
#include "temporary_folder.h"
#include "vouch/detector/result.h"

namespace vouch::cli {

/// One line of a daemon's log.
struct LogLine {
  std::int64_t at_ns = 0;  ///< CLOCK_BOOTTIME, common to all processes of the machine.
  std::uint32_t node = 0;
  std::string event;
  nlohmann::json fields;
};

/// Daemons of a demonstration: real processes of this program on 127.0.0.1 with free ports, in a
/// temporary folder that goes with them. All are killed when it is destroyed.
/// Not thread-safe: give it one owner.
class DemoCluster {
 public:
  explicit DemoCluster(std::size_t nodes) : pids_(nodes, -1), read_(nodes, 0) {}
  DemoCluster(const DemoCluster&) = delete;
  DemoCluster& operator=(const DemoCluster&) = delete;
  ~DemoCluster();

  /// Chooses ports, writes the configurations and starts all daemons.
  [[nodiscard]] Status start();

  /// The log lines that have come since the last call, in order of time.
  [[nodiscard]] std::vector<LogLine> read_logs();

  /// Reads logs until `done` says so of a line; the lines read go to `seen`. An error when
  /// `seconds` pass without that, or when the user interrupts.
  [[nodiscard]] Status wait(double seconds, std::vector<LogLine>& seen,
                            const std::function<bool(const LogLine&)>& done);

  /// SIGKILL. Returns the instant right before it (CLOCK_BOOTTIME).
  [[nodiscard]] std::int64_t kill_node(std::uint32_t node);

  [[nodiscard]] std::filesystem::path control(std::uint32_t node) const;
  [[nodiscard]] std::size_t size() const { return pids_.size(); }

 private:
  [[nodiscard]] Status write_config(std::uint32_t node,
                                    const std::vector<std::uint16_t>& ports) const;
  [[nodiscard]] Status spawn(std::uint32_t node, int bound_socket);
  [[nodiscard]] std::filesystem::path file(std::uint32_t node, const char* ending) const;

  Interrupt interrupt_;
  TemporaryFolder folder_;
  std::vector<pid_t> pids_;
  std::vector<std::streamoff> read_;
};

}  // namespace vouch::cli
