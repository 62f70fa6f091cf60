#include "vouch/election_zookeeper/zookeeper_store.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "zookeeper_links.h"
#include "zookeeper_path.h"

namespace vouch::election {
namespace {

/// Of the session for calls that bring none, such as `list`. Nothing is made in it.
constexpr std::chrono::seconds kOwnTimeout{10};

/// Rounds of making what is missing and trying again, while somebody else removes it.
constexpr int kRounds = 3;

/// A server takes no more than about a mebibyte (jute.maxbuffer), and cuts the link instead.
constexpr std::size_t kValueMax = 1'000'000;

constexpr const char* kValues = "/%values";

StoreOutcome outcome_of(ZooKeeperCode code) {
  switch (code) {
    case ZooKeeperCode::kOk:
      return StoreOutcome::kApplied;
    case ZooKeeperCode::kNoNode:
    case ZooKeeperCode::kNodeExists:
    case ZooKeeperCode::kGuardBroken:
    case ZooKeeperCode::kSessionGone:
      return StoreOutcome::kConditionFailed;
    case ZooKeeperCode::kNotLinked:
    case ZooKeeperCode::kRefused:
      return StoreOutcome::kUnavailable;
    case ZooKeeperCode::kNoAnswer:
      return StoreOutcome::kAmbiguous;
  }
  return StoreOutcome::kAmbiguous;
}

/// Until when a request of several steps is answered.
class Deadline {
 public:
  explicit Deadline(Duration patience) : at_(std::chrono::steady_clock::now() + patience) {}
  [[nodiscard]] Duration left() const {
    return std::max<Duration>(at_ - std::chrono::steady_clock::now(), Duration::zero());
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

/// Sends all at once and waits: in a candidate's session, or in the one for other calls.
using Asker = std::function<std::vector<Answer>(std::vector<Ask>)>;

struct Listing {
  ZooKeeperCode code = ZooKeeperCode::kOk;
  std::string trouble;
  std::vector<LeasedPlace> places;
};

bool stands_before(const LeasedPlace& a, const LeasedPlace& b) {
  return std::pair(a.place.token, a.place.id) < std::pair(b.place.token, b.place.id);
}

/// Makes the znodes above `path`. All of them are there: kOk.
Answer make_parents(const std::string& path, const Asker& ask) {
  std::vector<Ask> asks;
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    asks.push_back({.kind = AskKind::kCreate, .path = path.substr(0, at)});
  for (Answer& answer : ask(std::move(asks))) {
    const bool is_there =
        answer.code == ZooKeeperCode::kOk || answer.code == ZooKeeperCode::kNodeExists;
    if (!is_there) return std::move(answer);
  }
  return {.code = ZooKeeperCode::kOk};
}

bool is_znode(const std::string& id) {
  return !id.empty() && id.find('/') == std::string::npos;
}

}  // namespace

class ZooKeeperStore::Impl {
 public:
  Impl(ZooKeeperAddress address, Duration call_timeout)
      : root_(std::move(address.path)),
        call_timeout_(call_timeout),
        links_(std::move(address.servers), [this](const QueueNotice& notice) { tell(notice); }) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (own_.load() != 0) links_.close(SessionId{own_.load()});
  }

  [[nodiscard]] bool is_of_another_process() const { return process_ != getpid(); }

  void set_notify(std::function<void(const QueueNotice&)> notify) {
    const std::lock_guard lock(notify_mutex_);
    notify_ = std::move(notify);
  }

  void carry_out(const OpenSession& open, const QueueRequest& request, QueueReply& reply);
  void carry_out(const CloseSession& close, const QueueRequest& request, QueueReply& reply);
  void carry_out(const KeepSession& keep, const QueueRequest& request, QueueReply& reply);
  void carry_out(const JoinQueue& join, const QueueRequest& request, QueueReply& reply);
  void carry_out(const ListQueue& list, const QueueRequest& request, QueueReply& reply);
  void carry_out(const WatchPlace& watch, const QueueRequest& request, QueueReply& reply);

  [[nodiscard]] Result<std::vector<LockRecord>> list();
  [[nodiscard]] StoreOutcome force_release(const std::string& name);
  [[nodiscard]] StoreOutcome fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value);
  [[nodiscard]] Result<std::optional<std::string>> fenced_get(const std::string& key);

