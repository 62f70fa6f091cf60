#include "vouch/election_sim/world.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "vouch/detector/rng.h"
#include "vouch/election/elector.h"
#include "vouch/election/memory_queue.h"
#include "vouch/election/memory_store.h"
#include "vouch/election/token_gate.h"
#include "vouch/sim/time.h"

namespace vouch::election {
namespace {

using sim::kEndOfTime;
using sim::LocalClock;
using sim::TrueTime;

/// The store's clock is true time.
Instant store_time(TrueTime at) {
  return Instant(at.time_since_epoch());
}
TrueTime true_time(Instant at) {
  return at == kNever ? kEndOfTime : TrueTime(at.time_since_epoch());
}

/// What a store of either kind says, and what peers do.
using Message = std::variant<StoreReply, QueueReply, QueueNotice, PeerAnswer>;

/// One process: an Elector and the host around it.
struct Process {
  std::optional<Elector> elector;  ///< Empty while it is crashed.
  LocalClock clock;
  MemoryStore::ClientId client = 0;  ///< Another one after each restart.
  std::deque<Message> inbox;         ///< What came while it was paused.
  TrueTime paused_until{};
  TrueTime restart_at = kEndOfTime;
  bool works = false;  ///< The leader's work runs.
  FencingToken token{};
  TrueTime stops_at = kEndOfTime;
  TrueTime next_effect = kEndOfTime;
  EventKind last_event = EventKind::kLost;
  std::uint64_t last_number = 0;
  EndReason last_reason = EndReason::kNone;  ///< Why it led no more.
};

/// Whether `next` may follow `last` in what is told of one's own leadership.
bool may_follow(EventKind last, EventKind next) {
  switch (next) {
    case EventKind::kElected:
      return last == EventKind::kLost;
    case EventKind::kDanger:
      return last == EventKind::kElected || last == EventKind::kSafe;
    case EventKind::kSafe:
      return last == EventKind::kDanger;
    case EventKind::kStop:
      return last != EventKind::kStop && last != EventKind::kLost;
    case EventKind::kLost:
      return last != EventKind::kLost;
    case EventKind::kHolderChanged:
    case EventKind::kRefused:
      return true;
  }
  return false;
}

class World {
 public:
  World(const WorldOptions& options, std::uint64_t seed)
      : options_(options),
        seed_(seed),
        chance_(Rng(seed).fork(1)),
        work_(Rng(seed).fork(2)),
        store_(Rng(seed).fork(3)),
        queue_(Rng(seed).fork(4)),
        peers_(Rng(seed).fork(5)),
        processes_(options.candidates) {}

  WorldReport run() {
    calm_from_ = TrueTime(options_.troubled);
    const TrueTime end = calm_from_ + options_.calm;
    set_faults(mild());
    for (Process& process : processes_)
      start(process);
    next_fault_ = now_ + draw_pause();
    for (;;) {
      const TrueTime next = next_event();
      if (next > end) break;
      now_ = next;
      ++report_.events;
      step();
      check();
      if (report_.broken.size() >= 5) break;
    }
    finish();
    return std::move(report_);
  }

 private:
  [[nodiscard]] StoreFaults mild() const {
    return {.latency_min = std::chrono::microseconds(200),
            .latency_max = std::max(Duration(std::chrono::microseconds(200)),
                                    options_.config.request_timeout / 4)};
  }

  void set_faults(const StoreFaults& faults) {
    store_.set_faults(faults);
    queue_.set_faults(faults);
  }

  [[nodiscard]] Duration draw_pause() {
    return Duration(chance_.between(1, 2 * options_.between_faults.count()));
  }

  void start(Process& process) {
    const auto ppm = static_cast<std::int64_t>(options_.drift_ppm);
    // The ends of the range more often than the middle: that is where a lease is tight.
    const std::int64_t drawn = chance_.between(-2 * ppm, 2 * ppm);
    const auto rate = static_cast<std::int32_t>(std::clamp(drawn, -ppm, ppm));
    const Instant shown(std::chrono::seconds(chance_.between(1, 1'000'000)));
    process = Process{};
    process.clock = LocalClock(now_, shown, rate);
    process.client = ++clients_;
    ElectorConfig config = options_.config;
    config.name = "lock";
    config.owner = "p" + std::to_string(process.client);
    process.elector.emplace(
        Elector::create(config, shown, Rng(seed_).fork(100 + process.client)).value());
    process.elector->start(shown);
    take_actions(process);
  }

  [[nodiscard]] TrueTime next_event() const {
    TrueTime next = std::min(true_time(store_.next_event()), true_time(queue_.next_event()));
    next = std::min(next, next_fault_);
    for (const Process& process : processes_) {
      if (!process.elector) {
        next = std::min(next, process.restart_at);
        continue;
      }
      TrueTime due = process.clock.when(process.elector->next_timeout());
      if (!process.inbox.empty()) due = now_;
      if (process.works) due = std::min({due, process.stops_at, process.next_effect});
      next = std::min(next, std::max({due, process.paused_until, now_}));
    }
    return next;
  }

