#include "vouch/probe/message.h"

namespace vouch {

const Sender& sender_of(const Message& message) {
  return std::visit([](const auto& m) -> const Sender& { return m.from; }, message);
}

}  // namespace vouch
