#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/decide.h"
#include "vouch/quorum_check/leadership.h"

namespace vouch::record {

/// Version of the lines that this library writes, and the newest that it replays
/// (docs/DECISIONS.md, docs/decision.schema.json).
inline constexpr std::uint64_t kSchemaVersion = 1;

/// A line longer than this is no decision: with sixteen nodes one has about 12,000 bytes.
inline constexpr std::size_t kLineMax = std::size_t{1} << 20U;

/// Who wrote a line, and when by a clock that a reader knows. None of it is an input.
struct Stamp {
  NodeId node{};
  std::string wall;                    ///< UTC, from a daemon; else empty.
  std::string run;                     ///< From the simulator: scenario and seed; else empty.
  std::optional<std::int64_t> sim_ns;  ///< From the simulator: its true time.
};

/// A confirmation came to something new.
struct DecisionCase {
  static constexpr std::string_view kEvent = "decision";
  DecisionInput input{};
  DecisionOutput output{};
};

/// A leader stood down.
struct StandDownCase {
  static constexpr std::string_view kEvent = "stand_down";
  LeadershipInput input{};
  LeadershipOutput output{};
};

/// A question was answered.
struct AnswerCase {
  static constexpr std::string_view kEvent = "answer";
  AnswerInput input{};
  Answer output{};
  Instant held_until = kLongAgo;  ///< With a consent: for how long it binds. For the reader only.
};

/// The host asked whether it may vote.
struct VoteCase {
  static constexpr std::string_view kEvent = "vote";
  VoteInput input{};
  VoteVerdict output{};
};

using Case = std::variant<DecisionCase, StandDownCase, AnswerCase, VoteCase>;

/// One line of a record: what was decided, and everything that it depends on.
///
/// The spans of the input refer to the Monitor's memory, or to `peers` and `answers` of a line that
/// was read. Movable, not copyable: a copy would refer to the original.
struct Line {
  Stamp stamp;
  Case what;
  std::vector<PeerFacts> peers;
  std::vector<ConfirmAnswer> answers;

  Line() = default;
  Line(Stamp s, Case c) : stamp(std::move(s)), what(std::move(c)) {}
  Line(Line&&) = default;
  Line& operator=(Line&&) = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
};

/// The line as JSON, without a newline. Fields have a fixed order: equal lines are equal texts.
[[nodiscard]] std::string write(const Line& line);

/// A line that was read, and decided anew by the same core function, from its inputs alone.
struct Reading {
  Line line;  ///< With the outcome of the new decision.
  std::uint64_t schema = kSchemaVersion;
  /// JSON pointers of fields that this version does not know.
  std::vector<std::string> unknown_fields;
  /// Where the recorded outcome and the new one differ: `/until_ns: recorded 5, replayed 7`.
  std::vector<std::string> differences;
};

/// What a line must be for its reader.
enum class Strictness : std::uint8_t {
  /// For replay: a newer schema, a field that this version does not know or one that is missing is
  /// an
  /// error, because it may have been an input.
  kExact,
  /// For people: what is known is read, the rest is listed.
  kTolerant,
};

/// Reads a line of a decision record or of a daemon's log. Nothing: it is another line of a log
/// (its `event` is none of the four, or it has no `schema`). Errc::kBadInput names field, rule and
/// value
/// (`/inputs/hold_ns: must be ...`). No text aborts it.
[[nodiscard]] Result<std::optional<Reading>> read(std::string_view text, Strictness strictness);

/// The rule that decided, as the record names it (`valid_evidence`).
[[nodiscard]] std::string_view rule_of(const DecisionInput& input, const DecisionOutput& output);

/// The verdict on a vote as the record names it (`may`, `promised`).
[[nodiscard]] std::string_view to_string(VoteVerdict verdict);

}  // namespace vouch::record
