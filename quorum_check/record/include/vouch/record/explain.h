#pragma once

#include <string>

#include "vouch/record/line.h"

namespace vouch::record {

/// When a line was written, for people: simulated seconds (`3.502 s`), the wall clock of a daemon,
/// or the node's own clock.
[[nodiscard]] std::string when_of(const Line& line);

/// How a line names a node: `n0`, `n1` ... in a simulated run, as scenario files count, else
/// `node 1`.
[[nodiscard]] std::string name_of(const Line& line, NodeId node);

/// What a line says, for somebody on call: what was decided and for how long, who was suspected and
/// why, who answered what, which rule decided, and where to look. Several lines of text, each with
/// a newline. Says nothing that is not in the line.
[[nodiscard]] std::string explain(const Line& line);

}  // namespace vouch::record
