#include "lock_store.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#ifdef VOUCH_HAS_SQLITE
#include "vouch/election_sqlite/sqlite_store.h"
#endif

namespace vouch::cli {
namespace {

/// Units of time, in nanoseconds.
constexpr std::array<std::pair<const char*, double>, 4> kSpanUnits{
    {{"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};

}  // namespace

Result<std::unique_ptr<election::LockStore>> open_lock_store(const std::string& where,
                                                             StoreUse use) {
#ifdef VOUCH_HAS_SQLITE
  const std::string scheme = "sqlite:";
  if (where.starts_with(scheme) && where.size() > scheme.size()) {
    const std::string path = where.substr(scheme.size());
    auto opened = use == StoreUse::kElect ? election::SqliteStore::open(path)
                                          : election::SqliteStore::open_existing(path);
    if (!opened) return Error{opened.error().code, "--store: " + opened.error().message};
    return std::unique_ptr<election::LockStore>(*std::move(opened));
  }
  const std::string known = "must be sqlite:FILE";
#else
  static_cast<void>(use);
  const std::string known = "this build has no store (it was made without libsqlite3-dev)";
#endif
  return Error{Errc::kBadInput, "--store: " + known + ", but it is \"" + where + "\""};
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
