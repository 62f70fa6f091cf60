#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "tests/support/process.h"

namespace vouch::testing {

/// A DynamoDB in memory, in a process of its own on a free port. Gone when this is.
class DynaliteServer {
 public:
  DynaliteServer() {
    const std::filesystem::path out = folder_.path() / "port";
    if (!wait_until([&] { return text_of(out).ends_with('\n') || !process_.is_running(); }) ||
        !text_of(out).ends_with('\n')) {
      throw std::runtime_error("dynalite: " + text_of(folder_.path() / "errors"));
    }
    port_ = static_cast<std::uint16_t>(std::stoi(text_of(out)));
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void send_signal(int signal) const { process_.send_signal(signal); }

  /// The one that the tests of a program share; each has a table of its own.
  static DynaliteServer& shared() {
    static DynaliteServer server;
    return server;
  }

 private:
  TemporaryFolder folder_;
  Process process_{
      {VOUCH_NODE, VOUCH_DYNALITE},
      Process::Options{
          .out = folder_.path() / "port", .err = folder_.path() / "errors", .inherited = {}}};
  std::uint16_t port_ = 0;
};

}  // namespace vouch::testing
