#pragma once

#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election_stores/open_store.h"

namespace vouch::cli {

using election::StoreUse;

/// The store that `--store` names. The error says what stores there are.
[[nodiscard]] Result<election::OpenedStore> open_lock_store(const std::string& where, StoreUse use);

/// The help of `--store`.
[[nodiscard]] std::string store_help(const std::string& what);

/// `250ms`, `10s`, `2min`, `1h`: a number and its unit. The error names the option.
[[nodiscard]] Result<Duration> read_span(const std::string& option, const std::string& text);

}  // namespace vouch::cli
