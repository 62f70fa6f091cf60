#include "zookeeper_links.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "zookeeper_calls.h"

namespace vouch::election {
namespace {

using Clock = std::chrono::steady_clock;

/// Before the next attempt, when the client says that one failed and names no time.
constexpr std::chrono::milliseconds kPauseAfterFailure{10};

/// Reads at the most, of a connection that is given up, until the client notices that it is closed.
constexpr int kReadsToTheEnd = 1000;

/// The client without threads formats addresses and messages in memory that all its handles share:
/// of several stores in one process one at a time is within it.
std::mutex& client_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// What the C client reports while one of its functions runs: acted on after that function is back,
/// as it must not be closed from within.
struct Happening {
  int type = 0;
  int state = 0;
};

/// One session and its connection. All of it runs on the thread of the links. What it waits for
/// holds it weakly: it may be gone when that comes.
class Link : public std::enable_shared_from_this<Link> {
 public:
  /// What a link is to its owner.
  struct Owner {
    std::function<void(Link&)> up;  ///< The session is there.
    std::function<void(Link&, QueueNoticeKind)> notice;
    std::function<void(Link&)> over;  ///< To be destroyed, later.
  };

  Link(boost::asio::io_context& io, Owner owner)
      : owner_(std::move(owner)), descriptor_(io), timer_(io) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    is_over_ = true;
    release_descriptor();
    if (handle_ == nullptr) return;
    const std::lock_guard lock(client_mutex());
    part();
    zookeeper_close(handle_);
  }

  [[nodiscard]] bool connect(const std::string& hosts, int timeout_ms) {
    {
      const std::lock_guard lock(client_mutex());
      zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
      handle_ = zookeeper_init2(hosts.c_str(), &Link::watch, timeout_ms, nullptr, this,
                                ZOO_NO_LOG_CLIENTENV, [](const char*) {});
    }
    if (handle_ == nullptr) return false;
    asked_at_ = heard_at_ = Clock::now();
    timeout_ = std::chrono::milliseconds(timeout_ms);
    drive();
    return true;
  }

  void send(std::vector<Ask> asks, const std::shared_ptr<AskBatch>& batch) {
    asked_at_ = Clock::now();
    if (zoo_state(handle_) != ZOO_CONNECTED_STATE) {
      // The client would keep it, and send it whenever there is a connection again.
      batch->answer_all(ZooKeeperCode::kNotLinked, trouble_);
      return;
    }
    {
      const std::lock_guard lock(client_mutex());
      for (std::size_t at = 0; at < asks.size(); ++at)
        send_ask(handle_, asks[at], batch, at, {&Link::watch_place, this});
    }
    drive();
  }

  /// Ends the session at its server when this is destroyed, if there is a link.
  void say_goodbye() { says_goodbye_ = true; }

