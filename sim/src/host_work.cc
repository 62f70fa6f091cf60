#include "vouch/sim/host_work.h"

#include <algorithm>
#include <functional>

namespace vouch::sim {

void HostWork::start(bool lost_disk) {
  if (lost_disk) log_ = {};
  worker_runs_ = true;
  term_ = Term{};
  next_ = kNever;
  unstored_since_ = kNever;
}

void HostWork::lead(Instant now, Term term) {
  const Duration pending = oldest_pending(now);
  if (!works() && pending > Duration::zero()) {
    // A hung worker does not give up what it has begun either.
    unstored_since_ = std::min(unstored_since_, now - pending);
  }
  term_ = term;
  accepted_ = 0;
  committed_ = 0;
  stored_ = {};
  const bool begins = term != Term{} && is_modelled();
  began_ = now;
  next_ = begins ? now + options_.interval : kNever;
}

std::optional<WorkAppend> HostWork::advance(Instant now) {
  if (now < next_) return std::nullopt;
  accepted_ = static_cast<std::uint64_t>((now - began_) / options_.interval);
  next_ = began_ + static_cast<std::int64_t>(accepted_ + 1) * options_.interval;
  if (!works()) return std::nullopt;
  stored_[self_.value()] = accepted_;
  log_ = {term_, accepted_};
  commit();
  return WorkAppend{term_, accepted_};
}

std::optional<WorkAck> HostWork::handle(Instant now, const WorkAppend& append) {
  if (!works()) {
    unstored_since_ = std::min(unstored_since_, now);
    return std::nullopt;
  }
  unstored_since_ = kNever;
  if (append.term < log_.term) return std::nullopt;  // A deposed leader's.
  log_ = std::max(log_, LogPosition{append.term, append.index});
  return WorkAck{append.term, append.index};
}

void HostWork::handle(NodeId from, const WorkAck& ack) {
  if (ack.term != term_ || !works()) return;
  stored_[from.value()] = std::max(stored_[from.value()], ack.index);
  commit();
}

void HostWork::commit() {
  std::array<std::uint64_t, kMaxNodes + 1> sorted = stored_;
  const auto end = sorted.begin() + 1 + static_cast<std::ptrdiff_t>(replicas_);
  std::sort(sorted.begin() + 1, end, std::greater<>());
  committed_ = std::max(committed_, sorted[replicas_ / 2 + 1]);
}

Duration HostWork::oldest_pending(Instant now) const {
  if (term_ == Term{}) {
    // A worker that runs again stores what waits at once.
    return works() || unstored_since_ == kNever ? Duration::zero() : now - unstored_since_;
  }
  if (committed_ >= accepted_) return Duration::zero();
  return now - (began_ + static_cast<std::int64_t>(committed_ + 1) * options_.interval);
}

}  // namespace vouch::sim
