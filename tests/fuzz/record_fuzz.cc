// Any text as a line of a decision record: reading, deciding again and explaining never abort, and
// what was read is written as a line that reads the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vouch/detector/assert.h"
#include "vouch/record/explain.h"
#include "vouch/record/line.h"

using vouch::record::Strictness;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(vouch::record::read(text, Strictness::kExact));
  const auto reading = vouch::record::read(text, Strictness::kTolerant);
  if (!reading || !*reading) return 0;
  const vouch::record::Line& line = (*reading)->line;
  VOUCH_ASSERT(!vouch::record::explain(line).empty());
  const auto again = vouch::record::read(vouch::record::write(line), Strictness::kExact);
  VOUCH_ASSERT(again.has_value() && again->has_value());
  VOUCH_ASSERT((*again)->differences.empty());
  return 0;
}
