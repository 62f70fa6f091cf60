#include "vouch/sim/link_model.h"

#include <algorithm>

#include "quantile_table.h"
#include "vouch/detector/assert.h"

namespace vouch::sim {
namespace {

/// The streams of this file; the engine's own begin at 1.
enum LinkStream : std::uint64_t {
  kBursts = 11,
  kShapes = 12,
  kReorders = 13,
  kDuplicates = 14,
  kCorruptions = 15,
};

/// log2(e), times 2^16.
constexpr std::int64_t kLog2E = 94'548;

std::uint32_t per_million(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, 1'000'000));
}

/// What the jump adds at `now`.
Duration jumped(const LinkModel& model, TrueTime now) {
  const Duration since = now - model.jump_began;
  if (since >= model.ramp) return model.jump_to;
  // In microseconds, so that the product fits.
  const std::int64_t way = (model.jump_to - model.jump_from).count() / 1000;
  const std::int64_t part = since.count() / 1000;
  const std::int64_t whole = std::max<std::int64_t>(model.ramp.count() / 1000, 1);
  return model.jump_from + std::chrono::microseconds(way * part / whole);
}

}  // namespace

bool LinkModel::is_active() const {
  return burst_enter > 0 || loss_good > 0 || shape != DelayShape::kNone ||
         jump_to > Duration::zero() || jump_from > Duration::zero() || reorder > 0 ||
         duplicate > 0 || corrupt > 0 || mtu > 0 || bits_per_second > 0 ||
         spacing > Duration::zero();
}

LinkModels::LinkModels(std::size_t nodes, const Rng& seed,
                       const std::vector<std::vector<Duration>>& traces)
    : nodes_(nodes),
      models_(nodes * nodes),
      traces_(traces),
      burst_rng_(seed.fork(kBursts)),
      shape_rng_(seed.fork(kShapes)),
      reorder_rng_(seed.fork(kReorders)),
      duplicate_rng_(seed.fork(kDuplicates)),
      corrupt_rng_(seed.fork(kCorruptions)) {}

void LinkModels::reset(NodeIndex from, NodeIndex to) {
  model(from, to) = {};
}

bool LinkModels::apply(const Fault& fault, TrueTime now) {
  LinkModel& link = model(fault.a, fault.b);
  if (fault.kind == FaultKind::kBurstLoss) {
    link.burst_enter = per_million(fault.value);
    link.burst_leave = per_million(fault.extra);
    link.loss_good = per_million(fault.third);
    link.loss_bad = per_million(fault.fourth);
    link.is_bad = false;
  } else if (fault.kind == FaultKind::kLognormal || fault.kind == FaultKind::kPareto) {
    const bool is_pareto = fault.kind == FaultKind::kPareto;
    link.shape = fault.value == 0 ? DelayShape::kNone
                 : is_pareto      ? DelayShape::kPareto
                                  : DelayShape::kLognormal;
    link.scale = Duration(fault.value);
    link.shape_number = fault.extra;
    link.cap = Duration(fault.third);
    link.tail_chance = is_pareto ? per_million(fault.fourth) : 0;
  } else if (fault.kind == FaultKind::kDelayTrace) {
    link.shape = fault.value == 0 ? DelayShape::kNone : DelayShape::kTrace;
    if (fault.value != 0) {
      link.trace = static_cast<std::size_t>(fault.value - 1);
      VOUCH_ASSERT(link.trace < traces_.size() && !traces_[link.trace].empty());
      // Each link begins at a place of its own: the recording is not the same event everywhere.
      link.trace_at = shape_rng_.below(traces_[link.trace].size());
      link.trace_step = Duration(fault.extra);
      if (link.trace_step > Duration::zero()) {
        const std::int64_t steps = fault.third / fault.extra;
        link.trace_at = static_cast<std::size_t>(steps) % traces_[link.trace].size();
        link.trace_began = now - Duration(fault.third % fault.extra);
      }
    }
  } else if (fault.kind == FaultKind::kDelayJump) {
    link.jump_from = jumped(link, now);
    link.jump_to = Duration(fault.value);
    link.ramp = Duration(fault.extra);
    link.jump_began = now;
    if (link.ramp == Duration::zero()) link.jump_from = link.jump_to;
  } else if (fault.kind == FaultKind::kReorder) {
    link.reorder = per_million(fault.value);
    link.reorder_by = Duration(fault.extra);
  } else if (fault.kind == FaultKind::kDuplicate) {
    link.duplicate = per_million(fault.value);
    link.copies = static_cast<std::uint8_t>(
        std::clamp<std::int64_t>(fault.extra, 0, static_cast<std::int64_t>(kMaxCopies)));
  } else if (fault.kind == FaultKind::kCorrupt) {
    link.corrupt = per_million(fault.value);
  } else if (fault.kind == FaultKind::kMtu) {
    link.mtu = static_cast<std::size_t>(fault.value);
  } else {
    VOUCH_ASSERT(fault.kind == FaultKind::kRate || fault.kind == FaultKind::kTrickle);
    const bool is_rate = fault.kind == FaultKind::kRate;
    link.bits_per_second = is_rate ? fault.value : 0;
    link.spacing = is_rate ? Duration::zero() : Duration(fault.value);
    link.queue_limit = static_cast<std::size_t>(fault.extra);
    link.queue_free_at = now;
    link.waiting.clear();
  }
  return link.is_active();
}