 private:
  /// What was made in a session of ours, so that it can be removed, and the removal confirmed.
  struct Made {
    Duration timeout{};             ///< Of the session.
    std::set<std::string> places;   ///< Paths.
    std::set<std::string> unknown;  ///< Paths of queues in which there may be more.
  };

  [[nodiscard]] std::string queue_path(const std::string& name) const {
    return root_ + "/" + znode_name(name);
  }

  [[nodiscard]] Asker asker(SessionId session, const Deadline& deadline) {
    return [this, session, &deadline](std::vector<Ask> asks) {
      return links_.ask(session, std::move(asks), deadline.left());
    };
  }

  /// Zero of a session that is not there.
  [[nodiscard]] Duration timeout_of(SessionId session) {
    const std::lock_guard lock(mutex_);
    const auto found = made_.find(session);
    return found == made_.end() ? Duration{} : found->second.timeout;
  }

  void tell(const QueueNotice& notice) {
    if (notice.session.value() == own_.load()) return;
    if (notice.kind == QueueNoticeKind::kSessionEnded) {
      const std::lock_guard lock(mutex_);
      made_.erase(notice.session);
    }
    const std::lock_guard lock(notify_mutex_);
    if (notify_) notify_(notice);
  }

  [[nodiscard]] Listing list_places(const std::string& queue, const Asker& ask);
  [[nodiscard]] std::vector<std::string> take_known(const std::string& queue,
                                                    const std::vector<std::string>& names,
                                                    std::map<std::string, LeasedPlace>& known);
  [[nodiscard]] Answer remove_places(SessionId session, const Made& made, const Asker& ask);
  void note_join(const JoinQueue& join, const std::string& queue, const Answer& answer,
                 QueueReply& reply);
  [[nodiscard]] std::vector<Answer> ask_own(std::vector<Ask> asks);
  [[nodiscard]] Asker own_asker() {
    return [this](std::vector<Ask> asks) { return ask_own(std::move(asks)); };
  }
  [[nodiscard]] Result<std::string> first_with(const std::string& name, FencingToken token,
                                               StoreOutcome& outcome);

