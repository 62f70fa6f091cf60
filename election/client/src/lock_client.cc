#include "vouch/election_client/lock_client.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "shaped_store.h"
#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/owner.h"

namespace vouch::election {
namespace {

/// Requests that a call waits for at the end, when all else is settled.
constexpr int kLastRequests = 4;

Error refused(const std::string& field, const std::string& rule) {
  return {Errc::kBadConfig, field + ": " + rule};
}

Status check_options(const LockClientConfig& config, const AcquireOptions& options) {
  if (!options.update_existing) {
    return refused("update_existing",
                   "must be true, as a record that is replaced loses its fencing token");
  }
  if (options.delete_on_release) {
    return refused("delete_on_release",
                   "must be false, as the fencing token of a record that is removed starts anew");
  }
  if (options.additional_wait < Duration::zero()) {
    return refused("additional_wait", "must not be negative");
  }
  const bool is_within =
      !options.monitor || (config.heartbeat_interval < options.monitor->safe_time &&
                           options.monitor->safe_time < config.lease);
  if (!is_within) {
    return refused("safe_time", "must be above heartbeat_interval and below lease");
  }
  return Done{};
}

}  // namespace

/// A lock from the call that asks for it to its end. The listener's calls come from the Candidate.
class HeldLock::Impl final : public CandidateListener {
 public:
  static Result<std::shared_ptr<Impl>> create(const ElectorConfig& config,
                                              std::unique_ptr<ShapedStore> store,
                                              std::function<void()> in_danger) {
    auto made = std::make_shared<Impl>(config, std::move(store), std::move(in_danger));
    auto candidate = Candidate::create(config, *made->store_, made.get());
    if (!candidate) return candidate.error();
    made->candidate_ = *std::move(candidate);
    return made;
  }

  Impl(const ElectorConfig& config, std::unique_ptr<ShapedStore> store,
       std::function<void()> in_danger)
      : name_(config.name),
        patience_(kLastRequests * config.request_timeout),
        store_(std::move(store)),
        tell_danger_(std::move(in_danger)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() = default;

  void handle_event(const LeadershipEvent& event) override {
    bool is_danger_news = false;
    {
      const std::lock_guard lock(mutex_);
      if (event.kind == EventKind::kElected) token_ = event.token;
      if (event.kind == EventKind::kDanger) is_danger_news = !std::exchange(was_in_danger_, true);
      if (event.kind == EventKind::kDanger) in_danger_ = true;
      if (event.kind == EventKind::kSafe) in_danger_ = false;
      if (event.kind == EventKind::kLost) reason_ = event.reason;
      if (event.kind == EventKind::kRefused) reason_ = event.reason;
    }
    changed_.notify_all();
    if (is_danger_news && tell_danger_) tell_danger_();
    // Once is all that was asked for: what is lost is not taken again.
    if (event.kind == EventKind::kStop || event.kind == EventKind::kLost) give_up();
  }

  void start() { candidate_->start(); }
  void give_up() {
    candidate_->close();
    candidate_->work_stopped();
  }

  /// True if the store has confirmed that it is given back.
  bool release() {
    give_up();
    static_cast<void>(candidate_->wait_settled(patience_));
    return store_->progress().has_released;
  }

  /// Until the lock is held or was refused, at most until `until`. True if it is held.
  [[nodiscard]] bool wait_until(Instant until) {
    std::unique_lock lock(mutex_);
    const Duration most = remaining(until, boottime_now());
    changed_.wait_for(lock, most,
                      [&] { return token_ != FencingToken{} || reason_ != EndReason::kNone; });
    return token_ != FencingToken{} && reason_ == EndReason::kNone;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] FencingToken token() const {
    const std::lock_guard lock(mutex_);
    return token_;
  }
  [[nodiscard]] EndReason reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }
  [[nodiscard]] bool is_in_danger() const {
    const std::lock_guard lock(mutex_);
    return in_danger_;
  }
  [[nodiscard]] std::optional<Leadership> current() const {
    std::optional<Leadership> now = candidate_->current();
    if (now && now->is_stopping) now.reset();
    return now;
  }
  [[nodiscard]] ElectorStatus status() const { return candidate_->status(); }
  [[nodiscard]] ShapedStore::Progress progress() const { return store_->progress(); }

  /// A lock may be granted again; it is released with the last of its grants.
  void add_grant() {
    const std::lock_guard lock(mutex_);
    ++grants_;
  }
  void end_grant() {
    const std::lock_guard lock(mutex_);
    --grants_;
  }
  [[nodiscard]] bool has_open_grants() const {
    const std::lock_guard lock(mutex_);
    return grants_ > 0;
  }

