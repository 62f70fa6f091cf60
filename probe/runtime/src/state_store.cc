#include "state_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "json_reader.h"

namespace vouch::runtime {
namespace {

constexpr const char* kFile = "state.json";

Error trouble(const std::string& what, const std::filesystem::path& path) {
  return Error{Errc::kUnavailable, path.string() + ": " + what + ": " + std::strerror(errno)};
}

/// Milliseconds since 1970 on the wall clock.
std::uint64_t wall_milliseconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  return count < 1 ? 1 : static_cast<std::uint64_t>(count);
}

/// Names this start of the machine: CLOCK_BOOTTIME begins anew with the next one.
std::string boot_id() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(stream, id);
  return id;
}

Status sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return trouble("cannot be opened", folder);
  const bool is_synced = fsync(descriptor) == 0;
  close(descriptor);
  if (!is_synced) return trouble("cannot be made durable", folder);
  return Done{};
}

Status write_all(int descriptor, const std::string& text, const std::filesystem::path& path) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(descriptor, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return trouble("cannot be written", path);
    written += static_cast<std::size_t>(count);
  }
  if (fsync(descriptor) != 0) return trouble("cannot be made durable", path);
  return Done{};
}

}  // namespace

Result<StateStore> StateStore::open(const std::filesystem::path& folder, NodeId node) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Error{Errc::kUnavailable,
                 "state_dir: " + folder.string() + " cannot be created: " + error.message()};
  }
  const std::filesystem::path lock_path = folder / "lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return trouble("state_dir: cannot be opened", lock_path);
  StateStore store(folder, lock, node);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error{Errc::kUnavailable,
                 "state_dir: " + folder.string() + " is in use by another process"};
  }
  if (Status read = store.read(); !read) return read.error();
  // A folder that lost its file must not begin again at 1: its peers know a higher incarnation and
  // would drop all that it says. The wall clock is above whatever was counted from it before.
  store.incarnation_ = std::max(store.incarnation_.next(), Incarnation{wall_milliseconds()});
  if (Status written = store.write(); !written) return written.error();
  return store;
}

StateStore::StateStore(StateStore&& other) noexcept
    : folder_(std::move(other.folder_)),
      lock_(std::exchange(other.lock_, -1)),
      node_(other.node_),
      incarnation_(other.incarnation_),
      ballots_(std::move(other.ballots_)),
      promise_(std::move(other.promise_)),
      earlier_(std::move(other.earlier_)) {}

StateStore& StateStore::operator=(StateStore&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(lock_, other.lock_);
  std::swap(node_, other.node_);
  std::swap(incarnation_, other.incarnation_);
  std::swap(ballots_, other.ballots_);
  std::swap(promise_, other.promise_);
  std::swap(earlier_, other.earlier_);
  return *this;
}

StateStore::~StateStore() {
  if (lock_ >= 0) close(lock_);
}

Status StateStore::save(const host::Ballot& ballot) {
  const std::vector<host::Ballot> before = ballots_;
  bool is_known = false;
  for (host::Ballot& kept : ballots_) {
    if (kept.group != ballot.group) continue;
    kept = ballot;
    is_known = true;
  }
  if (!is_known) ballots_.push_back(ballot);
  Status written = write();
  if (!written) ballots_ = before;
  return written;
}

std::optional<Duration> StateStore::promise_left(Instant now) const {
  if (!earlier_ || earlier_->boot_id.empty() || earlier_->boot_id != boot_id()) return std::nullopt;
  return remaining(earlier_->until, now);
}

Status StateStore::save_promise(Instant until) {
  promise_ = StoredPromise{boot_id(), until};
  return write();
}

Status StateStore::read() {
  const std::filesystem::path path = folder_ / kFile;
  if (!std::filesystem::exists(path)) return Done{};
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return trouble("cannot be read", path);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  // Without its votes a node could vote twice: a spoilt file is an error, never a fresh start.
  Result<Json> json = parse_json(text);
  if (!json) return Error{Errc::kBadInput, path.string() + ": " + json.error().message};
  JsonProblem problem;
  JsonObject root(*json, "", problem);
  constexpr std::uint64_t kAny = UINT64_MAX;
  const std::uint64_t node = root.number("node_id", 1, UINT32_MAX);
  incarnation_ = Incarnation{root.number("incarnation", 1, kAny - 1)};
  for (JsonObject& entry : root.objects("ballots")) {
    host::Ballot ballot;
    ballot.group = GroupId{entry.number("group", 0, kAny)};
    ballot.term = Term{entry.number("term", 0, kAny)};
    ballot.voted_for = NodeId{static_cast<NodeId::rep>(entry.number("voted_for", 0, UINT32_MAX))};
    entry.finish();
    ballots_.push_back(ballot);
  }
  if (root.has("promise")) {
    JsonObject promise = root.object("promise");
    StoredPromise stored{promise.text("boot_id"), {}};
    stored.until = Instant(Duration(static_cast<std::int64_t>(
        promise.number("until_ns", 0, static_cast<std::uint64_t>(INT64_MAX)))));
    promise.finish();
    earlier_ = std::move(stored);
  }
  root.finish();
  if (!problem.found() && node != node_.value()) {
    problem.add("/node_id", "must be that of this node, " + std::to_string(node_.value()), node);
  }
  if (problem.found()) return Error{Errc::kBadInput, path.string() + ": " + problem.text()};
  return Done{};
}

Status StateStore::write() const {
  nlohmann::ordered_json json;
  json["node_id"] = node_.value();
  json["incarnation"] = incarnation_.value();
  json["ballots"] = nlohmann::ordered_json::array();
  for (const host::Ballot& ballot : ballots_) {
    json["ballots"].push_back({{"group", ballot.group.value()},
                               {"term", ballot.term.value()},
                               {"voted_for", ballot.voted_for.value()}});
  }
  if (promise_) {
    // Bound to nobody is an instant that has passed.
    const std::int64_t until =
        std::max<std::int64_t>(promise_->until.time_since_epoch().count(), 0);
    json["promise"] = {{"boot_id", promise_->boot_id}, {"until_ns", until}};
  }
  const std::filesystem::path path = folder_ / kFile;
  const std::filesystem::path next = folder_ / "state.json.next";
  const int descriptor = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return trouble("cannot be written", next);
  Status written = write_all(descriptor, json.dump() + "\n", next);
  close(descriptor);
  if (!written) return written;
  if (std::rename(next.c_str(), path.c_str()) != 0) return trouble("cannot be replaced", path);
  return sync_folder(folder_);
}

}  // namespace vouch::runtime
