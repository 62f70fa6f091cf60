#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vouch/detector/time.h"

namespace vouch {

/// Durations, summed exactly and counted in buckets: any number of samples in bounded memory.
///
/// The mean is exact. A quantile is the upper edge of its bucket, less than 1/128 above the truth.
/// Allocates once, when it is made.
class DurationHistogram {
 public:
  DurationHistogram();

  /// Adds one sample. A negative one counts as zero.
  void add(Duration sample);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return max_; }

  /// Zero while there is no sample.
  [[nodiscard]] Duration mean() const;

  /// The duration that `per_thousand` of a thousand samples do not exceed, by nearest rank. Zero
  /// while there is no sample.
  [[nodiscard]] Duration quantile(std::uint32_t per_thousand) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t seconds_ = 0;      ///< The sum of the samples: whole seconds,
  std::uint64_t nanoseconds_ = 0;  ///< and what is left of them, below one second.
  Duration max_{};
};

/// What Chen, Toueg and Aguilera (2002, section 2) call the quality of service of a detector, as
/// counted by a QosMeter. A mean without a sample is absent: "no mistake seen" is not "none
/// happens".
struct QosSummary {
  Duration observed{};                         ///< Time under observation, all segments together.
  Duration suspected{};                        ///< Part of it in which the subject was suspected.
  std::uint64_t segments = 0;                  ///< Runs of the observation.
  std::uint64_t mistakes = 0;                  ///< S-transitions.
  std::optional<Duration> mistake_recurrence;  ///< T_MR: mean from one S-transition to the next.
  std::optional<Duration> mistake_duration;    ///< T_M: mean from an S- to its T-transition.
  std::optional<Duration> good_period;         ///< T_G: mean from a T- to the next S-transition.

  /// lambda_M: mistakes per second of observation. Zero if nothing was observed.
  [[nodiscard]] double mistake_rate() const;

  /// P_A: the probability that the output is right at a random time. One if nothing was observed.
  [[nodiscard]] double query_accuracy() const;
};

/// Counts the mistakes of a detector that watches a subject which never crashes.
///
/// Order of calls, times never decreasing: `begin`, then `suspect` (S-transition) and `trust`
/// (T-transition) in turn, then `end`; again for each further segment. Nothing spans two segments:
/// a mistake that is still open at `end` counts as a mistake and as suspected time, but its length
/// is unknown and enters no mean, and so with good periods and recurrences.
class QosMeter {
 public:
  void begin(Instant now);
  void suspect(Instant now);
  void trust(Instant now);
  void end(Instant now);

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] bool suspected() const { return suspected_; }
  [[nodiscard]] QosSummary summary() const;

 private:
  /// A sum and a count of durations.
  struct Mean {
    Duration sum{};
    std::int64_t count = 0;

    void add(Duration sample) {
      sum += sample;
      ++count;
    }
    [[nodiscard]] std::optional<Duration> value() const {
      if (count == 0) return std::nullopt;
      return sum / count;
    }
  };

  QosSummary total_;
  Mean recurrence_;
  Mean mistake_;
  Mean good_;
  Instant began_{};
  Instant last_suspect_ = kLongAgo;  ///< Newest S-transition of this segment.
  Instant last_trust_ = kLongAgo;    ///< Newest T-transition of this segment.
  bool running_ = false;
  bool suspected_ = false;
};

}  // namespace vouch