 private:
  std::string name_;
  Duration patience_;
  std::unique_ptr<ShapedStore> store_;
  std::function<void()> tell_danger_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FencingToken token_{};
  EndReason reason_ = EndReason::kNone;
  bool in_danger_ = false;
  bool was_in_danger_ = false;
  int grants_ = 1;
  std::unique_ptr<Candidate> candidate_;  ///< Last: its threads use all of the above.
};

class LockClient::Impl {
 public:
  Impl(LockClientConfig as_told, Connect connect, std::unique_ptr<LockStore> store)
      : config(std::move(as_told)),
        observations_(std::make_shared<Observations>(config.observations_max)),
        connect_(std::move(connect)),
        store_(std::move(store)) {}

  Result<Acquired> acquire(const std::string& name, const AcquireOptions& options);
  Result<std::optional<LockRecord>> look(const std::string& name);
  void close();

  const LockClientConfig config;

 private:
  [[nodiscard]] ElectorConfig elector_config(const std::string& name,
                                             const AcquireOptions& options) const;
  [[nodiscard]] StoreReply read(const std::string& name);
  /// What this client has already; empty: nothing that is held.
  std::optional<Acquired> find_own(const std::string& name, const AcquireOptions& options);
  Acquired wait_for(HeldLock::Impl& held, const AcquireOptions& options) const;

  std::shared_ptr<Observations> observations_;
  Connect connect_;
  std::mutex store_mutex_;
  std::unique_ptr<LockStore> store_;
  std::mutex mutex_;
  bool is_closed_ = false;
  std::map<std::string, std::weak_ptr<HeldLock::Impl>> own_;
};

ElectorConfig LockClient::Impl::elector_config(const std::string& name,
                                               const AcquireOptions& options) const {
  ElectorConfig elector;
  elector.name = name;
  elector.owner = config.owner;
  elector.data = options.data;
  elector.lease = config.lease;
  elector.heartbeat_interval = config.heartbeat_interval;
  elector.refresh_interval = options.refresh_interval;
  elector.request_timeout = config.request_timeout;
  elector.guard = config.guard;
  elector.clock_drift_ppm = config.clock_drift_ppm;
  elector.stop_time = {};
  elector.danger_after = options.monitor ? options.monitor->safe_time : elector.held_lease();
  return elector;
}

StoreReply LockClient::Impl::read(const std::string& name) {
  const std::lock_guard lock(store_mutex_);
  return store_->apply(
      {.id = 1, .name = name, .operation = ReadLock{}, .timeout = config.request_timeout});
}

std::optional<Acquired> LockClient::Impl::find_own(const std::string& name,
                                                   const AcquireOptions& options) {
  const std::lock_guard lock(mutex_);
  Acquired found;
  if (is_closed_) {
    found.outcome = AcquireOutcome::kUnavailable;
    found.trouble = "the client is closed";
    return found;
  }
  const auto entry = own_.find(name);
  const auto held = entry == own_.end() ? nullptr : entry->second.lock();
  if (!held || !held->current()) return std::nullopt;
  found.outcome = AcquireOutcome::kAlreadyHeld;
  if (options.reentrant) {
    held->add_grant();
    found.outcome = AcquireOutcome::kGranted;
    found.lock.reset(new HeldLock(held));
  }
  return found;
}

Result<Acquired> LockClient::Impl::acquire(const std::string& name, const AcquireOptions& options) {
  const ElectorConfig elector = elector_config(name, options);
  if (Status checked = check_options(config, options); !checked) return checked.error();
  if (Status checked = validate(elector); !checked) return checked.error();
  if (std::optional<Acquired> own = find_own(name, options)) return *std::move(own);
  if (options.skip_blocking) {
    Acquired acquired;
    StoreReply seen = read(name);
    acquired.trouble = seen.trouble;
    acquired.seen = std::move(seen.record);
    if (seen.outcome != StoreOutcome::kApplied) {
      acquired.outcome = AcquireOutcome::kUnavailable;
      return acquired;
    }
    const bool is_held = acquired.seen && !acquired.seen->is_released &&
                         acquired.seen->owner != config.owner &&
                         !observations_->has_expired(boottime_now(), *acquired.seen);
    if (is_held || (options.only_if_exists && !acquired.seen)) return acquired;
  }
  auto inner = connect_();
  if (!inner) return inner.error();
  auto store =
      std::make_unique<ShapedStore>(*std::move(inner),
                                    StoreShape{config.owner, options.only_if_exists,
                                               options.replace_data, config.hold_on_unavailable},
                                    observations_);
  auto created =
      HeldLock::Impl::create(elector, std::move(store),
                             options.monitor ? options.monitor->callback : std::function<void()>());
  if (!created) return created.error();
  const std::shared_ptr<HeldLock::Impl> held = *std::move(created);
  Acquired acquired = wait_for(*held, options);
  if (acquired.outcome != AcquireOutcome::kGranted) {
    // What was taken in the last moment is given back.
    static_cast<void>(held->release());
    return acquired;
  }
  acquired.lock.reset(new HeldLock(held));
  const std::lock_guard lock(mutex_);
  std::erase_if(own_, [](const auto& entry) { return entry.second.expired(); });
  own_[name] = held;
  return acquired;
}

Acquired LockClient::Impl::wait_for(HeldLock::Impl& held, const AcquireOptions& options) const {
  const Instant begun = boottime_now();
  Instant until = begun + options.additional_wait;
  // One read, one take, and what looking for a lost reply takes.
  if (options.skip_blocking) until = begun + kLastRequests * config.request_timeout;
  bool has_lease = options.skip_blocking;
  Acquired acquired;
  held.start();
  for (;;) {
    const Instant now = boottime_now();
    const Instant look_again = now + std::min(options.refresh_interval, config.request_timeout);
    if (held.wait_until(std::min(until, look_again))) {
      acquired.outcome = AcquireOutcome::kGranted;
      return acquired;
    }
    const ElectorStatus status = held.status();
    acquired.seen = status.seen;
    acquired.trouble = status.trouble;
    if (!has_lease && status.seen && !status.seen->is_released) {
      has_lease = true;
      until = saturating_add(until, status.seen->lease);
    }
    const ShapedStore::Progress progress = held.progress();
    const bool is_over = boottime_now() >= until || held.reason() != EndReason::kNone ||
                         (options.skip_blocking && progress.was_refused);
    if (!is_over) continue;
    acquired.outcome =
        progress.has_answered ? AcquireOutcome::kNotGranted : AcquireOutcome::kUnavailable;
    if (held.reason() != EndReason::kNone) acquired.trouble = to_string(held.reason());
    return acquired;
  }
}

Result<std::optional<LockRecord>> LockClient::Impl::look(const std::string& name) {
  StoreReply reply = read(name);
  if (reply.outcome != StoreOutcome::kApplied) return Error{Errc::kUnavailable, reply.trouble};
  if (reply.record && reply.record->is_released) reply.record.reset();
  return std::move(reply.record);
}

void LockClient::Impl::close() {
  std::vector<std::shared_ptr<HeldLock::Impl>> open;
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    for (const auto& [name, own] : own_) {
      if (auto held = own.lock()) open.push_back(std::move(held));
    }
  }
  // All at once, so that a store that is away is waited for once.
  for (const auto& held : open)
    held->give_up();
  for (const auto& held : open)
    static_cast<void>(held->release());
}

