#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "vouch/detector/result.h"
#include "vouch/host/replica.h"
#include "vouch/host/vote.h"
#include "vouch/probe/front_end_message.h"
#include "vouch/probe/message.h"
#include "vouch/quorum_check/config.h"
#include "vouch/quorum_check/recorder.h"
#include "vouch/sim/host_work.h"
#include "vouch/sim/replica.h"

namespace vouch::sim {

/// What vouch replicas send each other: the core's messages, those of the built-in election, the
/// work of the modelled hosts, and what passes between front-ends and them.
using VouchMessage =
    std::variant<Message, host::VoteMessage, WorkMessage, FrontEndMessage, RoutedWork>;

/// The shipped Monitor with the built-in election as its host, unchanged, in virtual time.
class VouchReplica final : public TypedReplica<VouchReplica, VouchMessage> {
 public:
  /// `config` without self, peers, groups and boot, which the replica fills in. `recorder`: see
  /// VouchProtocol::set_recorder.
  VouchReplica(const ReplicaOptions& options, const MonitorConfig& config, const WorkOptions& work,
               DecisionRecorder* recorder = nullptr);

  Instant start(const Boot& boot, Context& context) override;
  Instant handle(NodeId from, const VouchMessage& message, Context& context);
  Instant handle_timeout(Context& context) override;
  [[nodiscard]] ReplicaStatus status(Instant now) const override;
  [[nodiscard]] LogPosition work_log() const override { return work_.log(); }

  /// Stalls reach the Monitor as progress that is not made, a drain as eligibility, what is known
  /// of a peer's process as obituary or hint.
  std::optional<Instant> handle_node_fault(const NodeFault& fault, Context& context) override;

  [[nodiscard]] const HostWork& work() const { return work_; }
  [[nodiscard]] const Monitor& monitor() const { return replica_->monitor(); }

 private:
  Instant finish(Context& context);
  void enable_when_led(Context& context);
  void handle_work(NodeId from, const WorkMessage& message, Context& context);
  void handle_routed(const RoutedWork& routed, Context& context);
  template <typename Work>
  void send_work(NodeId to, const Work& work, Context& context);
  void do_work(Context& context);
  void report_work(Context& context);

  NodeId self_;
  std::size_t replicas_;
  MonitorConfig config_;
  DecisionRecorder* recorder_;
  Rng rng_;
  host::Ballot ballot_{};  ///< What the disk keeps.
  Term led_{};             ///< The term that this node leads, or 0.
  NodeId leader_{};        ///< As the Monitor said last.
  /// Until everybody knows this leader, only it may lead: every simulation begins with the leader
  /// that it names.
  NodeId awaited_leader_{};
  bool is_drained_ = false;  ///< By the operator; a restart does not change it.
  HostWork work_;
  bool follows_advice_;
  Term working_{};               ///< The term for which work_ accepts.
  LogPosition reported_log_{};   ///< The same of its log.
  Duration reported_pending_{};  ///< What the Monitor was told last.
  std::optional<host::Replica> replica_;
};

/// The policy `vouch`; with relays (MonitorConfig::relay) `vouch+relay=heartbeats` and
/// `vouch+relay=all`, in which the work of the hosts follows Monitor::next_hop.
class VouchProtocol final : public Protocol {
 public:
  /// Checks `config` for a group of `replicas`; names field, rule and value.
  static Result<VouchProtocol> create(const MonitorConfig& config, std::size_t replicas,
                                      const WorkOptions& work = {});

  [[nodiscard]] std::string_view name() const override;
  [[nodiscard]] bool routes_work() const override { return config_.relay == RelayMode::kAll; }
  [[nodiscard]] std::size_t largest_message() const override { return sizeof(VouchMessage); }
  [[nodiscard]] bool has_lease() const override { return true; }
  [[nodiscard]] std::size_t wire_size(const Payload& payload) const override;
  bool corrupt(std::byte* message, std::size_t size, Rng& rng) const override;
  [[nodiscard]] std::string_view message_kind(const Payload& payload) const override;
  [[nodiscard]] std::unique_ptr<Replica> make(const ReplicaOptions& options) const override;
  [[nodiscard]] std::unique_ptr<FrontEnd> make_front_end(
      const FrontEndOptions& options) const override;

  [[nodiscard]] const MonitorConfig& config() const { return config_; }

  /// The Monitors of all replicas made from now on tell `recorder` their decisions (nullptr:
  /// nobody). It must outlive them. A protocol that several threads use must have none.
  void set_recorder(DecisionRecorder* recorder) { recorder_ = recorder; }

 private:
  VouchProtocol(const MonitorConfig& config, const WorkOptions& work)
      : config_(config), work_(work) {}

  MonitorConfig config_;
  WorkOptions work_;
  DecisionRecorder* recorder_ = nullptr;
};

}  // namespace vouch::sim