  std::string root_;
  Duration call_timeout_;
  pid_t process_ = getpid();
  std::mutex mutex_;  ///< Of the next three. Never held while something is waited for.
  std::map<SessionId, Made> made_;
  /// A place does not change: what was read once of those that are still there, by queue and znode.
  std::map<std::string, std::map<std::string, LeasedPlace>> known_;
  /// Places that were seen to be the first: they are, until they go. By queue: token and path.
  std::map<std::string, std::pair<FencingToken, std::string>> firsts_;
  std::atomic<std::uint64_t> joins_ = 0;
  std::mutex own_mutex_;
  std::atomic<std::uint64_t> own_ = 0;
  std::mutex notify_mutex_;
  std::function<void(const QueueNotice&)> notify_;
  ZooKeeperLinks links_;  ///< The last: its thread uses the rest.
};

void ZooKeeperStore::Impl::carry_out(const OpenSession& open, const QueueRequest& request,
                                     QueueReply& reply) {
  ZooKeeperLinks::Opened opened = links_.open(open.timeout, request.timeout);
  reply.trouble = std::move(opened.trouble);
  reply.outcome = opened.code == ZooKeeperCode::kSessionGone ? StoreOutcome::kUnavailable
                                                             : outcome_of(opened.code);
  if (opened.code != ZooKeeperCode::kOk) return;
  reply.session = opened.session;
  reply.timeout = opened.timeout;
  const std::lock_guard lock(mutex_);
  made_[opened.session].timeout = opened.timeout;
}

/// The library ends a session without waiting for the server. So the places go first, one by one,
/// and that is confirmed. Whatever becomes of that, the link is given up: a session that cannot be
/// ended must be able to run out.
void ZooKeeperStore::Impl::carry_out(const CloseSession& close, const QueueRequest& request,
                                     QueueReply& reply) {
  Made made;
  {
    const std::lock_guard lock(mutex_);
    const auto found = made_.find(close.session);
    if (found == made_.end()) {
      reply.outcome = StoreOutcome::kConditionFailed;
      return;
    }
    made = std::move(found->second);
    made_.erase(found);
  }
  const Deadline deadline(request.timeout);
  const Answer removed = remove_places(close.session, made, asker(close.session, deadline));
  links_.close(close.session);
  reply.trouble = removed.trouble;
  reply.outcome = outcome_of(removed.code);
  // It runs out, or the server finds the request to end it.
  if (reply.outcome == StoreOutcome::kUnavailable) reply.outcome = StoreOutcome::kAmbiguous;
}

Answer ZooKeeperStore::Impl::remove_places(SessionId session, const Made& made, const Asker& ask) {
  std::set<std::string> paths = made.places;
  for (const std::string& queue : made.unknown) {
    const Listing listing = list_places(queue, ask);
    if (listing.code != ZooKeeperCode::kOk) {
      return {.code = listing.code, .trouble = listing.trouble};
    }
    for (const auto& [place, lease] : listing.places) {
      if (place.session == session) paths.insert(queue + "/" + place.id);
    }
  }
  std::vector<Ask> asks{{.kind = AskKind::kSync, .path = root_}};
  for (const std::string& path : paths)
    asks.push_back({.kind = AskKind::kDelete, .path = path});
  for (Answer& answer : ask(std::move(asks))) {
    const bool is_gone = answer.code == ZooKeeperCode::kOk || answer.code == ZooKeeperCode::kNoNode;
    if (!is_gone) return std::move(answer);
  }
  return {.code = ZooKeeperCode::kOk};
}

void ZooKeeperStore::Impl::carry_out(const KeepSession& keep, const QueueRequest& request,
                                     QueueReply& reply) {
  std::vector<Ask> asks{{.kind = AskKind::kSync, .path = root_}};
  if (!keep.place.empty()) {
    if (!is_znode(keep.place)) {
      reply.outcome = StoreOutcome::kConditionFailed;
      return;
    }
    asks.push_back({.kind = AskKind::kRead, .path = queue_path(request.name) + "/" + keep.place});
  }
  reply.outcome = StoreOutcome::kApplied;
  for (const Answer& answer : links_.ask(keep.session, std::move(asks), request.timeout)) {
    if (answer.code == ZooKeeperCode::kOk) continue;
    reply.outcome = outcome_of(answer.code);
    reply.trouble = answer.trouble;
    return;
  }
}

void ZooKeeperStore::Impl::carry_out(const JoinQueue& join, const QueueRequest& request,
                                     QueueReply& reply) {
  const std::string queue = queue_path(request.name);
  const std::string path =
      queue + "/" + place_name(join.guid, join.session.value(), joins_.fetch_add(1) + 1);
  const Deadline deadline(request.timeout);
  const Asker ask = asker(join.session, deadline);
  const std::string text = text_of_place(join.owner, timeout_of(join.session));
  Answer answer;
  for (int round = 0; round < kRounds; ++round) {
    answer = ask({{.kind = AskKind::kCreatePlace, .path = path, .data = text}}).front();
    if (answer.code != ZooKeeperCode::kNoNode) break;
    // Nothing was made. What fails here was not the join: that may be tried anew.
    const Answer parents = make_parents(path, ask);
    if (parents.code == ZooKeeperCode::kOk) continue;
    answer = parents;
    if (answer.code == ZooKeeperCode::kNoAnswer) answer.code = ZooKeeperCode::kNotLinked;
    break;
  }
  // Somebody removes the parents as fast as they are made.
  if (answer.code == ZooKeeperCode::kNoNode) answer.code = ZooKeeperCode::kNotLinked;
  note_join(join, queue, answer, reply);
}

void ZooKeeperStore::Impl::note_join(const JoinQueue& join, const std::string& queue,
                                     const Answer& answer, QueueReply& reply) {
  reply.outcome = outcome_of(answer.code);
  reply.trouble = answer.trouble;
  std::optional<LeasedPlace> made;
  if (answer.code == ZooKeeperCode::kOk && answer.text.starts_with(queue + "/")) {
    made = place_of(answer.text.substr(queue.size() + 1), answer);
  }
  if (answer.code == ZooKeeperCode::kOk && (!made || made->place.session != join.session)) {
    reply.outcome = StoreOutcome::kAmbiguous;
    reply.trouble = "the server's answer to a join is not usable: it made \"" + answer.text + "\"";
    made.reset();
  }
  if (made) {
    made->place.owner = join.owner;  // The answer is the path and the stat.
    reply.places = {made->place};
  }
  const std::lock_guard lock(mutex_);
  const auto found = made_.find(join.session);
  if (found == made_.end()) return;
  if (reply.outcome == StoreOutcome::kAmbiguous) found->second.unknown.insert(queue);
  if (made) found->second.places.insert(queue + "/" + made->place.id);
}

void ZooKeeperStore::Impl::carry_out(const ListQueue& list, const QueueRequest& request,
                                     QueueReply& reply) {
  const Deadline deadline(request.timeout);
  Listing listing = list_places(queue_path(request.name), asker(list.session, deadline));
  reply.outcome = outcome_of(listing.code);
  reply.trouble = std::move(listing.trouble);
  for (LeasedPlace& leased : listing.places)
    reply.places.push_back(std::move(leased.place));
}

void ZooKeeperStore::Impl::carry_out(const WatchPlace& watch, const QueueRequest& request,
                                     QueueReply& reply) {
  if (!is_znode(watch.place)) {
    reply.outcome = StoreOutcome::kConditionFailed;
    return;
  }
  const std::string path = queue_path(request.name) + "/" + watch.place;
  const Answer answer =
      links_.ask(watch.session, {{.kind = AskKind::kWatch, .path = path}}, request.timeout).front();
  reply.outcome = outcome_of(answer.code);
  reply.trouble = answer.trouble;
}

Listing ZooKeeperStore::Impl::list_places(const std::string& queue, const Asker& ask) {
  Listing listing;
  const auto fails = [&](const Answer& answer) {
    if (answer.code == ZooKeeperCode::kOk) return false;
    listing = {.code = answer.code, .trouble = answer.trouble, .places = {}};
    return true;
  };
  const std::vector<Answer> listed =
      ask({{.kind = AskKind::kSync, .path = root_}, {.kind = AskKind::kChildren, .path = queue}});
  if (fails(listed[0])) return listing;
  // Nobody has made it yet, or somebody has removed it.
  if (listed[1].code == ZooKeeperCode::kNoNode) return {};
  if (fails(listed[1])) return listing;
  std::map<std::string, LeasedPlace> known;
  const std::vector<std::string> unread = take_known(queue, listed[1].names, known);
  std::vector<Ask> asks(unread.size(), {.kind = AskKind::kRead, .path = queue + "/"});
  for (std::size_t i = 0; i < unread.size(); ++i)
    asks[i].path += unread[i];
  if (!asks.empty()) {
    const std::vector<Answer> read = ask(std::move(asks));
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i].code == ZooKeeperCode::kNoNode) continue;  // It has gone since.
      if (fails(read[i])) return listing;
      if (auto place = place_of(unread[i], read[i])) known.emplace(unread[i], *std::move(place));
    }
  }
  for (const auto& [name, place] : known)
    listing.places.push_back(place);
  std::sort(listing.places.begin(), listing.places.end(), stands_before);
  // Only of ours is it sure that the name never comes back.
  std::erase_if(known, [](const auto& entry) { return !guid_of_place(entry.first); });
  const std::lock_guard lock(mutex_);
  known_[queue] = std::move(known);
  return listing;
}

