#include "etcd_watch.h"

#include <utility>

#include "etcd_wire.h"

namespace vouch::election::etcd {
namespace {

/// A line of a watch of one key is some hundred bytes long.
constexpr std::size_t kLineMax = std::size_t{1} << 20;

}  // namespace

Watcher::Watcher(std::unique_ptr<HttpClient> client)
    : client_(std::move(client)), thread_([this] { work(); }) {}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    drop_job();
  }
  changed_.notify_all();
  thread_.join();
}

void Watcher::set_notify(std::function<void(const QueueNotice&)> notify) {
  const std::lock_guard lock(notify_mutex_);
  notify_ = std::move(notify);
}

bool Watcher::is_watching(SessionId session, const std::string& place) {
  const std::lock_guard lock(mutex_);
  return state_ == State::kWatching && job_ && job_->session == session && job_->place == place;
}

/// With the mutex held.
void Watcher::drop_job() {
  job_.reset();
  ++number_;
  state_ = State::kIdle;
  if (is_running_) client_->abort();
}

StoreOutcome Watcher::start(WatchJob job, std::chrono::steady_clock::time_point deadline,
                            std::string& trouble) {
  std::unique_lock lock(mutex_);
  drop_job();
  job_ = std::move(job);
  state_ = State::kOpening;
  trouble_.clear();
  changed_.notify_all();
  const std::uint64_t number = number_;
  const auto is_decided = [&] { return number_ != number || state_ != State::kOpening; };
  const bool in_time = changed_.wait_until(lock, deadline, is_decided);
  // Established, and perhaps at its end already, which the notice says.
  if (in_time && (number_ != number || state_ == State::kWatching)) return StoreOutcome::kApplied;
  trouble = in_time ? trouble_ : "the watch was not confirmed in time";
  drop_job();
  return in_time ? StoreOutcome::kUnavailable : StoreOutcome::kAmbiguous;
}

void Watcher::stop(SessionId session) {
  const std::lock_guard lock(mutex_);
  if (job_ && job_->session == session) drop_job();
}

void Watcher::work() {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    if (state_ != State::kOpening) {
      changed_.wait(lock);
      continue;
    }
    const WatchJob job = *job_;
    const std::uint64_t number = number_;
    is_running_ = true;
    client_->resume();
    lock.unlock();
    std::string trouble;
    const std::optional<QueueNoticeKind> told = watch(job, number, trouble);
    lock.lock();
    is_running_ = false;
    if (number != number_) continue;
    const bool was_watching = state_ == State::kWatching;
    job_.reset();
    state_ = was_watching ? State::kIdle : State::kFailed;
    trouble_ = trouble;
    if (was_watching) ++number_;
    changed_.notify_all();
    if (!was_watching) continue;
    lock.unlock();
    {
      const std::lock_guard hearing(notify_mutex_);
      if (notify_) notify_({told.value_or(QueueNoticeKind::kLinkLost), job.session});
    }
    lock.lock();
  }
}

/// Until the key is gone or the stream ends: kPlaceGone if it is gone.
std::optional<QueueNoticeKind> Watcher::watch(const WatchJob& job, std::uint64_t number,
                                              std::string& trouble) {
  HttpRequest request;
  request.url = job.url;
  request.body = job.body;
  request.timeout = Duration::zero();
  // Without it a member that has lost its leader keeps the stream open and silent.
  request.headers = {{"Content-Type", "application/json"}, {"Grpc-Metadata-hasleader", "true"}};
  if (!job.token.empty()) request.headers.push_back({"Authorization", job.token});
  bool is_gone = false;
  std::string rest;
  const auto take_line = [&](std::string_view text) {
    const std::optional<WatchLine> line = read_watch(text);
    if (!line) {
      trouble = "a line of the watch cannot be read";
      return false;
    }
    if (line->ending) {
      trouble = "the watch was ended: " + *line->ending;
      return false;
    }
    if (line->created) {
      const std::lock_guard lock(mutex_);
      if (number != number_) return false;
      state_ = State::kWatching;
      changed_.notify_all();
    }
    is_gone = is_gone || line->has_deleted;
    return !is_gone;
  };
  const HttpReply reply = client_->stream(request, [&](std::string_view piece) {
    rest += piece;
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string::npos;
         rest.erase(0, end + 1)) {
      if (end > 0 && !take_line(std::string_view(rest).substr(0, end))) return false;
    }
    return rest.size() <= kLineMax;
  });
  if (is_gone) return QueueNoticeKind::kPlaceGone;
  if (trouble.empty() && reply.outcome != HttpOutcome::kAnswered) trouble = reply.trouble;
  if (trouble.empty()) {
    trouble = "the watch was ended with status " + std::to_string(reply.status) + " " +
              read_error(reply.body);
  }
  return std::nullopt;
}

}  // namespace vouch::election::etcd
