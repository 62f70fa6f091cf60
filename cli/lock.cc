// `vouch lock`: what a store holds, for operators.

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "elect.h"
#include "lock_store.h"

namespace vouch::cli {
namespace {

using LockJson = nlohmann::ordered_json;
using election::LockRecord;
using election::OpenedStore;

/// How long one look may take.
constexpr std::chrono::seconds kLookTime{5};

struct LockArguments {
  std::string store;
  std::string name;
  bool json = false;
  bool observe = false;
  bool force = false;
};

/// What is known of the holder after looking for a while; one look shows nothing.
enum class Liveness { kNotLookedAt, kAlive, kExpired };

double lease_ms(const LockRecord& record) {
  return static_cast<double>(record.lease.count()) / 1e6;
}

const char* to_string(Liveness liveness) {
  switch (liveness) {
    case Liveness::kNotLookedAt:
      return "not_observed";
    case Liveness::kAlive:
      return "alive";
    case Liveness::kExpired:
      return "expired";
  }
  return "unknown";
}

/// A lock, and who waits for it, as far as the store knows: a queue does.
struct LockView {
  LockRecord record;
  std::optional<std::vector<std::string>> waiting;
};

LockJson json_of(const LockView& view) {
  const LockRecord& record = view.record;
  LockJson json{{"name", record.name},          {"held", !record.is_released},
                {"owner", record.owner},        {"token", record.token.value()},
                {"lease_ms", lease_ms(record)}, {"data", record.data}};
  if (view.waiting) json["waiting"] = *view.waiting;
  return json;
}

/// Text of others: with what is no UTF-8 replaced.
std::string dump(const LockJson& json) {
  return json.dump(2, ' ', false, LockJson::error_handler_t::replace);
}

/// The places of a queue need a session to be read in, which is ended afterwards.
class QueueLook {
 public:
  explicit QueueLook(election::QueueStore& store) : store_(store) {}
  QueueLook(const QueueLook&) = delete;
  QueueLook& operator=(const QueueLook&) = delete;
  ~QueueLook() {
    if (session_ != election::SessionId{}) ask(election::CloseSession{session_});
  }

  /// Who waits behind the first of the queue `name`.
  Result<std::vector<std::string>> waiting(const std::string& name) {
    name_ = name;
    if (session_ == election::SessionId{}) {
      const election::QueueReply opened = ask(election::OpenSession{2 * kLookTime});
      if (opened.outcome != election::StoreOutcome::kApplied) return trouble_of(opened);
      session_ = opened.session;
    }
    const election::QueueReply listed = ask(election::ListQueue{session_});
    if (listed.outcome != election::StoreOutcome::kApplied) return trouble_of(listed);
    std::vector<std::string> owners;
    for (std::size_t i = 1; i < listed.places.size(); ++i)
      owners.push_back(listed.places[i].owner);
    return owners;
  }

 private:
  election::QueueReply ask(election::QueueOperation operation) {
    return store_.apply(
        {.id = 1, .name = name_, .operation = std::move(operation), .timeout = kLookTime});
  }
  static Error trouble_of(const election::QueueReply& reply) {
    return {Errc::kUnavailable,
            reply.trouble.empty() ? "the session of this look has ended" : reply.trouble};
  }

