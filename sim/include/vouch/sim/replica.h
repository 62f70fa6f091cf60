#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "vouch/detector/assert.h"
#include "vouch/detector/ids.h"
#include "vouch/detector/rng.h"
#include "vouch/detector/time.h"
#include "vouch/sim/network.h"

namespace vouch {
struct Diagnosis;
}

namespace vouch::sim {

class Engine;
class FrontEnd;
struct FrontEndOptions;

/// What a replica is for its group at the moment, as far as it knows.
enum class Role : std::uint8_t { kFollower, kCandidate, kLeader };

/// What the checker and the measures ask a replica.
struct ReplicaStatus {
  Role role = Role::kFollower;
  Term term{};      ///< Newest term that it knows; must survive a crash (rule S6).
  NodeId leader{};  ///< As it knows it, or kNobody.
  /// Until when, by its own clock, it believes that nobody else can lead; kNever when it knows no
  /// end, kLongAgo when it holds no lease.
  Instant lease_until = kLongAgo;

  friend bool operator==(const ReplicaStatus&, const ReplicaStatus&) = default;
};

/// What kind of thing a replica reports about itself.
enum class NoteKind : std::uint8_t {
  kCampaign,     ///< It begins an election and spends a term. `round` names what allowed it to.
  kElected,      ///< It leads `term` now.
  kSteppedDown,  ///< It led `term` and does not any more; `word` says why.
  kFollows,      ///< It learned of `node` leading `term`; kNobody: it knows no leader any more.
  kConsent,      ///< It sent `node` its consent for confirmation round `round`.
  kDecision,     ///< It decided on `node`: `word`, by `answers` and `consents` of `quorum`.
  kSuspects,     ///< It suspects `node`.
  kTrusts,       ///< It trusts `node` again.
  kOther,        ///< Anything else; `word` names it.
  kDiagnosis,    ///< It names what is broken, or that it is no more: `word`, `diagnosis`.
  kAdvice,       ///< It leads and advises to hand over to `node`; `word` says why.
};
inline constexpr std::uint8_t kNoteKindCount = 11;

/// Something that a replica did and a reader of the trace wants to know. `word` must point to text
/// that lives for ever.
struct Note {
  NoteKind kind = NoteKind::kOther;
  Term term{};
  NodeId node{};
  std::string_view word{};
  std::uint64_t round = 0;
  std::uint32_t attempt = 0;
  std::uint8_t answers = 0;
  std::uint8_t consents = 0;
  std::uint8_t quorum = 0;
  NodeId best{};
  Instant until = kLongAgo;
  const Diagnosis* diagnosis = nullptr;  ///< kDiagnosis; valid during the call only.
};

/// A received message: the bytes that the sender's replica wrote, at an address aligned to 64.
class Payload {
 public:
  Payload(const std::byte* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  [[nodiscard]] const std::byte* data() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The message as its sender's type. All replicas of a simulation run one protocol, so a wrong
  /// size is a bug.
  template <typename M>
  [[nodiscard]] const M& as() const {
    static_assert(std::is_trivially_copyable_v<M>);
    VOUCH_ASSERT(size_ == sizeof(M));
    return *std::launder(reinterpret_cast<const M*>(bytes_));
  }

 private:
  const std::byte* bytes_;
  std::size_t size_;
};

/// What a replica can do while it handles something: read its own clock, send, report. Valid during
/// the call only.
class Context {
 public:
  Context(Engine& engine, NodeIndex self, Instant now) : engine_(engine), self_(self), now_(now) {}

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] NodeId self() const { return NodeId{self_ + 1}; }

  /// Sends a message, constructed in place from `arguments`. The network may lose it. Sending to an
  /// unknown node is a bug.
  template <typename M, typename... Arguments>
  void send(NodeId to, Arguments&&... arguments) {
    static_assert(std::is_trivially_copyable_v<M> && alignof(M) <= 64);
    void* const place = begin_send(to, sizeof(M));
    if (place == nullptr) return;
    // clang++ 14 does not initialise an aggregate with parentheses yet.
    if constexpr (std::is_constructible_v<M, Arguments...>) {
      ::new (place) M(std::forward<Arguments>(arguments)...);
    } else {
      ::new (place) M{std::forward<Arguments>(arguments)...};
    }
    end_send();
  }

  /// Reports to the observers; costs nothing when there is none.
  void note(const Note& note);

  /// Whether anybody reads notes.
  [[nodiscard]] bool is_observed() const;

 private:
  /// Room for a message on its way, or nullptr when it is lost and nobody wants to see it.
  void* begin_send(NodeId to, std::size_t size);
  void end_send();