/// Which of `names` must be read; the others come into `known`.
std::vector<std::string> ZooKeeperStore::Impl::take_known(
    const std::string& queue, const std::vector<std::string>& names,
    std::map<std::string, LeasedPlace>& known) {
  std::vector<std::string> unread;
  const std::lock_guard lock(mutex_);
  const std::map<std::string, LeasedPlace>& before = known_[queue];
  for (const std::string& name : names) {
    const auto found = before.find(name);
    if (found == before.end()) {
      unread.push_back(name);
    } else {
      known.insert(*found);
    }
  }
  return unread;
}

/// In the session for calls that bring none, which is opened when it is needed. A sync goes first:
/// another session before it may have been linked to a server that knew more.
std::vector<Answer> ZooKeeperStore::Impl::ask_own(std::vector<Ask> asks) {
  asks.insert(asks.begin(), {.kind = AskKind::kSync, .path = root_});
  std::vector<Answer> answers;
  for (int round = 0; round < 2; ++round) {
    std::uint64_t own = 0;
    {
      const std::lock_guard lock(own_mutex_);
      if (own_.load() == 0) {
        const ZooKeeperLinks::Opened opened = links_.open(kOwnTimeout, call_timeout_);
        if (opened.code != ZooKeeperCode::kOk) {
          return std::vector<Answer>(
              asks.size() - 1, {.code = ZooKeeperCode::kNotLinked, .trouble = opened.trouble});
        }
        own_ = opened.session.value();
      }
      own = own_.load();
    }
    answers = links_.ask(SessionId{own}, asks, call_timeout_);
    const ZooKeeperCode code = answers.front().code;
    if (code != ZooKeeperCode::kSessionGone && code != ZooKeeperCode::kNotLinked) break;
    // Nothing was sent. There is nothing in this session that another would not have.
    links_.close(SessionId{own});
    own_.compare_exchange_strong(own, 0);
  }
  if (answers.front().code != ZooKeeperCode::kOk && answers.size() > 1 &&
      answers[1].code == ZooKeeperCode::kOk) {
    answers[1].code = ZooKeeperCode::kNoAnswer;
    answers[1].trouble = answers.front().trouble;
  }
  answers.erase(answers.begin());
  return answers;
}