HeldLock::HeldLock(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeldLock::~HeldLock() {
  static_cast<void>(release());
}
const std::string& HeldLock::name() const {
  return impl_->name();
}
FencingToken HeldLock::token() const {
  return impl_->token();
}
std::optional<Leadership> HeldLock::current() const {
  return is_released_ ? std::nullopt : impl_->current();
}
bool HeldLock::is_in_danger() const {
  return impl_->is_in_danger();
}
EndReason HeldLock::end_reason() const {
  return impl_->reason();
}
bool HeldLock::release() {
  if (!is_released_.exchange(true)) impl_->end_grant();
  return impl_->has_open_grants() || impl_->release();
}

const char* to_string(AcquireOutcome outcome) {
  switch (outcome) {
    case AcquireOutcome::kGranted:
      return "granted";
    case AcquireOutcome::kNotGranted:
      return "not_granted";
    case AcquireOutcome::kAlreadyHeld:
      return "already_held";
    case AcquireOutcome::kUnavailable:
      return "unavailable";
  }
  return "?";
}

LockClient::LockClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LockClient::~LockClient() {
  close();
}

Result<std::unique_ptr<LockClient>> LockClient::create(LockClientConfig config, Connect connect) {
  if (config.owner.empty()) config.owner = unique_owner();
  if (config.observations_max == 0) return refused("observations_max", "must be above zero");
  auto store = connect();
  if (!store) return store.error();
  return std::unique_ptr<LockClient>(new LockClient(
      std::make_unique<Impl>(std::move(config), std::move(connect), *std::move(store))));
}

Result<Acquired> LockClient::acquire(const std::string& name, const AcquireOptions& options) {
  return impl_->acquire(name, options);
}
Result<std::optional<LockRecord>> LockClient::look(const std::string& name) {
  return impl_->look(name);
}
void LockClient::close() {
  impl_->close();
}
const std::string& LockClient::owner() const {
  return impl_->config.owner;
}

}  // namespace vouch::election