  Engine& engine_;
  NodeIndex self_;
  Instant now_;
};

/// How a replica begins a life.
struct Boot {
  Incarnation incarnation{1};  ///< Higher after each restart.
  bool is_first = true;        ///< It has never run before.
  bool lost_disk = false;      ///< A restart that finds nothing of what was stored.
  NodeId initial_leader{};     ///< First boot: whom everybody should find leading, or kNobody.
};

/// What happens to a replica's host, or is known of a peer's process, beyond messages and time.
enum class NodeFaultKind : std::uint8_t {
  kWorkerStalled,  ///< The host's worker hangs; what sends heartbeats lives on.
  kWorkerRuns,     ///< It works again.
  kDiskStalled,    ///< The disk takes nothing.
  kDiskRuns,
  kDrained,  ///< The operator wants no leadership here.
  kUndrained,
  kPeerExited,   ///< Certain knowledge: `incarnation` of `peer` is gone (an obituary).
  kPeerRefused,  ///< A message to `peer` was refused: no process listens there. A hint.
};

struct NodeFault {
  NodeFaultKind kind{};
  NodeId peer{};
  Incarnation incarnation{};
};

/// One replica of a group on the simulated network. Derive from TypedReplica to put your own
/// protocol on it.
///
/// The engine calls `start` first, then the handlers whenever something is due. Each returns the
/// instant of the replica's own clock at which it wants `handle_timeout` at the latest (kNever: not
/// at all); a timeout may come late, never early. A restart is another `start` on the same object:
/// it keeps what a disk would keep (term, vote, log) and forgets the rest.
/// A replica must not read a clock, entropy or anything outside itself.
class Replica {
 public:
  virtual ~Replica() = default;

  virtual Instant start(const Boot& boot, Context& context) = 0;
  virtual Instant handle_message(NodeId from, const Payload& payload, Context& context) = 0;
  virtual Instant handle_timeout(Context& context) = 0;
  [[nodiscard]] virtual ReplicaStatus status(Instant now) const = 0;

  /// How far the log of the host's work has come here: one whose log ends earlier cannot get this
  /// node's vote. The default, for protocols without such work, is that all logs are alike.
  [[nodiscard]] virtual LogPosition work_log() const { return {}; }

  /// Something happened to this replica's host. The same may be told again; the default is not to
  /// see it. Returns as the handlers do, or nothing when the wanted timeout stays as it is.
  virtual std::optional<Instant> handle_node_fault(const NodeFault& fault, Context& context) {
    static_cast<void>(fault);
    static_cast<void>(context);
    return std::nullopt;
  }
};

/// A replica whose messages are all of the trivially copyable type M (a std::variant of such types
/// will do). `Derived` has `Instant handle(NodeId from, const M& message, Context& context)`.
template <typename Derived, typename M>
class TypedReplica : public Replica {
 public:
  static_assert(std::is_trivially_copyable_v<M>);

  Instant handle_message(NodeId from, const Payload& payload, Context& context) final {
    return static_cast<Derived*>(this)->handle(from, payload.as<M>(), context);
  }
};

/// What a replica is made from.
struct ReplicaOptions {
  NodeId self{};
  std::size_t replicas = 0;  ///< The group: NodeId 1 .. replicas.
  Rng rng{0};                ///< Its own stream.
};

/// A protocol: makes the replicas of a simulation, and says what the engine must know about them.
class Protocol {
 public:
  virtual ~Protocol() = default;

  /// As the command line and the tables print it.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Size of the largest message in bytes.
  [[nodiscard]] virtual std::size_t largest_message() const = 0;

  /// Whether a leader relies on a lease. Without one its leadership counts until it is told
  /// otherwise, and there is no lease that could be split.
  [[nodiscard]] virtual bool has_lease() const = 0;

  /// Whether two candidates of one term may divide the voters between them. Without it a term
  /// belongs to one node (a ballot that names its node), and no vote can be split.
  [[nodiscard]] virtual bool has_votes() const { return true; }

  /// Whether what replicas do for clients goes over a third one where there is no link: then who
  /// reaches a majority so could commit.
  [[nodiscard]] virtual bool routes_work() const { return false; }

  /// How many bytes a message is on the wire; as large as its type when nothing else is known.
  [[nodiscard]] virtual std::size_t wire_size(const Payload& payload) const {
    return payload.size();
  }

  /// Flips bits of the message as it is on the wire and puts what a receiver then reads in its
  /// place. False: no receiver can read it, so it is dropped; the default for protocols without a
  /// wire format.
  virtual bool corrupt(std::byte* message, std::size_t size, Rng& rng) const {
    static_cast<void>(message);
    static_cast<void>(size);
    static_cast<void>(rng);
    return false;
  }

  /// The kind of a message, for traces.
  [[nodiscard]] virtual std::string_view message_kind(const Payload& payload) const = 0;

  [[nodiscard]] virtual std::unique_ptr<Replica> make(const ReplicaOptions& options) const = 0;

  /// The client's half, if there is one and this client runs it. By default a client only tries one
  /// endpoint after the other.
  [[nodiscard]] virtual std::unique_ptr<FrontEnd> make_front_end(
      const FrontEndOptions& options) const;
};

}  // namespace vouch::sim
