#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "vouch/detector/result.h"
#include "vouch/election/claim.h"

namespace vouch::cli {

/// Asks the `vouch node` beside this process whether its peers reach the node that holds a lock. An
/// owner name that ends in `@7` is that of a process beside node 7.
///
/// Any thread may call it. It asks on a thread of its own, one question after the other.
class PeerDesk {
 public:
  /// `why`: what kept it from asking; else empty.
  using Answer = std::function<void(const election::PeerAnswer& answer, const std::string& why)>;

  /// Asks the node at the control socket `control` who it is. `answer` is called on the desk's
  /// thread, not after its end.
  static Result<std::unique_ptr<PeerDesk>> open(const std::string& control, Answer answer);
  PeerDesk(const PeerDesk&) = delete;
  PeerDesk& operator=(const PeerDesk&) = delete;
  ~PeerDesk();

  /// What an owner name must end in for others to ask about this process.
  [[nodiscard]] std::string mark() const { return "@" + std::to_string(self_); }

  /// A question that still waits is dropped for this one.
  void ask(const election::PeerQuestion& question);

 private:
  PeerDesk(std::string control, std::uint32_t self, Answer answer);
  void run();

  std::string control_;
  std::uint32_t self_;
  Answer answer_;
  std::mutex mutex_;
  std::condition_variable has_question_;
  std::optional<election::PeerQuestion> question_;
  bool is_over_ = false;
  std::thread thread_;  ///< Comes last: it uses all of the above.
};

}  // namespace vouch::cli