  void step() {
    while (auto delivery = store_.poll(store_time(now_)))
      deliver(delivery->client, delivery->reply);
    while (auto delivery = queue_.poll(store_time(now_))) {
      std::visit([&](const auto& what) { deliver(delivery->client, what); }, delivery->reply);
    }
    for (Process& process : processes_) {
      if (!process.elector) {
        if (now_ >= process.restart_at) start(process);
        continue;
      }
      if (now_ >= process.paused_until) wake(process);
    }
    if (now_ >= next_fault_) break_something();
  }

  void deliver(MemoryStore::ClientId client, const Message& message) {
    for (Process& process : processes_) {
      if (process.elector && process.client == client) process.inbox.push_back(message);
    }
  }

  /// A process runs: what came in, then its timers, then its work.
  void wake(Process& process) {
    Elector& elector = *process.elector;
    const Instant local = process.clock.local(now_);
    while (!process.inbox.empty()) {
      const Message message = process.inbox.front();
      process.inbox.pop_front();
      if (const auto* reply = std::get_if<StoreReply>(&message)) {
        elector.handle_reply(local, mistaken(*reply));
      } else if (const auto* answer = std::get_if<QueueReply>(&message)) {
        elector.handle_reply(local, *answer);
      } else if (const auto* said = std::get_if<PeerAnswer>(&message)) {
        elector.handle_answer(local, *said);
      } else {
        elector.handle_notice(local, std::get<QueueNotice>(message));
      }
      take_actions(process);
    }
    if (local >= elector.next_timeout()) {
      elector.handle_timeout(local);
      take_actions(process);
    }
    if (!process.works) return;
    if (now_ >= process.stops_at) {
      stop_work(process);
      elector.work_stopped(local);
      take_actions(process);
    } else if (now_ >= process.next_effect) {
      // As a host must: ask, then do. In between nothing of ours runs.
      if (elector.current(local)) do_effect(process);
      process.next_effect = now_ + Duration(work_.between(1, options_.config.lease.count() / 8));
    }
  }

  void stop_work(Process& process) {
    process.works = false;
    process.stops_at = process.next_effect = kEndOfTime;
  }

  void do_effect(const Process& process) {
    ++report_.effects;
    if (gate_.admit(process.token) != Admission::kAdmitted) {
      broken("a leader's effect came after one with a greater token", process);
    }
  }

  [[nodiscard]] StoreReply mistaken(StoreReply reply) const {
    const bool is_ambiguous = reply.outcome == StoreOutcome::kAmbiguous;
    switch (options_.mistake) {
      case Mistake::kNone:
        break;
      case Mistake::kAmbiguousIsApplied:
        if (is_ambiguous) {
          reply.outcome = StoreOutcome::kApplied;
          reply.token = gate_.highest().next();
        }
        break;
      case Mistake::kAmbiguousIsFailed:
        if (is_ambiguous) reply.outcome = StoreOutcome::kConditionFailed;
        break;
      case Mistake::kHalfLease:
        if (reply.record) reply.record->lease /= 2;
        break;
    }
    return reply;
  }

  void take_actions(Process& process) {
    while (std::optional<ElectorAction> action = process.elector->poll_action()) {
      if (const auto* request = std::get_if<StoreRequest>(&*action)) {
        store_.submit(store_time(now_), process.client, *request);
      } else if (const auto* asked = std::get_if<QueueRequest>(&*action)) {
        queue_.submit(store_time(now_), process.client, *asked);
      } else if (const auto* question = std::get_if<PeerQuestion>(&*action)) {
        ask_peers(process, *question);
      } else {
        handle_event(process, std::get<LeadershipEvent>(*action));
      }
    }
  }

