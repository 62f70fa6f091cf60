// Feeds arbitrary bytes to the decoders of the core and of the built-in host. Holds: no crash, no
// read past the end, and whatever is accepted is canonical (encoding it gives the same bytes).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "vouch/detector/assert.h"
#include "vouch/host/vote_codec.h"
#include "vouch/probe/codec.h"

namespace {

constexpr vouch::ClusterHash kCluster{0};

template <typename Message>
void check(const vouch::Decoded<Message>& decoded, std::span<const std::byte> datagram) {
  const auto* message = std::get_if<Message>(&decoded);
  if (message == nullptr) return;
  std::vector<std::byte> again(vouch::kMaxDatagram);
  again.resize(encode(*message, kCluster, again));
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
  return 0;
}