LinkModels::Passage LinkModels::pass(NodeIndex from, NodeIndex to, std::size_t size, TrueTime now,
                                     Duration base) {
  LinkModel& link = model(from, to);
  Passage passage;
  if (link.mtu > 0 && size > link.mtu) {
    passage.fate = Fate::kTooLong;
    return passage;
  }
  if (is_lost(link, now)) {
    passage.fate = Fate::kLost;
    return passage;
  }
  TrueTime leaves = now;
  if (!enqueue(link, size, now, leaves)) {
    passage.fate = Fate::kQueueFull;
    return passage;
  }
  passage.arrives[0] = leaves + base + varied(link, now) + jumped(link, now);
  if (reorder_rng_.chance(link.reorder)) passage.arrives[0] += link.reorder_by;
  passage.is_corrupt = corrupt_rng_.chance(link.corrupt);
  if (duplicate_rng_.chance(link.duplicate)) {
    for (std::size_t copy = 0; copy < link.copies; ++copy) {
      // A copy comes up to a millisecond behind the one before it.
      passage.arrives[passage.count] =
          passage.arrives[passage.count - 1] + Duration(duplicate_rng_.between(0, 1'000'000));
      ++passage.count;
    }
  }
  return passage;
}

bool LinkModels::is_lost(LinkModel& model, TrueTime now) {
  if (model.trace_step > Duration::zero() && model.shape == DelayShape::kTrace &&
      recorded(model, now) < Duration::zero()) {
    return true;
  }
  if (model.burst_enter == 0 && model.loss_good == 0) return false;
  const std::uint32_t change = model.is_bad ? model.burst_leave : model.burst_enter;
  if (burst_rng_.chance(change)) model.is_bad = !model.is_bad;
  return burst_rng_.chance(model.is_bad ? model.loss_bad : model.loss_good);
}

bool LinkModels::enqueue(LinkModel& model, std::size_t size, TrueTime now, TrueTime& leaves) {
  if (model.bits_per_second == 0 && model.spacing == Duration::zero()) return true;
  const auto gone = std::upper_bound(model.waiting.begin(), model.waiting.end(), now);
  model.waiting.erase(model.waiting.begin(), gone);
  if (model.waiting.size() >= model.queue_limit) return false;
  const Duration takes =
      model.bits_per_second > 0
          ? Duration(static_cast<std::int64_t>(size) * 8 * 1'000'000'000 / model.bits_per_second)
          : model.spacing;
  model.queue_free_at = std::max(model.queue_free_at, now) + takes;
  leaves = model.queue_free_at;
  model.waiting.push_back(leaves);
  return true;
}

Duration LinkModels::recorded(const LinkModel& model, TrueTime now) const {
  const std::vector<Duration>& trace = traces_[model.trace];
  const auto steps = static_cast<std::size_t>((now - model.trace_began) / model.trace_step);
  return trace[(model.trace_at + steps) % trace.size()];
}

Duration LinkModels::varied(LinkModel& model, TrueTime now) {
  switch (model.shape) {
    case DelayShape::kNone:
      return Duration::zero();
    case DelayShape::kLognormal: {
      const std::int64_t z = normal_quantile(shape_rng_.next());
      const std::int64_t exponent = (z * model.shape_number / 1000 * kLog2E) >> 16;
      return std::min(Duration(scale_by_exp2(model.scale.count(), exponent)), model.cap);
    }
    case DelayShape::kPareto: {
      if (!shape_rng_.chance(model.tail_chance)) return Duration::zero();
      // Inverse of the distribution function: scale * u^(-1 / alpha).
      const std::int64_t depth = negative_log2(static_cast<std::uint32_t>(shape_rng_.next() >> 32));
      const std::int64_t exponent = depth * 1000 / model.shape_number;
      return std::min(Duration(scale_by_exp2(model.scale.count(), exponent)), model.cap);
    }
    case DelayShape::kTrace: {
      if (model.trace_step > Duration::zero()) return recorded(model, now);
      const std::vector<Duration>& trace = traces_[model.trace];
      const Duration delay = trace[model.trace_at];
      model.trace_at = (model.trace_at + 1) % trace.size();
      return delay;
    }
  }
  return Duration::zero();
}

}  // namespace vouch::sim