  /// Peers hear whoever runs. Now and then they do not answer.
  void ask_peers(Process& process, const PeerQuestion& question) {
    if (peers_.chance(125'000)) return;
    PeerVerdict verdict = PeerVerdict::kNotReached;
    for (const Process& other : processes_) {
      if (!other.elector || other.paused_until > now_) continue;
      if (other.elector->config().owner == question.holder) verdict = PeerVerdict::kReached;
    }
    process.inbox.emplace_back(PeerAnswer{question.id, verdict});
  }

  /// Runs, and lost its last leadership to the store alone.
  [[nodiscard]] bool is_well(MemoryStore::ClientId client) const {
    for (const Process& process : processes_) {
      if (process.client != client || !process.elector) continue;
      return process.paused_until <= now_ && process.last_reason == EndReason::kLapsed;
    }
    return false;
  }

  void handle_event(Process& process, const LeadershipEvent& event) {
    if (event.number != process.last_number + 1) broken("an event is missing", process);
    process.last_number = event.number;
    if (event.kind == EventKind::kHolderChanged) return;
    if (!may_follow(process.last_event, event.kind)) broken("events out of order", process);
    process.last_event = event.kind;
    const Duration longest = options_.config.stop_time;
    const auto stopping = [&] { return now_ + Duration(work_.between(0, longest.count())); };
    if (event.kind == EventKind::kElected) {
      ++report_.elected;
      if (is_well(last_leader_) && process.client != last_leader_) ++report_.deposed;
      last_leader_ = process.client;
      if (process.works) broken("elected while the work of the last leadership runs", process);
      if (event.token <= highest_) broken("a token that is not greater than all before", process);
      highest_ = std::max(highest_, event.token);
      process.works = true;
      process.token = event.token;
      process.next_effect = now_;
      process.stops_at = kEndOfTime;
    } else if (event.kind == EventKind::kStop) {
      process.stops_at = stopping();
    } else if (event.kind == EventKind::kLost) {
      process.last_reason = event.reason;
      if (event.reason == EndReason::kLapsed) ++report_.lapsed;
      if (process.works && process.stops_at == kEndOfTime) process.stops_at = stopping();
    }
  }

  /// Rule: at most one believes that it leads.
  void check() {
    const Process* leader = nullptr;
    for (const Process& process : processes_) {
      if (!process.elector || !process.elector->current(process.clock.local(now_))) continue;
      if (leader != nullptr) broken("two hold the lock", process);
      leader = &process;
    }
  }

  void broken(const std::string& what, const Process& process) {
    report_.broken.push_back("seed " + std::to_string(seed_) + " at " +
                             std::to_string(now_.time_since_epoch().count()) + " ns, p" +
                             std::to_string(process.client) + ": " + what);
  }

  void break_something() {
    if (now_ >= calm_from_) {
      heal();
      return;
    }
    next_fault_ = std::min(now_ + draw_pause(), calm_from_);
    Process& process = processes_[chance_.below(processes_.size())];
    const Duration lease = options_.config.lease;
    const Duration span(
        chance_.between(1, chance_.chance(300'000) ? 4 * lease.count() : lease.count()));
    const Instant local = process.clock.local(now_);
    switch (chance_.below(8)) {
      case 0:
      case 1:
        if (process.elector && process.paused_until <= now_) {
          ++report_.pauses;
          process.paused_until = now_ + span;
        }
        return;
      case 2:
        if (process.elector) crash(process, span);
        return;
      case 3:
        if (!process.elector || process.paused_until > now_) return;
        process.elector->resign(local);
        take_actions(process);
        return;
      case 4:
        if (!process.elector || process.paused_until > now_) return;
        process.elector->set_eligible(
            local, chance_.chance(500'000) ? Eligibility::kYes : Eligibility::kNo);
        take_actions(process);
        return;
      default:
        set_faults(draw_faults());
        return;
    }
  }

  void crash(Process& process, Duration down) {
    ++report_.crashes;
    count(process);
    process.elector.reset();
    process.inbox.clear();
    stop_work(process);
    process.restart_at = now_ + down;
  }

  [[nodiscard]] StoreFaults draw_faults() {
    StoreFaults faults = mild();
    const auto drawn = [&](std::uint32_t most) {
      return chance_.chance(500'000) ? static_cast<std::uint32_t>(chance_.below(most)) : 0U;
    };
    faults.refused_per_million = drawn(300'000);
    faults.lost_request_per_million = drawn(400'000);
    faults.lost_reply_per_million = drawn(600'000);
    faults.late_apply_per_million = drawn(400'000);
    faults.late_apply_max = 3 * options_.config.lease;
    if (chance_.chance(100'000)) faults.refused_per_million = 1'000'000;
    if (chance_.chance(300'000)) faults.latency_max = 2 * options_.config.request_timeout;
    return faults;
  }

  /// From here on all is well: everybody runs and may lead.
  void heal() {
    next_fault_ = kEndOfTime;
    set_faults(mild());
    for (Process& process : processes_) {
      process.paused_until = std::min(process.paused_until, now_);
      if (!process.elector) {
        start(process);
        continue;
      }
      process.elector->set_eligible(process.clock.local(now_), Eligibility::kYes);
      take_actions(process);
    }
  }

  void count(const Process& process) {
    const ElectorStatus status = process.elector->status(process.clock.local(now_));
    report_.ambiguous += status.counters.ambiguous;
    report_.adopted += status.counters.adopted;
    report_.held_off += status.counters.held_off;
    report_.condition_failed += status.counters.condition_failed;
  }

  void finish() {
    std::size_t leaders = 0;
    for (const Process& process : processes_) {
      if (!process.elector) continue;
      count(process);
      if (process.elector->current(process.clock.local(now_))) ++leaders;
    }
    report_.leads_at_end = leaders == 1;
  }

  const WorldOptions& options_;
  std::uint64_t seed_;
  Rng chance_;  ///< Of faults and clocks.
  Rng work_;    ///< Of the hosts.
  MemoryStore store_;
  MemoryQueue queue_;
  Rng peers_;
  std::vector<Process> processes_;
  MemoryStore::ClientId clients_ = 0;
  TokenGate gate_;
  FencingToken highest_{};
  MemoryStore::ClientId last_leader_ = 0;
  TrueTime now_{};
  TrueTime calm_from_{};
  TrueTime next_fault_{};
  WorldReport report_;
};

}  // namespace

WorldReport run_world(const WorldOptions& options, std::uint64_t seed) {
  return World(options, seed).run();
}

}  // namespace vouch::election
