#include "vouch/election_runner/candidate.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

#include "vouch/election_runner/clock.h"
#include "vouch/election_runner/owner.h"

namespace vouch::election {
namespace {

using AnyStore = std::variant<LockStore*, QueueStore*>;

}  // namespace

void CandidateListener::handle_extended(const Leadership& /*leadership*/) {}
void CandidateListener::handle_question(const PeerQuestion& /*question*/) {}

/// The Elector stands behind one mutex. Whoever has given it an input takes the requests out, for
/// the store's thread, and leaves events to the keeper, the thread of the listener.
class Candidate::Impl {
 public:
  Impl(Elector elector, AnyStore store, CandidateListener* listener, int wake, int timer)
      : elector_(std::move(elector)),
        store_(store),
        listener_(listener),
        wake_(wake),
        timer_(timer),
        keeper_([this] { keep(); }),
        caller_([this] { call_store(); }) {
    if (auto* const queue = std::get_if<QueueStore*>(&store_)) {
      (*queue)->set_notify([this](const QueueNotice& notice) {
        give([&](Elector& elector_now, Instant now) { elector_now.handle_notice(now, notice); });
      });
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    // First, and with the mutex open: a notice that is on its way waits for that.
    if (auto* const queue = std::get_if<QueueStore*>(&store_)) (*queue)->set_notify({});
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    has_request_.notify_all();
    wake();
    keeper_.join();
    caller_.join();
    ::close(wake_);
    ::close(timer_);
  }

  template <typename Input>
  void give(Input&& input) {
    {
      const std::lock_guard lock(mutex_);
      input(elector_, boottime_now());
      take_actions();
    }
    wake();
  }

  template <typename Ask>
  [[nodiscard]] auto ask(Ask&& ask) const {
    const std::lock_guard lock(mutex_);
    return ask(elector_, boottime_now());
  }

  /// Never changes, so that no lock is needed.
  [[nodiscard]] const ElectorConfig& config() const { return elector_.config(); }

  [[nodiscard]] bool wait_settled(Duration patience) {
    std::unique_lock lock(mutex_);
    return settled_.wait_for(
        lock, patience, [&] { return elector_.is_settled() && events_.empty() && !is_telling_; });
  }

 private:
  void take_actions() {
    while (std::optional<ElectorAction> action = elector_.poll_action()) {
      if (auto* event = std::get_if<LeadershipEvent>(&*action)) {
        events_.push_back(std::move(*event));
      } else if (auto* question = std::get_if<PeerQuestion>(&*action)) {
        question_ = std::move(*question);
      } else {
        if (auto* record = std::get_if<StoreRequest>(&*action)) request_ = std::move(*record);
        if (auto* queue = std::get_if<QueueRequest>(&*action)) request_ = std::move(*queue);
        has_request_.notify_all();
      }
    }
    const std::optional<Leadership> now = elector_.current(boottime_now());
    if (now && now->valid_until > told_until_) extended_ = now;
  }

  void wake() const {
    const std::uint64_t one = 1;
    // A counter that is full wakes too.
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }

  void call_store() {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      if (!request_) {
        has_request_.wait(lock);
        continue;
      }
      const AnyRequest request = *std::exchange(request_, std::nullopt);
      if (const auto* record = std::get_if<StoreRequest>(&request)) {
        carry_out(lock, *std::get<LockStore*>(store_), *record);
      } else {
        carry_out(lock, *std::get<QueueStore*>(store_), std::get<QueueRequest>(request));
      }
      take_actions();
      wake();
    }
  }

  /// The mutex is open while the store works.
  template <typename AStore, typename Request>
  void carry_out(std::unique_lock<std::mutex>& lock, AStore& store, const Request& request) {
    lock.unlock();
    const auto reply = store.apply(request);
    lock.lock();
    elector_.handle_reply(boottime_now(), reply);
  }

  /// Gives out what has happened, in order, with the mutex open: the listener may call us.
  void tell(std::unique_lock<std::mutex>& lock) {
    is_telling_ = true;
    while (!events_.empty() || extended_ || question_) {
      if (question_) {
        const PeerQuestion question = *std::exchange(question_, std::nullopt);
        lock.unlock();
        if (listener_ != nullptr) listener_->handle_question(question);
      } else if (events_.empty()) {
        const Leadership leadership = *std::exchange(extended_, std::nullopt);
        told_until_ = leadership.valid_until;
        lock.unlock();
        if (listener_ != nullptr) listener_->handle_extended(leadership);
      } else {
        const LeadershipEvent event = std::move(events_.front());
        events_.pop_front();
        if (event.kind == EventKind::kLost) {
          // What was got for that token is over; kElected tells the next one's.
          told_until_ = kLongAgo;
          extended_.reset();
        }
        lock.unlock();
        if (listener_ != nullptr) listener_->handle_event(event);
      }
      lock.lock();
    }
    is_telling_ = false;
    if (elector_.is_settled()) settled_.notify_all();
  }

