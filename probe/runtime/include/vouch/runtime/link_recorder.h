#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/probe/link_probe.h"

namespace vouch::runtime {

struct LinkRecorderConfig {
  /// `ADDRESS:PORT`, numeric; port 0: any free one. Empty: any address and port, of the family of
  /// the peers.
  std::string listen;
  /// `HOST:PORT` of the responders, names or numbers. None: this end is a responder.
  std::vector<std::string> peers;
  Duration interval = std::chrono::milliseconds(100);  ///< Of what this end sends: 1 ms to 60 s.
};

/// One heartbeat that arrived, of one direction between this end and a peer.
struct LinkArrival {
  std::size_t peer = 0;  ///< Index into LinkRecorderConfig::peers.
  ProbeArrival what;
};

/// What is known of one peer.
struct LinkState {
  std::string name;      ///< As configured.
  std::string address;   ///< Numeric.
  bool answers = false;  ///< A probe of it has come in the last ten intervals (at least a second).
  DirectionCounters out;
  DirectionCounters in;
};

/// How fast the clock of a peer runs against this one, by the least delays of either direction: a
/// rising delay is a slow receiver or a fast sender. In parts per million, above zero if the
/// peer's clock is the faster one.
struct DriftEstimate {
  bool is_known = false;  ///< Needs three windows of ten seconds in both directions.
  double ppm = 0;         ///< Mean of both directions.
  double spread_ppm = 0;  ///< Half the difference between them: how far to trust it.
};

/// Measures links between hosts of no cluster: sends numbered heartbeats to responders, which send
/// theirs, and learns from them which of its own arrived, and when.
///
/// A responder sends only to who has shown that it gets what is sent to its address, no faster than
/// that one does, and stops when nothing comes for ten intervals: it is of no use to who forges an
/// address. Whoever can reach its port can have itself measured, 64 hosts at a time.
/// Not thread-safe: give it one owner. Reads CLOCK_BOOTTIME.
class LinkRecorder {
 public:
  /// Resolves the names and binds the socket. Errors name the option and the value.
  [[nodiscard]] static Result<LinkRecorder> create(const LinkRecorderConfig& config);

  LinkRecorder(LinkRecorder&&) noexcept;
  LinkRecorder& operator=(LinkRecorder&&) noexcept;
  ~LinkRecorder();

  /// Runs until `goes_on`, asked ten times a second, says no. `take` gets every arrival once.
  [[nodiscard]] Status run(const std::function<bool()>& goes_on,
                           const std::function<void(const LinkArrival&)>& take);

  /// Address and port it listens at.
  [[nodiscard]] std::string address() const;
  /// The life of this end; the trace's incarnation.
  [[nodiscard]] Incarnation incarnation() const;
  /// Of each peer, in order. A responder: of those that it is measuring now.
  [[nodiscard]] std::vector<LinkState> links() const;
  [[nodiscard]] DriftEstimate drift(std::size_t peer) const;
  /// Probes that this end sent more than half an interval late: it was slow itself.
  [[nodiscard]] std::uint64_t late_sends() const;
  /// Datagrams that were none of a measurement, or of nobody known.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  class Impl;
  explicit LinkRecorder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::runtime
