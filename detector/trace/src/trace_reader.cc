#include "vouch/trace/trace_reader.h"

#include <algorithm>
#include <map>
#include <utility>

#include "line_source.h"
#include "parse.h"

namespace vouch {
namespace {

/// Times in a file may reach three hundred years; sums with a round trip still fit.
constexpr std::int64_t kTimeMax = INT64_MAX / 2;
constexpr std::int64_t kRttMax = 86'400'000'000'000;

constexpr std::array kFormats = {TraceFormat::kProbes, TraceFormat::kArrivals,
                                 TraceFormat::kNumbered, TraceFormat::kRecorded};

Instant instant_of(std::int64_t nanoseconds) {
  return Instant(Duration(nanoseconds));
}

std::string quoted(std::string_view value) {
  return "\"" + std::string(value) + "\"";
}

}  // namespace

std::string_view trace_header(TraceFormat format) {
  switch (format) {
    case TraceFormat::kProbes:
      return "send_s,rtt_ms";
    case TraceFormat::kArrivals:
      return "arrival_s";
    case TraceFormat::kNumbered:
      return "site,seq,send_ns_sender_clock,recv_ns_receiver_clock,hops";
    case TraceFormat::kRecorded:
      return "observer,subject,incarnation,seq,sent_ns,arrival_ns";
  }
  return "";
}

class TraceReader::Impl {
 public:
  Impl(LineSource lines, TraceFormat format) : lines_(std::move(lines)), format_(format) {
    if (format_ == TraceFormat::kProbes || format_ == TraceFormat::kArrivals) {
      links_.emplace_back();
      last_.emplace_back();
    }
  }

  [[nodiscard]] Result<std::optional<TraceRecord>> next() {
    if (format_ == TraceFormat::kProbes) return next_probe();
    const auto line = lines_.next();
    if (!line) return line.error();
    if (!*line) return std::optional<TraceRecord>();
    switch (format_) {
      case TraceFormat::kProbes:
        break;
      case TraceFormat::kArrivals:
        return arrival(**line);
      case TraceFormat::kNumbered:
        return numbered(**line);
      case TraceFormat::kRecorded:
        return recorded(**line);
    }
    return std::optional<TraceRecord>();
  }

  // NOLINTBEGIN(readability-identifier-naming): members of a hidden class, read by its owner only.
  LineSource lines_;
  TraceFormat format_;
  std::vector<std::string> links_;
  std::uint64_t lost_probes_ = 0;
  // NOLINTEND(readability-identifier-naming)

 private:
  using Next = Result<std::optional<TraceRecord>>;

  Error field_error(std::string_view field, std::string_view rule, std::string_view value) const {
    return lines_.error_here(std::string(field) + " must be " + std::string(rule) + ", but is " +
                             quoted(value));
  }

  Error columns_error(std::string_view line) const {
    return lines_.error_here("a line must have the fields " + std::string(trace_header(format_)) +
                             ", but is " + quoted(line));
  }

  /// The index of a link by its name, new ones at the end.
  std::size_t link_of(std::uint64_t subject, std::uint64_t observer, std::string name) {
    const auto [entry, is_new] = index_.try_emplace({subject, observer}, links_.size());
    if (is_new) {
      links_.push_back(std::move(name));
      last_.emplace_back();
    }
    return entry->second;
  }

  /// Fills in the step since the link's record before; an error if time went backwards.
  Next finished(TraceRecord record, std::string_view field, std::string_view value) {
    std::optional<Instant>& last = last_[record.link];
    if (last && record.arrival < *last) {
      return field_error(field, "at least that of the line before on the same link", value);
    }
    if (last) record.step = record.arrival - *last;
    last = record.arrival;
    return std::optional(record);
  }

  Next arrival(std::string_view line) {
    const auto at = parse_decimal(line, 9, kTimeMax);
    if (!at) return field_error("arrival_s", "a number of seconds of at least 0", line);
    TraceRecord record;
    record.arrival = instant_of(*at);
    return finished(record, "arrival_s", line);
  }

  Next numbered(std::string_view line) {
    const auto fields = fields_of<5>(line);
    if (!fields) return columns_error(line);
    const auto& [site, seq, send, receive, hops] = *fields;
    const auto site_number = parse_whole(site);
    if (!site_number) return field_error("site", "a whole number", site);
    const auto number = parse_whole(seq);
    if (!number || *number == UINT64_MAX) return field_error("seq", "a whole number", seq);
    if (!parse_decimal(send, 0, kTimeMax)) {
      return field_error("send_ns_sender_clock", "a whole number of nanoseconds", send);
    }
    const auto at = parse_decimal(receive, 0, kTimeMax);
    if (!at) return field_error("recv_ns_receiver_clock", "a whole number of nanoseconds", receive);
    TraceRecord record;
    record.link = link_of(*site_number, 0, "site " + std::string(site));
    record.seq = Seq(*number + 1);  // The files count from 0, a Seq from 1.
    record.arrival = instant_of(*at);
    return finished(record, "recv_ns_receiver_clock", receive);
  }

