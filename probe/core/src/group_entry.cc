#include "vouch/probe/group_entry.h"

namespace vouch {
namespace {

constexpr std::uint64_t kMost32 = 0xffffffffU;

unsigned flags_of(const Candidacy& value) {
  return (value.may_lead ? 1U : 0U) | (value.electable ? 2U : 0U) |
         (value.reaches_quorum ? 4U : 0U);
}

}  // namespace

void EntryWriter::byte(std::uint8_t value) {
  if (at_ < batch_->entries.size()) {
    batch_->entries[at_++] = value;
  } else {
    fits_ = false;
  }
}

void EntryWriter::number(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    byte(static_cast<std::uint8_t>(value | 0x80));
  byte(static_cast<std::uint8_t>(value));
}

void EntryWriter::candidacy(const Candidacy& value) {
  number(value.log.term.value());
  number(value.log.index);
  number(value.priority);
  byte(value.consenters);
  byte(static_cast<std::uint8_t>(unsigned{value.strikes} << 3U | flags_of(value)));
}

bool EntryWriter::finish() {
  if (fits_) {
    batch_->size = static_cast<std::uint16_t>(at_);
  } else {
    at_ = batch_->size;
    fits_ = true;
    return false;
  }
  return true;
}

bool EntryWriter::append(const Statement& statement) {
  const bool abdicates = statement.abdicated.value() != 0;
  byte(static_cast<std::uint8_t>(static_cast<unsigned>(statement.kind) | (abdicates ? 8U : 0U)));
  number(statement.group.value());
  number(statement.term.value());
  if (abdicates) number(statement.abdicated.value());
  return finish();
}

bool EntryWriter::append(const ConfirmRequest& request) {
  byte(static_cast<std::uint8_t>(static_cast<unsigned>(EntryKind::kRequest) |
                                 (request.wants_consent ? 8U : 0U) | (request.sick ? 16U : 0U)));
  number(request.group.value());
  number(request.epoch.value());
  number(request.round.value());
  number(request.attempt);
  number(request.subject.value());
  number(request.subject_incarnation.value());
  number(request.term.value());
  number(request.hold.value());
  candidacy(request.candidacy);
  return finish();
}

bool EntryWriter::append(const ConfirmReply& reply, const Candidacy& own) {
  byte(
      static_cast<std::uint8_t>(static_cast<unsigned>(EntryKind::kReply) | (reply.sick ? 8U : 0U)));
  byte(static_cast<std::uint8_t>(reply.answer));
  number(reply.group.value());
  number(reply.epoch.value());
  number(reply.round.value());
  number(reply.attempt);
  number(reply.subject.value());
  number(reply.subject_incarnation.value());
  number(reply.term.value());
  number(reply.leader.value());
  number(reply.leader_incarnation.value());
  number(reply.evidence.value());
  number(reply.promise.value());
  number(reply.endorses.value());
  candidacy(own);
  return finish();
}

std::uint8_t EntryReader::byte() {
  if (at_ < batch_->size && at_ < batch_->entries.size()) return batch_->entries[at_++];
  failed_ = true;
  return 0;
}

std::uint64_t EntryReader::number(std::uint64_t most) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t part = byte();
    const std::uint64_t bits = part & 0x7fU;
    if (shift == 63 && bits > 1) failed_ = true;
    value |= bits << shift;
    if ((part & 0x80U) == 0) {
      if (value > most) failed_ = true;
      return failed_ ? 0 : value;
    }
  }
  failed_ = true;
  return 0;
}

void EntryReader::read(Candidacy& value) {
  value.log.term = Term{number()};
  value.log.index = number();
  value.priority = static_cast<std::uint16_t>(number(0xffff));
  value.consenters = byte();
  const std::uint8_t flags = byte();
  value.strikes = static_cast<std::uint8_t>(flags >> 3);
  value.may_lead = (flags & 1U) != 0;
  value.electable = (flags & 2U) != 0;
  value.reaches_quorum = (flags & 4U) != 0;
}

void EntryReader::read(ConfirmRequest& request) {
  request.from = batch_->from;
  request.group = GroupId{number()};
  request.epoch = ConfigEpoch{number()};
  request.round = Nonce{number()};
  request.attempt = static_cast<std::uint32_t>(number(kMost32));
  request.subject = NodeId{static_cast<std::uint32_t>(number(kMost32))};
  request.subject_incarnation = Incarnation{number()};
  request.term = Term{number()};
  request.hold = WireMicros{static_cast<std::uint32_t>(number(kMost32))};
  read(request.candidacy);
}

void EntryReader::read(ConfirmReply& reply) {
  reply.from = batch_->from;
  const std::uint8_t answer = byte();
  if (answer >= kAnswerCount) failed_ = true;
  reply.answer = failed_ ? Answer::kNotAsked : static_cast<Answer>(answer);
  reply.group = GroupId{number()};
  reply.epoch = ConfigEpoch{number()};
  reply.round = Nonce{number()};
  reply.attempt = static_cast<std::uint32_t>(number(kMost32));
  reply.subject = NodeId{static_cast<std::uint32_t>(number(kMost32))};
  reply.subject_incarnation = Incarnation{number()};
  reply.term = Term{number()};
  reply.leader = NodeId{static_cast<std::uint32_t>(number(kMost32))};
  reply.leader_incarnation = Incarnation{number()};
  reply.evidence = WireMicros{static_cast<std::uint32_t>(number(kMost32))};
  reply.promise = WireMicros{static_cast<std::uint32_t>(number(kMost32))};
  reply.endorses = NodeId{static_cast<std::uint32_t>(number(kMost32))};
}

bool EntryReader::next(GroupEntry& entry) {
  if (failed_ || at_ >= batch_->size) return false;
  const std::uint8_t head = byte();
  const unsigned kind = head & 7U;
  if (kind >= kEntryKindCount || head >= 32) {
    failed_ = true;
    return false;
  }
  entry.kind = static_cast<EntryKind>(kind);
  if (entry.kind == EntryKind::kRequest) {
    entry.request.wants_consent = (head & 8U) != 0;
    entry.request.sick = (head & 16U) != 0;
    read(entry.request);
  } else if (entry.kind == EntryKind::kReply) {
    entry.reply.sick = (head & 8U) != 0;
    read(entry.reply);
    read(entry.candidacy);
    entry.reply.log = entry.candidacy.log;
  } else {
    entry.statement.kind = entry.kind;
    entry.statement.group = GroupId{number()};
    entry.statement.term = Term{number()};
    entry.statement.abdicated = (head & 8U) != 0 ? Term{number()} : Term{};
  }
  return !failed_;
}

}  // namespace vouch
