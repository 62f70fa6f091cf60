#pragma once

// The fields of the inputs, each described once: `Io` is JsonOut or JsonIn. With JsonOut the
// structs are const, with JsonIn they are filled.

#include <string_view>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/decide.h"
#include "vouch/quorum_check/leadership.h"
#include "vouch/record/line.h"

namespace vouch::record {

inline constexpr std::uint8_t kVoteVerdictCount = 5;
inline constexpr std::uint8_t kStandDownReasonCount = 7;
inline constexpr std::uint8_t kLeaseModeCount = 2;

[[nodiscard]] inline std::string_view lease_mode_name(LeaseMode mode) {
  return mode == LeaseMode::kRefuse ? "refuse" : "wait_out";
}

template <typename Io, typename T>
void log_fields(Io& io, T& log) {
  io.id("term", log.term);
  io.number("index", log.index);
}

template <typename Io, typename T>
void candidacy_fields(Io& io, T& candidacy) {
  io.object("log", [&](auto& in) { log_fields(in, candidacy.log); });
  io.number("priority", candidacy.priority);
  io.number("strikes", candidacy.strikes);
  io.number("consenters", candidacy.consenters);
  io.flag("may_lead", candidacy.may_lead);
  io.flag("electable", candidacy.electable);
  io.flag("reaches_quorum", candidacy.reaches_quorum);
}

template <typename Io, typename T>
void peer_fields(Io& io, T& peer) {
  io.id("node", peer.node);
  io.id("incarnation", peer.incarnation);
  io.flag("trusted", peer.trusted);
  io.flag("is_heard", peer.is_heard);
  io.flag("carries_large", peer.carries_large);
  io.flag("sick", peer.sick);
  io.flag("answers_late", peer.answers_late);
  io.instant("suspect_at_ns", peer.suspect_at);
  io.object("candidacy", [&](auto& in) { candidacy_fields(in, peer.candidacy); });
}

template <typename Io, typename T>
void answer_fields(Io& io, T& answer) {
  io.number("attempt", answer.attempt);
  io.word("answer", answer.answer, kAnswerCount, [](Answer a) { return vouch::to_string(a); });
  io.flag("sick", answer.sick);
  io.instant("asked_at_ns", answer.asked_at);
  io.instant("consent_until_ns", answer.consent_until);
  io.instant("evidence_until_ns", answer.evidence_until);
  io.instant("bound_until_ns", answer.bound_until);
  io.id("incarnation", answer.incarnation);
  io.id("term", answer.term);
  io.id("leader", answer.leader);
  io.id("endorses", answer.endorses);
  io.object("log", [&](auto& in) { log_fields(in, answer.log); });
}

template <typename Io, typename T>
void own_fields(Io& io, T& own) {
  io.object("log", [&](auto& in) { log_fields(in, own.log); });
  io.number("priority", own.priority);
  io.number("strikes", own.strikes);
  io.flag("may_lead", own.may_lead);
  io.flag("sick", own.sick);
  io.instant("stuck_at_ns", own.stuck_at);
  io.option("ranks_by_group", own.ranks_by_group);
  io.instant("sick_until_ns", own.sick_until);
  io.number("late_timers", own.late_timers);
}

template <typename Io, typename T>
void binding_fields(Io& io, T& bound) {
  io.slot("promised_to", bound.promise.to);
  io.id("promised_term", bound.promise.term);
  io.instant("promised_until_ns", bound.promise.until);
  io.slot("consented_to", bound.hold.candidate);
  io.instant("consented_until_ns", bound.hold.until);
  io.instant("earlier_until_ns", bound.earlier_until);
  io.instant("silent_until_ns", bound.silent_until);
  io.slot("evidence_of", bound.evidence.leader);
  io.id("evidence_term", bound.evidence.term);
  io.instant("evidence_until_ns", bound.evidence.until);
  io.flag("leads", bound.leads);
  io.instant("lease_from_ns", bound.lease_from);
  io.instant("lease_until_ns", bound.lease_until);
}

template <typename Io, typename T>
void voter_fields(Io& io, T& voters) {
  io.slots("voters", voters.current);
  io.slots("joint_voters", voters.joint);
}

template <typename Io, typename T>
void input_fields(Io& io, T& in, const DecisionInput*) {
  voter_fields(io, in.voters);
  io.object("own", [&](auto& own) { own_fields(own, in.own); });
  io.object("bindings", [&](auto& bound) { binding_fields(bound, in.bindings); });
  io.slot("round_subject", in.round.subject);
  io.id("round_subject_incarnation", in.round.subject_incarnation);
  io.id("round_term", in.round.term);
  io.instant("round_started_ns", in.round.started);
  io.flag("leader_heard", in.leader_heard);
  io.slot("leader", in.leader);
  io.duration("hold_ns", in.hold);
  io.duration("window_ns", in.window);
}

template <typename Io, typename T>
void input_fields(Io& io, T& in, const LeadershipInput*) {
  voter_fields(io, in.voters);
  io.object("own", [&](auto& own) { own_fields(own, in.own); });
  io.object("work", [&](auto& work) {
    work.instant("pending_since_ns", in.work.pending_since);
    work.instant("reported_at_ns", in.work.reported_at);
    work.duration("progress_timeout_ns", in.work.progress_timeout);
    work.duration("worker_interval_ns", in.work.worker_interval);
  });
  io.instant("lease_from_ns", in.lease_from);
  io.instant("read_buffers_until_ns", in.drain_until);
  io.id("newer_term", in.newer_term);
}

template <typename Io, typename T>
void input_fields(Io& io, T& in, const AnswerInput*) {
  voter_fields(io, in.voters);
  io.object("own", [&](auto& own) { own_fields(own, in.own); });
  io.object("bindings", [&](auto& bound) { binding_fields(bound, in.bindings); });
  io.id("asked_epoch", in.asked_epoch);
  io.id("asked_term", in.asked_term);
  io.flag("wants_consent", in.wants_consent);
  io.flag("asker_sick", in.asker_sick);
  io.object("asker_log", [&](auto& log) { log_fields(log, in.asker_log); });
  io.duration("hold_ns", in.hold);
}

template <typename Io, typename T>
void input_fields(Io& io, T& in, const VoteInput*) {
  voter_fields(io, in.voters);
  io.word("lease_mode", in.lease_mode, kLeaseModeCount, lease_mode_name);
  io.object("bindings", [&](auto& bound) { binding_fields(bound, in.bindings); });
}

}  // namespace vouch::record
