// Feeds arbitrary bytes to the decoders of the core and of the built-in host. Holds: no crash, no
// read past the end, and whatever is accepted is canonical (encoding it gives the same bytes).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/codec.h"
#include "vouch/probe/front_end_codec.h"
#include "vouch/probe/link_probe.h"

namespace {

constexpr vouch::ClusterHash kCluster{0};

#ifdef VOUCH_FUZZ_CANARY
/// A bug for the canary: one bit of a message that is far from what random bytes give.
template <typename Message>
void spoil(const Message& message, std::vector<std::byte>& bytes) {
  if constexpr (std::is_same_v<Message, vouch::Message>) {
    const auto* reply = std::get_if<vouch::ConfirmReply>(&message);
    if (reply != nullptr && reply->sick && reply->attempt > 1000) bytes.back() ^= std::byte{1};
  }
}
#endif

template <typename Message>
void check(const vouch::Decoded<Message>& decoded, std::span<const std::byte> datagram) {
  const auto* message = std::get_if<Message>(&decoded);
  if (message == nullptr) return;
  std::vector<std::byte> again(vouch::kMaxDatagram);
  again.resize(encode(*message, kCluster, again));
#ifdef VOUCH_FUZZ_CANARY
  spoil(*message, again);
#endif
  VOUCH_ASSERT(again.size() == datagram.size());
  VOUCH_ASSERT(std::memcmp(again.data(), datagram.data(), again.size()) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Half of the runs get a good header, so that the fuzzer spends its time on what follows.
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  if (size >= vouch::kHeaderSize && (data[0] & 1U) == 0) {
    const vouch::MessageType type{data[3]};
    vouch::WireWriter header(bytes, kCluster, type);
    vouch::seal(bytes);
  }
  check(vouch::decode(bytes, kCluster), bytes);
  check(vouch::host::decode_vote(bytes, kCluster), bytes);
  check(vouch::decode_front_end(bytes, kCluster), bytes);
  check(vouch::decode_link_probe(bytes, kCluster), bytes);
  return 0;
}
