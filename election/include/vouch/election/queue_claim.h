#pragma once

#include <optional>
#include <string>

#include "vouch/detector/rng.h"
#include "vouch/election/claim.h"
#include "vouch/election/elector_config.h"
#include "vouch/election/tenure.h"

namespace vouch::election {

/// The part of an Elector that speaks to a store with queues: keeps a session, stands in the queue,
/// leads while its place is the first, and otherwise watches the place before its own and no other,
/// so that one departure wakes one candidate.
///
/// At most one request is out at any time. A place that was made without a reply is found by its
/// guid and its session; a place of an earlier session is never taken for one's own (CURATOR-498,
/// -696). Before it leads it has seen its own place in the list: a session that ended meanwhile
/// cannot lead. Not thread-safe: give it one owner.
class QueueClaim {
 public:
  QueueClaim(const ElectorConfig& config, Rng rng);

  void want(bool wanted) { wants_ = wanted; }
  void begin_release(Instant now);
  [[nodiscard]] std::optional<AnyRequest> act(Instant now, Tenure& tenure);
  void handle_reply(Instant now, const QueueReply& reply, Tenure& tenure);
  void handle_notice(Instant now, const QueueNotice& notice, Tenure& tenure);
  [[nodiscard]] Instant due(const Tenure& tenure) const;

  [[nodiscard]] bool is_settled() const { return !out_ && !is_releasing_; }
  [[nodiscard]] bool is_refused() const { return false; }

  /// The first place as it was seen last, as a record.
  [[nodiscard]] const std::optional<LockRecord>& seen() const { return seen_; }
  [[nodiscard]] Instant expires_at() const { return kNever; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] const ElectorCounters& counters() const { return counters_; }

 private:
  enum class Kind : std::uint8_t { kOpen, kClose, kKeep, kJoin, kList, kWatch };

  struct Out {
    std::uint64_t id = 0;
    Kind kind = Kind::kList;
    Instant sent_at{};
    SessionId session{};
  };

  [[nodiscard]] QueueRequest send(Instant now, Kind kind, QueueOperation operation);
  [[nodiscard]] QueueRequest next_request(Instant now);
  void handle_answer(Instant now, const Out& out, const QueueReply& reply, Tenure& tenure);
  void handle_refusal(Instant now, const Out& out, Tenure& tenure);
  void handle_silence(Instant now, const Out& out);
  void handle_list(Instant now, const Out& out, const QueueReply& reply, Tenure& tenure);
  void open(const QueueReply& reply, Tenure& tenure);
  void forget_session(Instant now);
  void leave_queue(Instant now);
  void notice_loss(Instant now, const Tenure& tenure);
  void tell_holder(Instant now, const QueuePlace& first, Tenure& tenure);

  std::string name_;
  std::string owner_;
  Duration lease_;
  Duration heartbeat_interval_;
  Duration refresh_interval_;
  Duration request_timeout_;
  Rng rng_;

  bool wants_ = false;
  bool is_releasing_ = false;
  SessionId session_{};
  std::string guid_;   ///< Of this session's place.
  std::string place_;  ///< The own one; empty: not known to be there.
  bool tried_join_ = false;
  bool leads_ = false;  ///< The own place was the first when it was listed last.
  bool must_list_ = true;
  std::string watched_;  ///< The place before the own one; empty: must be watched yet.
  bool is_watching_ = false;
  std::uint32_t keeps_ = 0;  ///< Since the last list.
  Instant next_at_ = kLongAgo;
  Instant release_until_ = kLongAgo;
  std::optional<Out> out_;
  std::uint64_t sent_ = 0;
  std::optional<LockRecord> seen_;
  std::string told_holder_;
  FencingToken told_token_{};
  std::string trouble_;
  ElectorCounters counters_;
};

}  // namespace vouch::election
