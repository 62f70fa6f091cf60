// A process that stands for election, for the tests that kill, stop and multiply processes. It says
// what it does in a log that several may append to, one write per line, with the time by
// CLOCK_BOOTTIME, which all processes of a machine share.
//
//   lead STORE LEASE_MS REFRESH_MS LOG EFFECTS     leads and works until it is killed
//   cycles STORE COUNTER LOG N                     N times: take, add one to COUNTER and to what
//                                                  the store keeps fenced, release
//
// STORE is an address as open_store takes it.

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "vouch/election_runner/candidate.h"
#include "vouch/election_runner/clock.h"
#include "vouch/election_stores/open_store.h"

namespace vouch::election::testing {
namespace {

using std::chrono::milliseconds;

std::string stamp() {
  return std::to_string(boottime_now().time_since_epoch().count());
}

/// Lines appended as they are: what was written survives kill -9.
class LineLog {
 public:
  explicit LineLog(const char* path)
      : descriptor_(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  ~LineLog() { ::close(descriptor_); }
  void write(const std::string& line) const {
    const std::string text = line + "\n";
    if (::write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
  }

 private:
  int descriptor_;
};

/// What beside requests every store does, done by another one.
template <typename Kind>
class Forwarding : public Kind {
 public:
  Forwarding(std::unique_ptr<Kind> store, const LineLog& log)
      : store_(std::move(store)), log_(log) {}
  Result<std::vector<LockRecord>> list() override { return store_->list(); }
  StoreOutcome force_release(const std::string& name) override {
    return store_->force_release(name);
  }
  StoreOutcome fenced_put(const std::string& name, FencingToken token, const std::string& key,
                          const std::string& value) override {
    return store_->fenced_put(name, token, key, value);
  }
  Result<std::optional<std::string>> fenced_get(const std::string& key) override {
    return store_->fenced_get(key);
  }

 protected:
  /// Logged before, and after if it was applied: `send WHAT TIME`, `done WHAT TIME`.
  template <typename Request>
  auto apply_logged(const Request& request, const std::string& what) {
    if (!what.empty()) log_.write("send " + what + " " + stamp());
    auto reply = store_->apply(request);
    if (!what.empty() && reply.outcome == StoreOutcome::kApplied) {
      log_.write("done " + what + " " + stamp());
    }
    return reply;
  }

  std::unique_ptr<Kind> store_;

 private:
  const LineLog& log_;
};

/// Every write is logged, as VERSION EXPECTED.
class LoggedRecords final : public Forwarding<LockStore> {
 public:
  using Forwarding::Forwarding;
  StoreReply apply(const StoreRequest& request) override {
    std::string what;
    if (const auto* take = std::get_if<TakeLock>(&request.operation)) {
      what = take->version.text + " " + (take->expected ? take->expected->text : "none");
    } else if (const auto* renew = std::get_if<RenewLock>(&request.operation)) {
      what = renew->version.text + " " + renew->expected.text;
    }
    return apply_logged(request, what);
  }
};

/// Everything that proves to the store that the session lives is logged, as NUMBER KIND.
class LoggedQueues final : public Forwarding<QueueStore> {
 public:
  using Forwarding::Forwarding;
  QueueReply apply(const QueueRequest& request) override {
    const bool is_list = std::holds_alternative<ListQueue>(request.operation);
    return apply_logged(request, std::to_string(request.id) + (is_list ? " list" : " other"));
  }
  void set_notify(std::function<void(const QueueNotice&)> notify) override {
    store_->set_notify(std::move(notify));
  }
};

class Work final : public CandidateListener {
 public:
  explicit Work(const LineLog& log) : log_(log) {}
  void handle_event(const LeadershipEvent& event) override {
    log_.write(std::string(to_string(event.kind)) + " " + std::to_string(event.token.value()) +
               " " + stamp());
    const bool ends = event.kind == EventKind::kStop || event.kind == EventKind::kLost;
    if (ends) candidate->work_stopped();
  }

  Candidate* candidate = nullptr;

 private:
  const LineLog& log_;
};

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 2;
}

int lead(char** words) {
  auto store = open_store(words[0], StoreUse::kElect);
  if (!store) return fail(store.error());
  ElectorConfig config = scaled_to(milliseconds(std::atoi(words[1])));
  config.refresh_interval = milliseconds(std::atoi(words[2]));
  config.name = "lock";
  const LineLog log(words[3]);
  const LineLog effects(words[4]);
  if (store->records) {
    store->records = std::make_unique<LoggedRecords>(std::move(store->records), log);
  } else {
    store->queues = std::make_unique<LoggedQueues>(std::move(store->queues), log);
  }
  Work work(log);
  auto candidate = create_candidate(config, *store, &work);
  if (!candidate) return fail(candidate.error());
  work.candidate = candidate->get();
  (*candidate)->start();
  for (;;) {
    // As a leader must: look, then do, with nothing in between.
    if (const std::optional<Leadership> leadership = (*candidate)->current()) {
      effects.write(std::to_string(leadership->token.value()) + " " + stamp());
    }
    std::this_thread::sleep_for(milliseconds(2));
  }
}

/// Adds one, unprotected: two at a time would lose one.
void add_one(const char* file) {
  std::uint64_t count = 0;
  std::ifstream(file) >> count;
  std::ofstream(file) << count + 1;
}

/// The same in the store, fenced by `token`. False: that was refused, or nobody knows.
bool add_one(Store& store, FencingToken token) {
  const auto value = store.fenced_get("counter");
  if (!value) return false;
  const std::uint64_t count = *value ? std::stoull(**value) : 0;
  return store.fenced_put("lock", token, "counter", std::to_string(count + 1)) ==
         StoreOutcome::kApplied;
}

int cycles(char** words) {
  auto store = open_store(words[0], StoreUse::kElect);
  if (!store) return fail(store.error());
  // That of the candidate is its own.
  auto resource = open_store(words[0], StoreUse::kElect);
  if (!resource) return fail(resource.error());
  ElectorConfig config = scaled_to(milliseconds(5000));
  config.refresh_interval = milliseconds(1);
  config.name = "lock";
  const LineLog log(words[2]);
  auto candidate = create_candidate(config, *store, nullptr);
  if (!candidate) return fail(candidate.error());
  (*candidate)->start();
  for (int i = 0; i < std::atoi(words[3]); ++i) {
    (*candidate)->set_eligible(Eligibility::kYes);
    std::optional<Leadership> leadership;
    while (!(leadership = (*candidate)->current()))
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    add_one(words[1]);
    if (!add_one(resource->any(), leadership->token)) return 4;
    log.write(std::to_string(leadership->token.value()));
    (*candidate)->set_eligible(Eligibility::kNo);
    (*candidate)->work_stopped();
    if (!(*candidate)->wait_settled(std::chrono::seconds(30))) return 3;
  }
  return 0;
}

}  // namespace
}  // namespace vouch::election::testing

int main(int argc, char** argv) {
  using vouch::election::testing::cycles;
  using vouch::election::testing::lead;
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "lead" && argc == 7) return lead(argv + 2);
  if (mode == "cycles" && argc == 6) return cycles(argv + 2);
  std::fprintf(stderr, "lead STORE LEASE_MS REFRESH_MS LOG EFFECTS, cycles STORE COUNTER LOG N\n");
  return 2;
}