  [[nodiscard]] SessionId session() const { return session_; }
  [[nodiscard]] Duration timeout() const { return timeout_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  /// Also of every watched znode: a change of the session's state goes to all of them.
  static void watch(zhandle_t* /*handle*/, int type, int state, const char* /*path*/, void* self) {
    static_cast<Link*>(self)->happenings_.push_back({type, state});
  }
  static void watch_place(zhandle_t* handle, int type, int state, const char* path, void* self) {
    if (type != ZOO_SESSION_EVENT) watch(handle, type, state, path, self);
  }

  /// The descriptor is the client's, which opens and closes it as it likes while one of its
  /// functions runs. So Asio lets go of it before, and takes it anew after.
  void release_descriptor() {
    ++round_;
    if (descriptor_.is_open()) descriptor_.release();
    timer_.cancel();
  }

  /// Asks the client what it waits for, and waits for that.
  void drive() {
    release_descriptor();
    int fd = -1;
    int interest = 0;
    timeval until{};
    int code = ZOK;
    {
      const std::lock_guard lock(client_mutex());
      code = zookeeper_interest(handle_, &fd, &interest, &until);
      if (code != ZOK) note_failure(code);
    }
    handle_happenings();
    if (is_over_) return;
    const Clock::time_point now = Clock::now();
    if (is_past_its_time(now)) return;
    Duration wait = std::chrono::seconds(until.tv_sec) + std::chrono::microseconds(until.tv_usec);
    if (code != ZOK || fd < 0) wait = std::max<Duration>(wait, kPauseAfterFailure);
    if (session_ != SessionId{}) wait = std::min<Duration>(wait, asked_at_ + timeout_ - now);
    if (is_suspect_) wait = std::min<Duration>(wait, heard_at_ + timeout_ - now);
    timer_.expires_after(std::max<Duration>(wait, Duration::zero()));
    timer_.async_wait(
        [weak = weak_from_this(), round = round_](const boost::system::error_code& error) {
          const std::shared_ptr<Link> self = weak.lock();
          if (self && !error && round == self->round_) self->drive();
        });
    if (code == ZOK && fd >= 0) wait_for(fd, interest);
  }

  void wait_for(int fd, int interest) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    boost::system::error_code error;
    if (descriptor_.assign(fd, error)) return;  // The timer looks again.
    using Descriptor = boost::asio::posix::stream_descriptor;
    for (const auto& [flag, kind] : {std::pair{ZOOKEEPER_READ, Descriptor::wait_read},
                                     std::pair{ZOOKEEPER_WRITE, Descriptor::wait_write}}) {
      if ((interest & flag) == 0) continue;
      descriptor_.async_wait(kind, [weak = weak_from_this(), round = round_,
                                    event = flag](const boost::system::error_code& failed) {
        const std::shared_ptr<Link> self = weak.lock();
        if (self && !failed && round == self->round_) self->process(event);
      });
    }
  }

  void process(int events) {
    release_descriptor();
    int code = ZOK;
    {
      const std::lock_guard lock(client_mutex());
      code = zookeeper_process(handle_, events);
      if (code != ZOK && code != ZNOTHING) note_failure(code);
    }
    if (code == ZOK && events == ZOOKEEPER_READ) heard_at_ = Clock::now();
    handle_happenings();
    if (!is_over_) drive();
  }

  void note_failure(int code) {
    const char* const server = zoo_get_current_server(handle_);
    trouble_ = (server == nullptr ? std::string() : std::string(server) + ": ") + zerror(code);
  }

  void handle_happenings() {
    while (!is_over_ && !happenings_.empty()) {
      const Happening happening = happenings_.front();
      happenings_.erase(happenings_.begin());
      if (happening.type != ZOO_SESSION_EVENT) {
        owner_.notice(*this, QueueNoticeKind::kPlaceGone);
      } else if (happening.state == ZOO_CONNECTED_STATE) {
        handle_up();
      } else if (happening.state == ZOO_CONNECTING_STATE) {
        if (!std::exchange(is_suspect_, true)) owner_.notice(*this, QueueNoticeKind::kLinkLost);
      } else if (happening.state == ZOO_EXPIRED_SESSION_STATE) {
        trouble_ = "the session has run out";
        end();
      } else if (happening.state == ZOO_AUTH_FAILED_STATE) {
        trouble_ = "the session was refused: authentication failed";
        end();
      }
    }
  }

  void handle_up() {
    const int timeout_ms = zoo_recv_timeout(handle_);
    const SessionId session{static_cast<std::uint64_t>(zoo_client_id(handle_)->client_id)};
    // What a server says is not believed unseen: a client with such numbers would not work.
    if (timeout_ms <= 0 || session == SessionId{} ||
        (session_ != SessionId{} && session != session_)) {
      trouble_ = "session " + std::to_string(session.value()) + " with a timeout of " +
                 std::to_string(timeout_ms) + " ms: not usable";
      end();
      return;
    }
    timeout_ = std::chrono::milliseconds(timeout_ms);
    is_suspect_ = false;
    heard_at_ = Clock::now();
    if (std::exchange(session_, session) == SessionId{}) {
      asked_at_ = heard_at_;
      owner_.up(*this);
    }
  }

