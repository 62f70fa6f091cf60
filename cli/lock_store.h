#pragma once

#include <memory>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/election/store.h"

namespace vouch::cli {

enum class StoreUse : std::uint8_t {
  kElect,  ///< Make it if there is none.
  kLook,   ///< It must exist.
};

/// The store that `--store` names. The error says what stores there are.
[[nodiscard]] Result<std::unique_ptr<election::LockStore>> open_lock_store(const std::string& where,
                                                                           StoreUse use);

/// `250ms`, `10s`, `2min`, `1h`: a number and its unit. The error names the option.
[[nodiscard]] Result<Duration> read_span(const std::string& option, const std::string& text);

}  // namespace vouch::cli
