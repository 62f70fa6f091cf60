#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "vouch/detector/result.h"

namespace vouch::runtime {

/// The client side of a node's control socket: one JSON object per line, in both directions.

/// Sends `request` and returns the first line of the answer. The error names the socket and why.
[[nodiscard]] Result<std::string> ask_control(const std::filesystem::path& socket,
                                              const std::string& request);

/// Sends `request` and passes every line of the answer to `line` until that returns false or the
/// node closes the connection. `idle` is called about ten times a second while nothing comes and
/// ends it by returning false.
[[nodiscard]] Status follow_control(const std::filesystem::path& socket, const std::string& request,
                                    const std::function<bool(std::string_view)>& line,
                                    const std::function<bool()>& idle);

}  // namespace vouch::runtime
