#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vouch/quorum_check/config.h"

namespace vouch {

/// Named sets of the knobs, each for a greatest round trip among the voters. docs/CONFIG.md
/// justifies every value.
enum class Profile : std::uint8_t {
  kLan,      ///< One data centre, round trips up to 20 ms. The defaults of MonitorConfig.
  kMultiAz,  ///< Zones of one region, round trips up to 50 ms.
  kWan,      ///< Regions and continents, round trips up to 400 ms.
};
inline constexpr std::array kProfiles = {Profile::kLan, Profile::kMultiAz, Profile::kWan};

/// `lan`, `multi-az`, `wan`.
[[nodiscard]] std::string_view to_string(Profile profile);
[[nodiscard]] std::optional<Profile> profile_named(std::string_view name);

/// Sets every time of `config`, round_trip and the detector to those of the profile, and leaves
/// nodes, groups, modes and padded_every as they are. Single knobs may be set afterwards.
void apply_profile(Profile profile, MonitorConfig& config);

}  // namespace vouch
