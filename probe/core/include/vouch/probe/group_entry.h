#pragma once

#include <cstddef>
#include <cstdint>

#include "vouch/detector/ids.h"
#include "vouch/probe/message.h"

namespace vouch {

/// What an entry of a GroupBatch says about its group.
enum class EntryKind : std::uint8_t {
  kClaim,    ///< Statement: I lead it at `term`.
  kSupport,  ///< Statement: I accept your claim of `term`, and my promises to you count for it.
  kNothing,  ///< Statement: neither; `term` is the newest one that I know.
  kRequest,  ///< A question (ConfirmRequest).
  kReply,    ///< An answer (ConfirmReply), with the candidacy of who answers.
};
inline constexpr std::uint8_t kEntryKindCount = 5;

/// One statement of a node on one group to one other member.
struct Statement {
  EntryKind kind = EntryKind::kNothing;
  GroupId group{};
  Term term{};
  Term abdicated{};  ///< Newest term that the sender has given up for good; 0: says nothing.

  friend bool operator==(const Statement&, const Statement&) = default;
};

/// The part of a statement's sum that it adds to StreamDigest::hash. The same on every node.
[[nodiscard]] constexpr std::uint64_t statement_hash(EntryKind kind, GroupId group, Term term) {
  // The finaliser of splitmix64, applied twice: sums of few such numbers do not meet by accident.
  const auto mix = [](std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  };
  const std::uint64_t what = term.value() * 8 + static_cast<std::uint64_t>(kind) + 1;
  return mix(group.value() + 0x9e3779b97f4a7c15ULL * (mix(what) | 1));
}

/// Appends entries to a batch. Numbers are LEB128 (seven bits to a byte, the lowest first): a
/// question takes about 30 bytes instead of 90. Each `append` is false, and nothing is written,
/// when the entry does not fit. Not thread-safe: give it one owner.
class EntryWriter {
 public:
  explicit EntryWriter(GroupBatch& batch) : batch_(&batch), at_(batch.size) {}

  [[nodiscard]] bool append(const Statement& statement);
  /// The sender of the request is that of the batch.
  [[nodiscard]] bool append(const ConfirmRequest& request);
  [[nodiscard]] bool append(const ConfirmReply& reply, const Candidacy& own);

 private:
  void byte(std::uint8_t value);
  void number(std::uint64_t value);
  void candidacy(const Candidacy& value);
  bool finish();

  GroupBatch* batch_;
  std::size_t at_;
  bool fits_ = true;
};

/// An entry as it was read: what belongs to its kind is filled.
struct GroupEntry {
  EntryKind kind{};
  Statement statement{};
  ConfirmRequest request{};
  ConfirmReply reply{};
  Candidacy candidacy{};  ///< kReply only.
};

/// Reads the entries of a batch that may hold anything. Not thread-safe: give it one owner.
class EntryReader {
 public:
  explicit EntryReader(const GroupBatch& batch) : batch_(&batch) {}

  /// The next entry. False at the end and at the first fault (`failed`).
  [[nodiscard]] bool next(GroupEntry& entry);
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::uint8_t byte();
  std::uint64_t number(std::uint64_t most = UINT64_MAX);
  void read(ConfirmRequest& request);
  void read(ConfirmReply& reply);
  void read(Candidacy& value);

  const GroupBatch* batch_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace vouch
