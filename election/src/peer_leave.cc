#include "vouch/election/peer_leave.h"

#include <algorithm>

namespace vouch::election {

void PeerLeave::forget() {
  is_open_ = is_over_ = false;
  ends_at_ = kNever;
  next_at_ = given_until_ = kLongAgo;
}

void PeerLeave::look(Instant now, Instant expired_at) {
  if (now >= expired_at) ends_at_ = std::min(ends_at_, saturating_add(now, patience_));
}

std::optional<PeerQuestion> PeerLeave::ask(Instant now, const LockRecord& record) {
  is_over_ = now >= ends_at_;
  if (ends_at_ == kNever || is_given(now) || now < next_at_) return std::nullopt;
  if (is_open_) {
    // No answer is none against taking it.
    is_open_ = false;
    given_until_ = now + look_again_;
    return std::nullopt;
  }
  is_open_ = true;
  next_at_ = now + timeout_;
  return PeerQuestion{++asked_, record.owner, record.token, timeout_};
}

bool PeerLeave::handle_answer(Instant now, const PeerAnswer& answer) {
  if (!is_open_ || answer.id != asked_ || now >= next_at_) return false;
  is_open_ = false;
  next_at_ = now + look_again_;
  if (answer.verdict != PeerVerdict::kReached) given_until_ = next_at_;
  return true;
}

bool PeerLeave::is_given(Instant now) const {
  return patience_ == Duration::zero() || now < given_until_ || now >= ends_at_;
}

Instant PeerLeave::due() const {
  if (patience_ == Duration::zero() || ends_at_ == kNever || is_over_) return kNever;
  return std::min(ends_at_, std::max(next_at_, given_until_));
}

}  // namespace vouch::election