  Next recorded(std::string_view line) {
    const auto fields = fields_of<6>(line);
    if (!fields) return columns_error(line);
    const auto& [observer, subject, incarnation, seq, sent, arrival] = *fields;
    const auto observer_id = parse_whole(observer);
    if (!observer_id || *observer_id > UINT32_MAX) {
      return field_error("observer", "a whole number of 32 bits", observer);
    }
    const auto subject_id = parse_whole(subject);
    if (!subject_id || *subject_id > UINT32_MAX) {
      return field_error("subject", "a whole number of 32 bits", subject);
    }
    const auto incarnation_number = parse_whole(incarnation);
    if (!incarnation_number) {
      return field_error("incarnation", "a whole number", incarnation);
    }
    const auto number = parse_whole(seq);
    if (!number || *number == 0) return field_error("seq", "a whole number of at least 1", seq);
    if (!parse_decimal(sent, 0, kTimeMax)) {
      return field_error("sent_ns", "a whole number of nanoseconds", sent);
    }
    const auto at = parse_decimal(arrival, 0, kTimeMax);
    if (!at) return field_error("arrival_ns", "a whole number of nanoseconds", arrival);
    TraceRecord record;
    record.link =
        link_of(*subject_id, *observer_id, std::string(subject) + "->" + std::string(observer));
    record.incarnation = Incarnation(*incarnation_number);
    record.seq = Seq(*number);
    record.arrival = instant_of(*at);
    return finished(record, "arrival_ns", arrival);
  }

  /// A probe's answer may overtake another's. A probe that has arrived is held back until probes
  /// sent later than that show that none can come before it.
  Next next_probe() {
    for (;;) {
      const bool certain =
          !in_flight_.empty() && (ended_ || in_flight_.front().arrival <= newest_send_);
      if (certain) {
        std::pop_heap(in_flight_.begin(), in_flight_.end(), arrives_later);
        const TraceRecord record = in_flight_.back();
        in_flight_.pop_back();
        return std::optional(record);
      }
      if (ended_) return std::optional<TraceRecord>();
      const auto line = lines_.next();
      if (!line) return line.error();
      if (!*line) {
        ended_ = true;
      } else if (Status status = take_probe(**line); !status) {
        return status.error();
      }
    }
  }

  Status take_probe(std::string_view line) {
    const auto fields = fields_of<2>(line);
    if (!fields) return columns_error(line);
    const auto& [send, rtt] = *fields;
    const auto sent = parse_decimal(send, 9, kTimeMax);
    if (!sent) return field_error("send_s", "a number of seconds of at least 0", send);
    if (probes_ > 0 && instant_of(*sent) < newest_send_) {
      return field_error("send_s", "at least that of the line before", send);
    }
    if (probes_ > 0) step_ = std::max(step_, instant_of(*sent) - newest_send_);
    newest_send_ = instant_of(*sent);
    ++probes_;
    if (rtt.empty()) {
      ++lost_probes_;
      return Done{};
    }
    const auto round_trip = parse_decimal(rtt, 6, kRttMax);
    if (!round_trip) {
      return field_error("rtt_ms", "empty or between 0 and 86400000 milliseconds", rtt);
    }
    TraceRecord record;
    record.seq = Seq(probes_);
    record.sent = newest_send_;
    record.arrival = newest_send_ + Duration(*round_trip / 2);
    record.step = std::exchange(step_, Duration::zero());
    in_flight_.push_back(record);
    std::push_heap(in_flight_.begin(), in_flight_.end(), arrives_later);
    return Done{};
  }

  /// Orders the heap so that the earliest arrival is in front; equal ones by their number.
  static bool arrives_later(const TraceRecord& a, const TraceRecord& b) {
    return std::pair(a.arrival, *a.seq) > std::pair(b.arrival, *b.seq);
  }

  std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> index_;
  std::vector<std::optional<Instant>> last_;  ///< Newest arrival per link.

  std::vector<TraceRecord> in_flight_;  ///< A heap: probes sent and not yet surely next.
  Instant newest_send_{};
  Duration step_{};  ///< Longest step between sends since the last answered probe.
  std::uint64_t probes_ = 0;
  bool ended_ = false;
};

Result<TraceReader> TraceReader::open(const std::string& path) {
  Result<LineSource> lines = LineSource::open(path);
  if (!lines) return lines.error();
  const auto header = lines->next();
  if (!header) return header.error();
  if (!*header) return Error{Errc::kBadInput, path + ": is empty, but must begin with a header"};
  for (const TraceFormat format : kFormats) {
    if (**header == trace_header(format)) {
      return TraceReader(std::make_unique<Impl>(std::move(*lines), format));
    }
  }
  std::string rule = "the header must be one of";
  for (const TraceFormat format : kFormats)
    rule += " " + quoted(trace_header(format));
  return lines->error_here(rule + ", but is " + quoted((**header).substr(0, 80)));
}

TraceReader::TraceReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

Result<std::optional<TraceRecord>> TraceReader::next() {
  return impl_->next();
}
TraceFormat TraceReader::format() const {
  return impl_->format_;
}
const std::vector<std::string>& TraceReader::links() const {
  return impl_->links_;
}
std::uint64_t TraceReader::lost_probes() const {
  return impl_->lost_probes_;
}
std::uint64_t TraceReader::bytes_read() const {
  return impl_->lines_.bytes_read();
}
std::uint64_t TraceReader::bytes_total() const {
  return impl_->lines_.bytes_total();
}

}  // namespace vouch
