// `vouch lock`: what a store holds, for operators.

#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "elect.h"
#include "lock_store.h"

namespace vouch::cli {
namespace {

using LockJson = nlohmann::ordered_json;
using election::LockRecord;

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

LockJson json_of(const LockRecord& record) {
  return {{"name", record.name},           {"held", !record.is_released},  {"owner", record.owner},
          {"token", record.token.value()}, {"lease_ms", lease_ms(record)}, {"data", record.data}};
}

/// Text of others: with what is no UTF-8 replaced.
std::string dump(const LockJson& json) {
  return json.dump(2, ' ', false, LockJson::error_handler_t::replace);
}

Result<std::optional<LockRecord>> read_lock(election::LockStore& store, const std::string& name) {
  const election::StoreRequest request{
      .id = 1, .name = name, .operation = election::ReadLock{}, .timeout = std::chrono::seconds(5)};
  election::StoreReply reply = store.apply(request);
  if (reply.outcome != election::StoreOutcome::kApplied) {
    return Error{Errc::kUnavailable, reply.trouble};
  }
  return std::move(reply.record);
}

/// Looks until the record changes, or has not for the lease that it names.
Result<Liveness> observe(election::LockStore& store, LockRecord& record) {
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
      return record.is_released ? Liveness::kNotLookedAt : Liveness::kAlive;
    }
    if (looked_for > record.lease) return Liveness::kExpired;
  }
}

Outcome lock_status(const LockArguments& arguments) {
  auto store = open_lock_store(arguments.store, StoreUse::kLook);
  if (!store) return store.error();
  Result<std::optional<LockRecord>> found = read_lock(**store, arguments.name);
  if (!found) return found.error();
  if (!*found) {
    return Error{Errc::kBadInput, "--name: there is no lock \"" + arguments.name + "\""};
  }
  LockRecord record = **found;
  Liveness liveness = Liveness::kNotLookedAt;
  if (arguments.observe && !record.is_released) {
    Result<Liveness> looked = observe(**store, record);
    if (!looked) return looked.error();
    liveness = *looked;
  }
  if (arguments.json) {
    LockJson json = json_of(record);
    json["holder"] = record.is_released ? "none" : to_string(liveness);
    std::cout << dump(json) << '\n';
    return ExitCode::kSuccess;
  }
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
  if (!record.is_released && liveness == Liveness::kNotLookedAt) {
    std::cout
        << "One look does not show whether the holder is alive; --observe looks for a lease.\n";
  }
  return ExitCode::kSuccess;
}

Outcome lock_list(const LockArguments& arguments) {
  auto store = open_lock_store(arguments.store, StoreUse::kLook);
  if (!store) return store.error();
  Result<std::vector<LockRecord>> records = (*store)->list();
  if (!records) return records.error();
  if (arguments.json) {
    LockJson list = LockJson::array();
    for (const LockRecord& record : *records)
      list.push_back(json_of(record));
    std::cout << dump(list) << '\n';
    return ExitCode::kSuccess;
  }
  using enum Align;
  Table table({{"name", kLeft},
               {"state", kLeft},
               {"owner", kLeft},
               {"token"},
               {"lease_ms"},
               {"data", kLeft}});
  for (const LockRecord& record : *records) {
    table.add_row({record.name, record.is_released ? "released" : "held", record.owner,
                   std::to_string(record.token.value()), short_text(lease_ms(record), 12),
                   record.data});
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
  switch ((*store)->force_release(arguments.name)) {
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
    command->add_option("--store", arguments->store, "Where the locks are: sqlite:FILE")
        ->required();
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