  election::QueueStore& store_;
  std::string name_;
  election::SessionId session_{};
};

Result<std::optional<LockRecord>> read_lock_record(election::LockStore& store,
                                                   const std::string& name) {
  const election::StoreRequest request{
      .id = 1, .name = name, .operation = election::ReadLock{}, .timeout = kLookTime};
  election::StoreReply reply = store.apply(request);
  if (reply.outcome != election::StoreOutcome::kApplied) {
    return Error{Errc::kUnavailable, reply.trouble};
  }
  return std::move(reply.record);
}

/// The lock as it is now; a queue's first place. Empty if there is none.
Result<std::optional<LockRecord>> read_lock(const OpenedStore& store, const std::string& name) {
  if (store.records) return read_lock_record(*store.records, name);
  Result<std::vector<LockRecord>> all = store.queues->list();
  if (!all) return all.error();
  for (LockRecord& record : *all) {
    if (record.name == name) return std::optional(std::move(record));
  }
  return std::optional<LockRecord>();
}

/// Looks until the record changes, or has not for the lease that it names. Of a record that says
/// that nobody has renewed it; of a queue, from which the store removes what is not renewed, that
/// somebody has.
Result<Liveness> observe(const OpenedStore& store, LockRecord& record) {
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    std::this_thread::sleep_for(std::min<Duration>(record.lease / 20 + std::chrono::milliseconds(1),
                                                   std::chrono::milliseconds(200)));
    const auto looked_for = std::chrono::steady_clock::now() - began;
    Result<std::optional<LockRecord>> now = read_lock(store, record.name);
    if (!now) return now.error();
    const bool is_same = *now && (*now)->version == record.version && !(*now)->is_released;
    if (!is_same) {
      if (*now) record = **now;
      if (!*now && store.queues) record.is_released = true;
      const bool is_new = store.queues || record.is_released;
      return is_new ? Liveness::kNotLookedAt : Liveness::kAlive;
    }
    // The store may take a second longer than it promises to end a session.
    const Duration store_takes = store.queues ? std::chrono::seconds(1) : Duration::zero();
    if (looked_for > record.lease + store_takes) {
      return store.queues ? Liveness::kAlive : Liveness::kExpired;
    }
  }
}

void print_status(const LockView& view, Liveness liveness) {
  const LockRecord& record = view.record;
  std::cout << record.name << ": ";
  if (record.is_released) {
    std::cout << "released";
  } else {
    std::cout << "held by " << record.owner;
    if (liveness == Liveness::kAlive) std::cout << ", which is alive";
    if (liveness == Liveness::kExpired) std::cout << ", which has not renewed it for its lease";
  }
  std::cout << ", token " << record.token.value() << ", lease " << short_text(lease_ms(record), 12)
            << " ms";
  if (!record.data.empty()) std::cout << ", data \"" << record.data << '"';
  std::cout << '\n';
  if (view.waiting && !view.waiting->empty()) {
    std::cout << "waiting:";
    for (const std::string& owner : *view.waiting)
      std::cout << ' ' << owner;
    std::cout << '\n';
  }
  if (!record.is_released && liveness == Liveness::kNotLookedAt) {
    std::cout
        << "One look does not show whether the holder is alive; --observe looks for a lease.\n";
  }
}

Outcome lock_status(const LockArguments& arguments) {
  auto store = open_lock_store(arguments.store, StoreUse::kLook);
  if (!store) return store.error();
  Result<std::optional<LockRecord>> found = read_lock(*store, arguments.name);
  if (!found) return found.error();
  if (!*found) {
    return Error{Errc::kBadInput, "--name: there is no lock \"" + arguments.name + "\""};
  }
  LockView view{**found, {}};
  Liveness liveness = Liveness::kNotLookedAt;
  if (arguments.observe && !view.record.is_released) {
    Result<Liveness> looked = observe(*store, view.record);
    if (!looked) return looked.error();
    liveness = *looked;
  }
  if (store->queues) {
    Result<std::vector<std::string>> waiting = QueueLook(*store->queues).waiting(arguments.name);
    if (!waiting) return waiting.error();
    view.waiting = *std::move(waiting);
  }
  if (arguments.json) {
    LockJson json = json_of(view);
    json["holder"] = view.record.is_released ? "none" : to_string(liveness);
    std::cout << dump(json) << '\n';
  } else {
    print_status(view, liveness);
  }
  return ExitCode::kSuccess;
}

/// All locks, and of queues those who wait.
Result<std::vector<LockView>> read_all(const OpenedStore& store) {
  Result<std::vector<LockRecord>> records = store.any().list();
  if (!records) return records.error();
  std::vector<LockView> views;
  std::optional<QueueLook> look;
  for (LockRecord& record : *records) {
    LockView view{std::move(record), {}};
    if (store.queues) {
      if (!look) look.emplace(*store.queues);
      Result<std::vector<std::string>> waiting = look->waiting(view.record.name);
      if (!waiting) return waiting.error();
      view.waiting = *std::move(waiting);
    }
    views.push_back(std::move(view));
  }
  return views;
}

Outcome lock_list(const LockArguments& arguments) {
  auto store = open_lock_store(arguments.store, StoreUse::kLook);
  if (!store) return store.error();
  Result<std::vector<LockView>> views = read_all(*store);
  if (!views) return views.error();
  if (arguments.json) {
    LockJson list = LockJson::array();
    for (const LockView& view : *views)
      list.push_back(json_of(view));
    std::cout << dump(list) << '\n';
    return ExitCode::kSuccess;
  }
  using enum Align;
  Table table({{"name", kLeft},
               {"state", kLeft},
               {"owner", kLeft},
               {"token"},
               {"lease_ms"},
               {"waiting"},
               {"data", kLeft}});
  for (const LockView& view : *views) {
    const LockRecord& record = view.record;
    table.add_row({record.name, record.is_released ? "released" : "held", record.owner,
                   std::to_string(record.token.value()), short_text(lease_ms(record), 12),
                   view.waiting ? std::to_string(view.waiting->size()) : "-", record.data});
  }
  table.print(std::cout);
  return ExitCode::kSuccess;
}

Outcome lock_release(const LockArguments& arguments) {
  if (!arguments.force) {
    return Error{Errc::kBadInput,
                 "--force: is required, since a holder that is alive goes on until its next "
                 "heartbeat and two lead until then; stop that process instead if you can"};
  }
  auto store = open_lock_store(arguments.store, StoreUse::kLook);
  if (!store) return store.error();
  switch (store->any().force_release(arguments.name)) {
    case election::StoreOutcome::kApplied:
      std::cout << arguments.name << ": released\n";
      return ExitCode::kSuccess;
    case election::StoreOutcome::kConditionFailed:
      return Error{Errc::kBadInput,
                   "--name: there is no held lock \"" + arguments.name + "\", nothing was changed"};
    case election::StoreOutcome::kUnavailable:
      return Error{Errc::kUnavailable, "the store is busy or gone; nothing was changed"};
    case election::StoreOutcome::kAmbiguous:
      return Error{Errc::kUnknown, "the store failed; look whether the lock is released"};
  }
  return ExitCode::kError;
}

}  // namespace