Result<std::vector<LockRecord>> ZooKeeperStore::Impl::list() {
  const auto unavailable = [](const std::string& trouble) {
    return Error{Errc::kUnavailable, "zookeeper: " + trouble};
  };
  const Answer queues = ask_own({{.kind = AskKind::kChildren, .path = root_}}).front();
  std::vector<LockRecord> records;
  if (queues.code == ZooKeeperCode::kNoNode) return records;
  if (queues.code != ZooKeeperCode::kOk) return unavailable(queues.trouble);
  for (const std::string& znode : queues.names) {
    const std::optional<std::string> name = name_of_znode(znode);
    if (!name) continue;
    const Listing listing = list_places(root_ + "/" + znode, own_asker());
    if (listing.code != ZooKeeperCode::kOk) return unavailable(listing.trouble);
    if (listing.places.empty()) continue;
    const auto& [first, lease] = listing.places.front();
    records.push_back({.name = *name,
                       .owner = first.owner,
                       .version = {first.id},
                       .lease = lease,
                       .token = first.token,
                       .is_released = false,
                       .data = {}});
  }
  std::sort(records.begin(), records.end(),
            [](const LockRecord& a, const LockRecord& b) { return a.name < b.name; });
  return records;
}

StoreOutcome ZooKeeperStore::Impl::force_release(const std::string& name) {
  const std::string queue = queue_path(name);
  const Listing listing = list_places(queue, own_asker());
  if (listing.code != ZooKeeperCode::kOk) return StoreOutcome::kUnavailable;
  if (listing.places.empty()) return StoreOutcome::kConditionFailed;
  const std::string path = queue + "/" + listing.places.front().place.id;
  return outcome_of(ask_own({{.kind = AskKind::kDelete, .path = path}}).front().code);
}

/// The path of the first place of the queue, if it has this token. Once it was the first it stays
/// that until it is gone, as nothing is ever made before it.
Result<std::string> ZooKeeperStore::Impl::first_with(const std::string& name, FencingToken token,
                                                     StoreOutcome& outcome) {
  const std::string queue = queue_path(name);
  {
    const std::lock_guard lock(mutex_);
    const auto found = firsts_.find(queue);
    if (found != firsts_.end() && found->second.first == token) return found->second.second;
  }
  const Listing listing = list_places(queue, own_asker());
  outcome = listing.code == ZooKeeperCode::kOk ? StoreOutcome::kConditionFailed
                                               : StoreOutcome::kUnavailable;
  if (listing.places.empty() || listing.places.front().place.token != token) {
    return Error{Errc::kUnavailable, listing.trouble};
  }
  const std::string& id = listing.places.front().place.id;
  if (guid_of_place(id)) {
    const std::lock_guard lock(mutex_);
    firsts_[queue] = {token, queue + "/" + id};
  }
  return queue + "/" + id;
}