  [[nodiscard]] bool is_past_its_time(Clock::time_point now) {
    if (is_suspect_ && now >= heard_at_ + timeout_) {
      trouble_ = "given up: nothing was heard for the session's timeout (" + trouble_ + ")";
      end();
    } else if (session_ != SessionId{} && now >= asked_at_ + timeout_) {
      trouble_ = "given up: nothing was asked for the session's timeout";
      say_goodbye();
      end();
    }
    return is_over_;
  }

  void end() {
    is_over_ = true;
    if (session_ != SessionId{}) owner_.notice(*this, QueueNoticeKind::kSessionEnded);
    owner_.over(*this);
  }

  /// Before the client is closed. It asks the server to end the session if there is a link, and
  /// would wait long for the answer, in which nobody is interested: so no more is read. If the
  /// session shall run out instead, there must be no link.
  void part() {
    int fd = -1;
    int interest = 0;
    timeval until{};
    if (zoo_state(handle_) != ZOO_CONNECTED_STATE) return;
    if (zookeeper_interest(handle_, &fd, &interest, &until) != ZOK || fd < 0) return;
    shutdown(fd, says_goodbye_ ? SHUT_RD : SHUT_RDWR);
    if (says_goodbye_) return;
    for (int i = 0; i < kReadsToTheEnd && zoo_state(handle_) == ZOO_CONNECTED_STATE; ++i) {
      if (zookeeper_process(handle_, ZOOKEEPER_READ) == ZINVALIDSTATE) return;
    }
  }

  Owner owner_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  zhandle_t* handle_ = nullptr;
  SessionId session_{};
  Duration timeout_{};
  std::uint64_t round_ = 0;  ///< Of waiting: what belongs to an earlier one is not acted on.
  Clock::time_point heard_at_;
  Clock::time_point asked_at_;
  bool is_suspect_ = false;
  bool is_over_ = false;
  bool says_goodbye_ = false;
  std::vector<Happening> happenings_;
  std::string trouble_ = "not connected yet";
};

/// Of one who waits for a session.
struct Opening {
  std::mutex mutex;
  std::condition_variable done;
  std::optional<ZooKeeperLinks::Opened> opened;

  void tell(ZooKeeperLinks::Opened result) {
    const std::lock_guard lock(mutex);
    if (!opened) opened = std::move(result);
    done.notify_all();
  }
};

}  // namespace

