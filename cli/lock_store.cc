#include "lock_store.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace vouch::cli {
namespace {

/// Units of time, in nanoseconds.
constexpr std::array<std::pair<const char*, double>, 4> kSpanUnits{
    {{"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};

}  // namespace

Result<election::OpenedStore> open_lock_store(const std::string& where, StoreUse use) {
  Result<election::OpenedStore> opened = election::open_store(where, use);
  if (!opened) return Error{opened.error().code, "--store: " + opened.error().message};
  return opened;
}

std::string store_help(const std::string& what) {
  return what + ": one of " + election::store_forms();
}

Result<Duration> read_span(const std::string& option, const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string unit(rest, end);
  for (const auto& [name, nanoseconds] : kSpanUnits) {
    if (error != std::errc{} || unit != name) continue;
    const double span = value * nanoseconds;
    // Ten days are beyond every option, and well within what a Duration holds.
    if (!(span >= 0 && span <= 240 * 3600e9)) break;
    return Duration(std::llround(span));
  }
  return Error{Errc::kBadInput, option +
                                    ": must be a number with ms, s, min or h, such as 500ms, "
                                    "but it is \"" +
                                    text + "\""};
}

}  // namespace vouch::cli