  /// By the clock that counts suspend: steady timers would be late by the time that was slept.
  void set_timer(Instant due) const {
    itimerspec at{};
    if (due != kNever) {
      const std::int64_t count = std::max<std::int64_t>(1, due.time_since_epoch().count());
      at.it_value.tv_sec = count / 1'000'000'000;
      at.it_value.tv_nsec = count % 1'000'000'000;
    }
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
  }

  void keep() {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      elector_.handle_timeout(boottime_now());
      take_actions();
      tell(lock);
      if (is_over_) return;
      set_timer(elector_.next_timeout());
      lock.unlock();
      std::array<pollfd, 2> waits{{{wake_, POLLIN, 0}, {timer_, POLLIN, 0}}};
      poll(waits.data(), waits.size(), -1);
      std::uint64_t drained = 0;
      for (const pollfd& wait : waits) {
        if ((wait.revents & POLLIN) == 0) continue;
        [[maybe_unused]] const ssize_t count = ::read(wait.fd, &drained, sizeof drained);
      }
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  Elector elector_;
  AnyStore store_;
  CandidateListener* listener_;
  std::condition_variable has_request_;
  std::condition_variable settled_;
  std::optional<AnyRequest> request_;
  std::deque<LeadershipEvent> events_;
  std::optional<Leadership> extended_;
  std::optional<PeerQuestion> question_;
  Instant told_until_ = kLongAgo;
  bool is_over_ = false;
  bool is_telling_ = false;  ///< The listener may be within a call.
  int wake_;
  int timer_;
  std::thread keeper_;  ///< The threads come last: they use all of the above.
  std::thread caller_;
};

Result<std::unique_ptr<Candidate>> Candidate::create(ElectorConfig config, LockStore& store,
                                                     CandidateListener* listener) {
  if (config.store != StoreKind::kRecord) {
    return Error{Errc::kBadConfig, "store: kRecord, as a LockStore is, but it is kQueue"};
  }
  return make(std::move(config), &store, listener);
}

Result<std::unique_ptr<Candidate>> Candidate::create(ElectorConfig config, QueueStore& store,
                                                     CandidateListener* listener) {
  config.store = StoreKind::kQueue;
  return make(std::move(config), &store, listener);
}

template <typename StorePointer>
Result<std::unique_ptr<Candidate>> Candidate::make(ElectorConfig config, StorePointer store,
                                                   CandidateListener* listener) {
  if (config.owner.empty()) config.owner = unique_owner();
  Result<Elector> elector = Elector::create(config, boottime_now(), Rng(entropy()));
  if (!elector) return elector.error();
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int timer = wake < 0 ? -1 : timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer < 0) {
    const Error error{Errc::kUnavailable, std::string("no timer: ") + std::strerror(errno)};
    if (wake >= 0) ::close(wake);
    return error;
  }
  return std::unique_ptr<Candidate>(
      new Candidate(std::make_unique<Impl>(*std::move(elector), store, listener, wake, timer)));
}

Candidate::Candidate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Candidate::~Candidate() = default;

void Candidate::start() {
  impl_->give([](Elector& elector, Instant now) { elector.start(now); });
}
void Candidate::resign() {
  impl_->give([](Elector& elector, Instant now) { elector.resign(now); });
}
void Candidate::set_eligible(Eligibility eligible) {
  impl_->give([&](Elector& elector, Instant now) { elector.set_eligible(now, eligible); });
}
void Candidate::report_progress() {
  impl_->give([](Elector& elector, Instant now) { elector.report_progress(now); });
}
void Candidate::work_stopped() {
  impl_->give([](Elector& elector, Instant now) { elector.work_stopped(now); });
}
void Candidate::answer(const PeerAnswer& answer) {
  impl_->give([&](Elector& elector, Instant now) { elector.handle_answer(now, answer); });
}
void Candidate::close() {
  impl_->give([](Elector& elector, Instant now) { elector.close(now); });
}
bool Candidate::wait_settled(Duration patience) {
  return impl_->wait_settled(patience);
}
std::optional<Leadership> Candidate::current() const {
  return impl_->ask([](const Elector& elector, Instant now) { return elector.current(now); });
}
ElectorStatus Candidate::status() const {
  return impl_->ask([](const Elector& elector, Instant now) { return elector.status(now); });
}
const ElectorConfig& Candidate::config() const {
  return impl_->config();
}

}  // namespace vouch::election
