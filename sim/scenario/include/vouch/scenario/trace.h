#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vouch/sim/engine.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"

namespace vouch::scenario {

/// The names of events in traces.
[[nodiscard]] std::string_view event_name(sim::Fate fate);
[[nodiscard]] std::string_view event_name(sim::FaultKind kind);
[[nodiscard]] std::string_view event_name(sim::NoteKind kind);

/// Writes down everything that happens, one JSON object per line with a fixed order of keys and
/// integers only: byte for byte the same on every compiler.
///
/// Times are true time in nanoseconds; nodes are indices; `until_ns` is relative to the line's
/// time, by the clock of its node. The last line (`finish`) has the number of lines and a hash over
/// all of them (FNV-1a, 64 bits). Not thread-safe: give it one owner.
class JsonlTrace final : public sim::Observer {
 public:
  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override;
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override;
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override;

  /// Adds the last line.
  void finish();

  /// Takes what has been written since the last call. Empty it now and then: a second of five
  /// replicas is about 50 kB.
  [[nodiscard]] std::string take();

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  void begin(const sim::Engine& engine, std::string_view event, sim::NodeIndex node);
  void add(std::string_view key, std::uint64_t value);
  void add(std::string_view key, std::int64_t value);
  void add(std::string_view key, std::string_view word);
  void end();

  std::string text_;
  std::size_t line_start_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace vouch::scenario