void register_lock(CLI::App& app, Outcome& outcome) {
  auto arguments = std::make_shared<LockArguments>();
  CLI::App* lock = app.add_subcommand("lock", "Look at the locks of a store, or release one");
  lock->require_subcommand(1);
  const auto add = [&](const char* name, const char* text, Outcome (*run)(const LockArguments&)) {
    CLI::App* command = lock->add_subcommand(name, text);
    command->add_option("--store", arguments->store, store_help("Where the locks are"))->required();
    command->callback([arguments, run, &outcome] { outcome = run(*arguments); });
    return command;
  };
  CLI::App* status = add("status", "Show one lock", lock_status);
  status->add_option("--name", arguments->name, "Name of the lock")->required();
  status->add_flag("--observe", arguments->observe, "Look for up to a lease: is its holder alive?");
  status->add_flag("--json", arguments->json, "Print JSON");
  CLI::App* list = add("list", "Show all locks", lock_list);
  list->add_flag("--json", arguments->json, "Print JSON");
  CLI::App* release =
      add("release", "Release a lock whose holder is known to be gone", lock_release);
  release->add_option("--name", arguments->name, "Name of the lock")->required();
  release->add_flag("--force", arguments->force, "The holder is gone: release its lock");
}

}  // namespace vouch::cli