class ZooKeeperLinks::Impl {
 public:
  Impl(std::string hosts, Tell tell)
      : hosts_(std::move(hosts)), tell_(std::move(tell)), thread_([this] { io_.run(); }) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    post([this] {
      links_.clear();
      work_.reset();
      io_.stop();
    });
    thread_.join();
  }

  template <typename Work>
  void post(Work&& work) {
    boost::asio::post(io_, std::forward<Work>(work));
  }

  void start(Duration timeout, const std::shared_ptr<Opening>& opening, std::uint64_t number) {
    Link::Owner owner;
    owner.up = [opening](Link& link) {
      opening->tell({ZooKeeperCode::kOk, link.session(), link.timeout(), {}});
    };
    owner.notice = [this](Link& link, QueueNoticeKind kind) { tell_({kind, link.session()}); };
    owner.over = [this, opening, number](Link& link) {
      opening->tell({ZooKeeperCode::kSessionGone, {}, {}, link.trouble()});
      post([this, number] { links_.erase(number); });
      if (link.session() != SessionId{}) past_[link.session()] = link.trouble();
      while (past_.size() > kPastMax)
        past_.erase(past_.begin());
    };
    auto link = std::make_shared<Link>(io_, std::move(owner));
    const auto asked = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    const auto timeout_ms = std::clamp<std::int64_t>(asked, 1, std::numeric_limits<int>::max() / 4);
    Link& made = *link;
    links_[number] = std::move(link);
    if (made.connect(hosts_, static_cast<int>(timeout_ms))) return;
    links_.erase(number);
    opening->tell({ZooKeeperCode::kNotLinked, {}, {}, hosts_ + ": cannot be resolved"});
  }

  void send(SessionId session, std::vector<Ask> asks, const std::shared_ptr<AskBatch>& batch) {
    Link* const link = find(session);
    if (link != nullptr) {
      link->send(std::move(asks), batch);
      return;
    }
    const auto past = past_.find(session);
    batch->answer_all(ZooKeeperCode::kSessionGone,
                      past == past_.end() ? "no such session" : past->second);
  }

  void forget(std::uint64_t number) {
    const auto found = links_.find(number);
    if (found == links_.end()) return;
    found->second->say_goodbye();
    links_.erase(found);
  }

  void close(SessionId session) {
    for (const auto& [number, link] : links_) {
      if (link->session() != session) continue;
      forget(number);
      return;
    }
  }

  [[nodiscard]] std::uint64_t next_number() {
    const std::lock_guard lock(mutex_);
    return ++numbers_;
  }

  /// What is known of a link that does not come up.
  [[nodiscard]] std::string trouble(std::uint64_t number) {
    const auto found = links_.find(number);
    return found == links_.end() ? std::string() : found->second->trouble();
  }

 private:
  static constexpr std::size_t kPastMax = 16;

  [[nodiscard]] Link* find(SessionId session) {
    for (const auto& [number, link] : links_) {
      if (link->session() == session) return link.get();
    }
    return nullptr;
  }

  std::string hosts_;
  Tell tell_;
  std::mutex mutex_;
  std::uint64_t numbers_ = 0;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::map<std::uint64_t, std::shared_ptr<Link>> links_;  ///< Used on the thread only,
  std::map<SessionId, std::string> past_;                 ///< as is why some have ended.
  std::thread thread_;                                    ///< The last: it uses all of the above.
};

ZooKeeperLinks::ZooKeeperLinks(std::string hosts, Tell tell)
    : impl_(std::make_unique<Impl>(std::move(hosts), std::move(tell))) {}
ZooKeeperLinks::~ZooKeeperLinks() = default;

ZooKeeperLinks::Opened ZooKeeperLinks::open(Duration timeout, Duration patience) {
  auto opening = std::make_shared<Opening>();
  const std::uint64_t number = impl_->next_number();
  impl_->post([this, timeout, opening, number] { impl_->start(timeout, opening, number); });
  std::unique_lock lock(opening->mutex);
  if (opening->done.wait_for(lock, patience, [&] { return opening->opened.has_value(); })) {
    return *opening->opened;
  }
  // One that comes up later is of no use: it is closed, and why it did not come up is told.
  opening->opened = Opened{.trouble = "no session in time"};
  lock.unlock();
  auto reason = std::make_shared<AskBatch>(1);
  impl_->post([this, number, reason] {
    reason->answer(0, {.code = ZooKeeperCode::kNoAnswer, .trouble = impl_->trouble(number)});
    impl_->forget(number);
  });
  const std::string trouble = reason->wait(std::chrono::milliseconds(20)).front().trouble;
  return {.trouble = "no session in time (" + trouble + ")"};
}

std::vector<Answer> ZooKeeperLinks::ask(SessionId session, std::vector<Ask> asks,
                                        Duration patience) {
  auto batch = std::make_shared<AskBatch>(asks.size());
  impl_->post([this, session, asks = std::move(asks), batch]() mutable {
    impl_->send(session, std::move(asks), batch);
  });
  return batch->wait(patience);
}

void ZooKeeperLinks::close(SessionId session) {
  impl_->post([this, session] { impl_->close(session); });
}

}  // namespace vouch::election
