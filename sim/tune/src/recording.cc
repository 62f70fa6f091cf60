#include "vouch/tune/recording.h"

#include <algorithm>
#include <deque>
#include <span>

#include "vouch/detector/assert.h"
#include "vouch/trace/link_timing.h"
#include "vouch/trace/trace_reader.h"

namespace vouch::tune {
namespace {

/// The sender's schedule is the earliest arrival of the next so many heartbeats, less their
/// distance: long enough to see past a burst of delays, short enough to follow a clock that drifts
/// and a sender that sleeps between heartbeats.
constexpr std::size_t kScheduleWindow = 256;

/// Records of one link as they are read, until its interval is known.
struct Link {
  std::vector<TraceRecord> records;
};

Duration interval_of(const std::vector<TraceRecord>& records, const ReadOptions& options) {
  if (options.interval > Duration::zero()) return options.interval;
  constexpr std::size_t for_interval = 4096;
  return estimate_interval(std::span(records).first(std::min(records.size(), for_interval)));
}

/// Numbers the records and parts them into segments.
void add_beats(const std::vector<TraceRecord>& records, Duration gap, Recording& recording) {
  NumberInference numbers(recording.interval);
  std::uint32_t segment = 0;
  const auto keep = [&](const TraceRecord& record) {
    recording.beats.push_back({record.arrival, record.sent, *record.seq, segment});
  };
  const auto drain = [&] {
    while (const auto ready = numbers.next())
      keep(*ready);
    numbers.restart();
  };
  for (std::size_t i = 0; i < records.size(); ++i) {
    const TraceRecord& record = records[i];
    if (i > 0 && (record.step > gap || record.incarnation != records[i - 1].incarnation)) {
      drain();
      ++segment;
    }
    if (record.seq) {
      keep(record);
    } else if (const auto ready = numbers.take(record)) {
      keep(*ready);
    }
  }
  drain();
}

void add_round_trips(Recording& recording) {
  if (recording.format != TraceFormat::kProbes) return;
  std::vector<Duration> ways;
  for (const Beat& beat : recording.beats)
    ways.push_back(beat.arrival - *beat.sent);
  std::sort(ways.begin(), ways.end());
  recording.one_way = ways.front();
  recording.round_trip = 2 * ways[(ways.size() - 1) * 99 / 100];
}

/// When each of `beats` was due on its way: those of one segment, in order of their numbers.
std::vector<Instant> schedule_of(std::span<const Beat> beats, Duration interval) {
  std::vector<Instant> schedule(beats.size());
  const auto anchored = [&](std::size_t i) {
    return beats[i].arrival - static_cast<std::int64_t>(beats[i].seq.value()) * interval;
  };
  std::deque<std::size_t> least;  // Of the window ahead, rising.
  for (std::size_t i = beats.size(); i-- > 0;) {
    while (!least.empty() && anchored(least.back()) >= anchored(i))
      least.pop_back();
    least.push_back(i);
    if (least.front() >= i + kScheduleWindow) least.pop_front();
    schedule[i] =
        anchored(least.front()) + static_cast<std::int64_t>(beats[i].seq.value()) * interval;
  }
  return schedule;
}

/// Adds what the link did in one segment to `recording.delays`.
void add_delays(std::vector<Beat> beats, Recording& recording) {
  std::stable_sort(beats.begin(), beats.end(),
                   [](const Beat& a, const Beat& b) { return a.seq < b.seq; });
  beats.erase(std::unique(beats.begin(), beats.end(),
                          [](const Beat& a, const Beat& b) { return a.seq == b.seq; }),
              beats.end());
  const bool is_probe = recording.format == TraceFormat::kProbes;
  const Duration interval = recording.interval;
  std::vector<Instant> sent = schedule_of(beats, interval);
  for (std::size_t i = 0; i < beats.size(); ++i) {
    if (beats[i].sent) sent[i] = *beats[i].sent + recording.one_way;
    if (i > 0) {
      const std::uint64_t missing = beats[i].seq.value() - beats[i - 1].seq.value() - 1;
      recording.lost += missing;
      recording.delays.insert(recording.delays.end(), missing, kLostDelay);
      // Beyond the heartbeats that are due in this time: the sender stood still. A prober that
      // waited for an answer did not.
      const Duration beyond =
          sent[i] - sent[i - 1] - static_cast<std::int64_t>(missing + 1) * interval;
      for (Duration still = beyond; !is_probe && still > interval; still -= interval)
        recording.delays.push_back(beats[i].arrival - sent[i] + still);
    }
    recording.delays.push_back(std::max(beats[i].arrival - sent[i], Duration::zero()));
  }
}

/// FNV-1a.
void mix(std::uint64_t& hash, std::uint64_t value) {
  for (int byte = 0; byte < 8; ++byte) {
    hash = (hash ^ (value & 0xff)) * 0x100000001b3ULL;
    value >>= 8;
  }
}

}  // namespace

void complete(Recording& recording) {
  recording.lost = 0;
  recording.observed = recording.longest_silence = Duration::zero();
  recording.delays.clear();
  const std::vector<Beat>& beats = recording.beats;
  for (std::size_t first = 0; first < beats.size();) {
    std::size_t end = first + 1;
    while (end < beats.size() && beats[end].segment == beats[first].segment) {
      recording.longest_silence =
          std::max(recording.longest_silence, beats[end].arrival - beats[end - 1].arrival);
      ++end;
    }
    recording.observed += beats[end - 1].arrival - beats[first].arrival;
    const auto begin = beats.begin();
    add_delays(
        {begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(end)},
        recording);
    first = end;
  }
}

Result<std::vector<Recording>> read_recordings(const std::string& path,
                                               const ReadOptions& options) {
  Result<TraceReader> reader = TraceReader::open(path);
  if (!reader) return reader.error();
  std::vector<Link> links;
  for (std::uint64_t count = 0;; ++count) {
    const auto record = reader->next();
    if (!record) return record.error();
    if (!*record) break;
    links.resize(std::max(links.size(), (*record)->link + 1));
    links[(*record)->link].records.push_back(**record);
    if (options.progress && count % 4096 == 0) {
      options.progress(reader->bytes_read(), reader->bytes_total());
    }
  }
  std::vector<Recording> recordings;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (links[i].records.size() < kBeatsMin) continue;
    Recording recording;
    const std::string& link = reader->links()[i];
    recording.name = path + (link.empty() ? "" : " " + link);
    recording.format = reader->format();
    recording.interval = interval_of(links[i].records, options);
    if (recording.interval <= Duration::zero()) {
      return Error{Errc::kBadInput, recording.name +
                                        ": the heartbeat interval cannot be estimated; state it "
                                        "with --heartbeat-interval"};
    }
    const Duration gap =
        options.gap > Duration::zero() ? options.gap : default_gap(recording.interval);
    add_beats(links[i].records, gap, recording);
    links[i].records = {};
    add_round_trips(recording);
    complete(recording);
    recordings.push_back(std::move(recording));
  }
  if (recordings.empty()) {
    return Error{Errc::kBadInput, path + ": a trace must hold at least " +
                                      std::to_string(kBeatsMin) + " heartbeats of a link"};
  }
  return recordings;
}

Recording half_of(const Recording& recording, Half half) {
  Recording part = recording;
  const auto middle = static_cast<std::ptrdiff_t>(recording.beats.size() / 2);
  const auto begin = recording.beats.begin();
  if (half == Half::kFirst) {
    part.beats.assign(begin, begin + middle);
  } else {
    part.beats.assign(begin + middle, recording.beats.end());
  }
  complete(part);
  return part;
}

std::uint64_t fingerprint(const std::vector<Recording>& recordings) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const Recording& recording : recordings) {
    for (const char c : recording.name)
      mix(hash, static_cast<unsigned char>(c));
    mix(hash, static_cast<std::uint64_t>(recording.interval.count()));
    for (const Beat& beat : recording.beats) {
      mix(hash, static_cast<std::uint64_t>(beat.arrival.time_since_epoch().count()));
      mix(hash, beat.seq.value());
      mix(hash, beat.segment);
    }
  }
  return hash;
}

}  // namespace vouch::tune
