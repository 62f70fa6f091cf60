// The part of GroupFleet that tells peers what changed, and notices what was missed.

#include <algorithm>

#include "vouch/quorum_check/group_fleet.h"

namespace vouch {
namespace {

/// Groups looked at for one peer in one call, when everything is told anew.
constexpr std::uint64_t kScanPerCall = 100'000;

/// For so many heartbeat intervals sums may differ before everything is told anew, at most.
constexpr int kPatienceMost = 64;

}  // namespace

/// Adds (sign 1) or takes away (-1) what `told` is worth in the sums of its members.
void GroupFleet::sum_up(Core& core, GroupId id, const Told& told, int sign) {
  const auto add = [&](auto& sums, EntryKind kind) {
    const std::uint64_t hash = statement_hash(kind, id, told.term);
    sums.count += static_cast<std::uint32_t>(sign);
    sums.hash += sign > 0 ? hash : 0 - hash;
  };
  const auto link = [&](Slot slot) -> PeerLink& { return core.links[told.members.at[slot]]; };
  if (told.leads) {
    for (Slot slot = 0; slot < told.members.count; ++slot) {
      if (told.members.at[slot] != core.roster.self()) add(link(slot).out, EntryKind::kClaim);
    }
    told.supporters.for_each([&](Slot slot) { add(link(slot).in, EntryKind::kSupport); });
    return;
  }
  if (told.supported) add(link(told.leader).out, EntryKind::kSupport);
  if (told.claimed) add(link(told.leader).in, EntryKind::kClaim);
}

void GroupFleet::account(Core& core, GroupIndex index, const Told& before, const Told& after) {
  const GroupId id = table_[index].id;
  sum_up(core, id, before, -1);
  sum_up(core, id, after, 1);
  log_change(core, index, before, after);
}

/// What `told` states to one member: the kind and the term, or nothing.
static std::pair<EntryKind, Term> stated(const Told& told, Slot to) {
  if (told.leads) return {EntryKind::kClaim, told.term};
  if (told.supported && told.leader == to) return {EntryKind::kSupport, told.term};
  return {EntryKind::kNothing, Term{}};
}

void GroupFleet::log_change(Core& core, GroupIndex index, const Told& before, const Told& after) {
  const bool gives_up = after.abdicated > before.abdicated;
  const std::uint64_t change = changes_;
  const auto tell = [&](PeerIndex peer) {
    if (peer == core.roster.self()) return;
    const auto old = stated(before, before.members.slot_of(peer));
    const auto now = stated(after, after.members.slot_of(peer));
    if (old == now && !gives_up) return;
    if (changes_ == change) log_[changes_++ % log_.size()] = index;
    concern(core, peer, change, old != now && old.first != EntryKind::kNothing);
  };
  for (const PeerIndex peer : after.members.all())
    tell(peer);
  if (before.members == after.members) return;
  for (const PeerIndex peer : before.members.all()) {
    if (after.members.slot_of(peer) == kNoSlot) tell(peer);
  }
}

/// The change of that number is news for `peer`.
void GroupFleet::concern(Core& core, PeerIndex peer, std::uint64_t change, bool removes) {
  StreamOut& out = core.links[peer].out;
  const std::uint64_t position = table_.size() + (change - out.base);
  // Everything between was of no concern to the peer: not even looked at.
  if (out.next == out.head) out.next = position;
  out.head = position + 1;
  if (removes) out.removed = out.head;
  mark_lagging(core, peer);
}

void GroupFleet::handle_heard(Core& core, PeerIndex peer) {
  mark_lagging(core, peer);
}

void GroupFleet::mark_lagging(Core& core, PeerIndex peer) {
  PeerLink& link = core.links[peer];
  if (link.is_lagging || link.out.sent == link.out.head) return;
  link.is_lagging = true;
  lagging_.push_back(peer);  // Room for every peer was made at the start.
}

/// Everything is told anew: the peer has nothing, or something else.
void GroupFleet::restart_stream(Core& core, PeerIndex peer) {
  StreamOut& out = core.links[peer].out;
  ++out.stream;
  out.base = changes_;
  out.head = table_.size();
  out.removed = out.head;
  out.sent = 0;
  out.next = 0;
  out.acked = 0;
  out.waits_since = core.now;
  mark_lagging(core, peer);
}

Statement GroupFleet::statement_for(const Core& core, GroupIndex index, PeerIndex peer) const {
  const GroupState& state = table_[index];
  Statement statement{.group = state.id};
  if (is_active(index)) {
    const Told& told = pool_[state.next].told;
    statement.kind = stated(told, told.members.slot_of(peer)).first;
    statement.term = told.term;
    statement.abdicated = told.abdicated;
    return statement;
  }
  static_cast<void>(core);
  statement.term = state.term;
  if (state.is(GroupState::kLeads)) {
    statement.kind = EntryKind::kClaim;
  } else if (state.is(GroupState::kSupported) && table_.members(index)[state.leader] == peer) {
    statement.kind = EntryKind::kSupport;
  }
  if (state.is(GroupState::kAbdicated)) statement.abdicated = state.term;
  return statement;
}

StreamDigest GroupFleet::digest_for(const Core& core, PeerIndex peer) const {
  const PeerLink& link = core.links[peer];
  return {.stream = link.out.stream,
          .count = link.out.count,
          .hash = link.out.hash,
          .head = link.out.head,
          .removed = link.out.removed,
          .ack_stream = link.in.stream,
          .ack = link.in.applied};
}

/// Sends what `peer` has not been sent, as far as datagrams may go out. True: it has everything.
bool GroupFleet::pump(Core& core, PeerIndex peer) {
  PeerLink& link = core.links[peer];
  StreamOut& out = link.out;
  std::uint64_t looked_at = 0;
  while (out.next < out.head) {
    if (out.next >= table_.size() &&
        out.base + (out.next - table_.size()) + log_.size() < changes_) {
      restart_stream(core, peer);  // It has missed more than is remembered.
    }
    GroupBatch& open = link.open;
    // What waits in it for another position is sent as well: later entries overrule earlier ones.
    if (open.end == 0 || open.end != out.sent || open.stream != out.stream) {
      open.stream = out.stream;
      open.begin = out.sent;
    }
    core.mark_dirty(peer);
    bool is_full = false;
    while (out.next < out.head && ++looked_at <= kScanPerCall) {
      const GroupIndex index = out.next < table_.size()
                                   ? static_cast<GroupIndex>(out.next)
                                   : log_[(out.base + (out.next - table_.size())) % log_.size()];
      const Slot slot = is_active(index) ? pool_[table_[index].next].told.members.slot_of(peer)
                                         : table_.slot_of(index, peer);
      if (slot != kNoSlot && !EntryWriter(open).append(statement_for(core, index, peer))) {
        is_full = true;
        break;
      }
      ++out.next;
    }
    if (out.sent == out.acked) out.waits_since = core.now;
    open.end = out.next;
    out.sent = out.next;
    if (looked_at > kScanPerCall) return false;
    if (is_full && !core.send_open(peer)) return false;
  }
  return true;
}

void GroupFleet::flush(Core& core) {
  for (std::size_t at = lagging_.size(); at > 0; --at) {
    const PeerIndex peer = lagging_[at - 1];
    // Who was never heard has never been there. Who is not heard any more may hear us all the same.
    const bool waits = core.peers[peer].incarnation.value() == 0;
    if (!waits && !pump(core, peer)) continue;
    core.links[peer].is_lagging = false;
    lagging_[at - 1] = lagging_.back();
    lagging_.pop_back();
  }
  // At once while little is going on; gathered for a moment when much is.
  const bool at_once = core.packets_left > limits_.packets_max / 4 || core.now >= pace_at_;
  while (at_once && !core.dirty.empty()) {
    const PeerIndex peer = core.dirty.back();
    const GroupBatch& open = core.links[peer].open;
    if ((open.size > 0 || open.end > 0) && !core.send_open(peer)) break;
    core.links[peer].is_dirty = false;
    core.dirty.pop_back();
  }
  const bool has_work = !core.dirty.empty() || !lagging_.empty() || advice_left_ > 0 ||
                        (in_flight_ < limits_.rounds_max && waiting(core) > 0);
  pace_at_ = has_work ? core.now + pace_ : kNever;
}

/// Datagrams are let out evenly, so that no interval sees more than packets_max: half of them as a
/// reserve that fills up while little is sent, half spread over the slots of the interval.
void GroupFleet::refill(Core& core) {
  const std::int64_t slots = (core.now - paced_at_) / pace_;
  if (slots <= 0) return;
  paced_at_ += slots * pace_;
  const std::uint32_t share = std::max(limits_.packets_max / 50, 1U);
  const std::uint32_t most = limits_.packets_max / 2;
  if (slots >= 50) {
    core.packets_left = most;
    return;
  }
  core.packets_left = std::min(most, core.packets_left + share * static_cast<std::uint32_t>(slots));
}

void GroupFleet::handle_digest(Core& core, PeerIndex from, const NodeHeartbeat& heartbeat,
                               bool echo_fresh) {
  PeerLink& link = core.links[from];
  const StreamDigest& digest = heartbeat.digest;
  link.in.removed = digest.stream == link.in.stream ? digest.removed : UINT64_MAX;
  take_ack(core, from, digest);
  compare(core, from, digest);
  // Old traffic tells of old support, and who has not heard what was taken back knows too little.
  if (!echo_fresh || link.in.applied < link.in.removed) return;
  const Instant written_after{Duration(heartbeat.echo.value())};
  SupportFloor& floor = link.floor;
  floor.until = written_after + core.shrink(from_wire(heartbeat.lease_floor));
  floor.count = 0;
  for (std::uint8_t i = 0; i < heartbeat.report_count; ++i) {
    const PeerReport& report = heartbeat.reports[i];
    const PeerIndex peer = core.roster.index_of(report.peer);
    if (peer == kNoPeer) continue;
    floor.peers[floor.count] = peer;
    floor.ends[floor.count++] = written_after + core.shrink(from_wire(report.support));
  }
}

void GroupFleet::take_ack(Core& core, PeerIndex from, const StreamDigest& digest) {
  StreamOut& out = core.links[from].out;
  if (digest.ack_stream == out.stream) {
    if (digest.ack <= out.acked || digest.ack > out.head) return;
    out.acked = digest.ack;
    out.patience = Duration::zero();
    out.waits_since = core.now;
    if (out.sent < out.acked) {
      out.sent = out.acked;
      out.next = std::max(out.next, out.acked);
    }
  } else if (out.acked > 0) {
    restart_stream(core, from);  // It has lost what it had.
  }
}

/// The digest: when the peer and this node have everything of each other, the sums must be equal.
void GroupFleet::compare(Core& core, PeerIndex from, const StreamDigest& digest) {
  const StreamOut& out = core.links[from].out;
  StreamIn& in = core.links[from].in;
  const Duration interval = core.config.heartbeat_interval;
  const bool has_all = digest.stream == in.stream && digest.head == in.applied &&
                       digest.ack_stream == out.stream && digest.ack == out.head;
  if (!has_all) {
    in.differs_since = kNever;
    return;
  }
  if (digest.count == in.count && digest.hash == in.hash) {
    in.differs_since = kNever;
    in.patience = 2 * interval;
    return;
  }
  if (in.differs_since == kNever) in.differs_since = core.now;
  if (core.now - in.differs_since < in.patience) return;
  ++core.counters.resyncs;
  in.patience = std::clamp(2 * in.patience, 2 * interval, kPatienceMost * interval);
  in.differs_since = kNever;
  in.stream = 0;  // Our next heartbeat says that we have nothing, so it begins anew.
  in.applied = 0;
  in.removed = UINT64_MAX;
}

/// Whether the statements of `batch` belong to what we have not.
bool GroupFleet::accept_stream(const Core& core, StreamIn& in, const GroupBatch& batch) const {
  if (batch.end <= batch.begin) return false;
  // Who may have consented in an earlier life accepts no claim yet (rule S7): it will be told
  // again.
  if (core.now < core.promises_nothing_until) return false;
  if (batch.stream != in.stream) {
    if (batch.stream < in.stream || batch.begin != 0) return false;
    in.stream = batch.stream;
    in.applied = 0;
    in.removed = UINT64_MAX;
  }
  return batch.end > in.applied;
}

void GroupFleet::handle_batch(Core& core, PeerIndex from, const GroupBatch& batch) {
  ++core.counters.batches_received;
  PeerLink& link = core.links[from];
  EntryReader reader(batch);
  GroupEntry entry;
  while (reader.next(entry)) {
    if (entry.kind == EntryKind::kRequest) take_request(core, from, entry.request);
    if (entry.kind == EntryKind::kReply) take_reply(core, from, entry);
  }
  if (reader.failed()) {
    ++core.counters.dropped_bad_field;
    return;
  }
  if (!accept_stream(core, link.in, batch)) return;
  if (batch.begin > link.in.applied) return hold(core, from, batch);
  if (!apply(core, from, batch)) return;
  // What came too early may fit now.
  for (bool any = link.held > 0; any;) {
    any = false;
    for (Held& held : held_) {
      if (held.peer != from) continue;
      const bool is_old = held.batch.stream != link.in.stream || held.batch.end <= link.in.applied;
      if (!is_old && held.batch.begin > link.in.applied) continue;
      held.peer = kNoPeer;
      --link.held;
      any = !is_old && apply(core, from, held.batch);
    }
  }
}

/// Keeps what overtook an earlier datagram, if there is room; if not, it will be told again.
void GroupFleet::hold(Core& core, PeerIndex from, const GroupBatch& batch) {
  for (Held& held : held_) {
    if (held.peer != kNoPeer) continue;
    held.peer = from;
    held.batch = batch;
    ++core.links[from].held;
    return;
  }
  ++core.counters.dropped_no_room;
}

/// Takes all statements of the batch. False: there was no room for one; they must be told again.
bool GroupFleet::apply(Core& core, PeerIndex from, const GroupBatch& batch) {
  EntryReader reader(batch);
  GroupEntry entry;
  while (reader.next(entry)) {
    if (entry.kind == EntryKind::kRequest || entry.kind == EntryKind::kReply) continue;
    if (!take_statement(core, from, entry.statement)) return false;
  }
  core.links[from].in.applied = batch.end;
  return true;
}

/// False: there was no room for it; it must be told again.
bool GroupFleet::take_statement(Core& core, PeerIndex from, const Statement& statement) {
  const GroupIndex index = table_.find(statement.group);
  const Slot known = index == kNoGroup ? kNoSlot : table_.slot_of(index, from);
  if (index == kNoGroup || (known == kNoSlot && !is_active(index))) {
    ++core.counters.dropped_unknown_group;
    return true;
  }
  if (!is_active(index) && take_idle(core, index, from, known, statement)) return true;
  return with_group(core, index, Origin::kNetwork, [&](GroupWatch& watch) {
    const Slot slot = watch.members().slot_of(from);
    if (slot == kNoSlot) return false;
    if (statement.kind == EntryKind::kClaim) {
      watch.handle_claim(core, slot, statement);
    } else if (statement.kind == EntryKind::kSupport) {
      watch.handle_support(core, slot, statement);
    } else {
      watch.handle_nothing(core, slot, statement);
    }
    // Who speaks of an old term does not know the new one.
    if (statement.kind != EntryKind::kNothing && statement.term < watch.term()) {
      log_[changes_ % log_.size()] = index;
      concern(core, from, changes_++, false);
    }
    return false;
  });
}

/// What a statement changes in an idle group without waking it. False: that does not do.
bool GroupFleet::take_idle(Core& core, GroupIndex index, PeerIndex from, Slot slot,
                           const Statement& statement) {
  GroupState& state = table_[index];
  if (statement.term > state.term) return false;
  const bool leads = state.is(GroupState::kLeads);
  const bool is_leader = state.is(GroupState::kClaimed) && state.leader == slot;
  const bool is_supporter = leads && (state.supporters >> slot & 1U) != 0;
  switch (statement.kind) {
    case EntryKind::kClaim:
      return is_leader && statement.term == state.term;
    case EntryKind::kSupport:
      if (!leads || statement.term != state.term) return false;
      if (is_supporter) return true;
      state.supporters = static_cast<std::uint16_t>(state.supporters | 1U << slot);
      ++core.links[from].in.count;
      core.links[from].in.hash += statement_hash(EntryKind::kSupport, state.id, state.term);
      return true;
    case EntryKind::kNothing:
      return !is_leader && !is_supporter;
    case EntryKind::kRequest:
    case EntryKind::kReply:
      break;
  }
  return false;
}

void GroupFleet::take_request(Core& core, PeerIndex from, const ConfirmRequest& request) {
  ++core.counters.confirm_requests_received;
  const GroupIndex index = table_.find(request.group);
  if (index == kNoGroup) {
    ++core.counters.dropped_unknown_group;
    return;
  }
  // Without room for the group it is not answered: nobody counts that as yes or no (rule S5).
  static_cast<void>(with_group(core, index, Origin::kNetwork, [&](GroupWatch& watch) {
    const Slot slot = watch.members().slot_of(from);
    if (slot == kNoSlot) {
      ++core.counters.dropped_unknown_sender;
      return false;
    }
    watch.handle_request(core, slot, request);
    // Who asks is told that this node would be better: then it is this node's turn.
    return watch.wants_round(core) && watch.is_best(core, slot);
  }));
}

void GroupFleet::take_reply(Core& core, PeerIndex from, const GroupEntry& entry) {
  ++core.counters.confirm_replies_received;
  const GroupIndex index = table_.find(entry.reply.group);
  if (index == kNoGroup) {
    ++core.counters.dropped_unknown_group;
    return;
  }
  if (!is_active(index) && entry.reply.term <= table_[index].term) {
    ++core.counters.dropped_stale_answer;
    return;
  }
  static_cast<void>(with_group(core, index, Origin::kNetwork, [&](GroupWatch& watch) {
    const Slot slot = watch.members().slot_of(from);
    if (slot == kNoSlot) return false;
    watch.note_candidacy(slot, entry.reply, entry.candidacy);
    watch.handle_reply(core, slot, entry.reply);
    return false;
  }));
}

}  // namespace vouch