StoreOutcome ZooKeeperStore::Impl::fenced_put(const std::string& name, FencingToken token,
                                              const std::string& key, const std::string& value) {
  if (key.empty() || value.size() > kValueMax) return StoreOutcome::kUnavailable;
  StoreOutcome outcome = StoreOutcome::kUnavailable;
  const Result<std::string> guard = first_with(name, token, outcome);
  if (!guard) return outcome;
  Ask put{.path = root_ + kValues + "/" + znode_name(key), .data = value, .guard = *guard};
  for (int round = 0; round < kRounds; ++round) {
    put.kind = AskKind::kPut;
    ZooKeeperCode code = ask_own({put}).front().code;
    if (code == ZooKeeperCode::kNoNode) {
      put.kind = AskKind::kPutNew;
      code = ask_own({put}).front().code;
    }
    if (code == ZooKeeperCode::kNoNode) {
      const Answer parents = make_parents(put.path, own_asker());
      if (parents.code != ZooKeeperCode::kOk) return StoreOutcome::kUnavailable;
    } else if (code != ZooKeeperCode::kNodeExists) {
      return outcome_of(code);
    }
  }
  return StoreOutcome::kUnavailable;
}

Result<std::optional<std::string>> ZooKeeperStore::Impl::fenced_get(const std::string& key) {
  const std::string path = root_ + kValues + "/" + znode_name(key);
  const Answer answer = ask_own({{.kind = AskKind::kRead, .path = path}}).front();
  if (answer.code == ZooKeeperCode::kNoNode) return std::optional<std::string>();
  if (answer.code != ZooKeeperCode::kOk) {
    return Error{Errc::kUnavailable, "zookeeper: " + answer.trouble};
  }
  return std::optional<std::string>(answer.text);
}

ZooKeeperStore::ZooKeeperStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ZooKeeperStore::~ZooKeeperStore() {
  // In a child made by fork the connections are the parent's, and the thread is not there.
  if (impl_ && impl_->is_of_another_process()) static_cast<void>(impl_.release());
}

Result<std::unique_ptr<ZooKeeperStore>> ZooKeeperStore::open(const std::string& address,
                                                             Duration call_timeout) {
  Result<ZooKeeperAddress> parsed = read_zookeeper_address(address);
  if (!parsed) return parsed.error();
  return std::unique_ptr<ZooKeeperStore>(
      new ZooKeeperStore(std::make_unique<Impl>(*std::move(parsed), call_timeout)));
}

QueueReply ZooKeeperStore::apply(const QueueRequest& request) {
  QueueReply reply{.id = request.id, .outcome = StoreOutcome::kUnavailable};
  if (impl_->is_of_another_process()) {
    reply.trouble = "opened before a fork, in another process";
    return reply;
  }
  if (Status name = check_name("name", request.name); !name) {
    reply.trouble = name.error().message;
    return reply;
  }
  std::visit([&](const auto& operation) { impl_->carry_out(operation, request, reply); },
             request.operation);
  return reply;
}

void ZooKeeperStore::set_notify(std::function<void(const QueueNotice&)> notify) {
  impl_->set_notify(std::move(notify));
}

Result<std::vector<LockRecord>> ZooKeeperStore::list() {
  if (!impl_->is_of_another_process()) return impl_->list();
  return Error{Errc::kUnavailable, "zookeeper: opened before a fork, in another process"};
}

StoreOutcome ZooKeeperStore::force_release(const std::string& name) {
  if (impl_->is_of_another_process() || !check_name("name", name)) {
    return StoreOutcome::kUnavailable;
  }
  return impl_->force_release(name);
}

StoreOutcome ZooKeeperStore::fenced_put(const std::string& name, FencingToken token,
                                        const std::string& key, const std::string& value) {
  if (impl_->is_of_another_process() || !check_name("name", name)) {
    return StoreOutcome::kUnavailable;
  }
  return impl_->fenced_put(name, token, key, value);
}

Result<std::optional<std::string>> ZooKeeperStore::fenced_get(const std::string& key) {
  if (!impl_->is_of_another_process()) return impl_->fenced_get(key);
  return Error{Errc::kUnavailable, "zookeeper: opened before a fork, in another process"};
}

}  // namespace vouch::election
