#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "vouch/scenario/scenario.h"

namespace vouch::scenario {
namespace {

/// Larger files are not scenarios.
constexpr std::size_t kFileSizeMax = 16U << 20;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char buffer[4096];
  while (file && text.size() <= kFileSizeMax) {
    file.read(buffer, sizeof buffer);
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
  }
  if (text.size() > kFileSizeMax) {
    return Error{Errc::kBadInput, path + ": is larger than 16 MiB"};
  }
  if (!file.eof()) return Error{Errc::kUnavailable, path + ": cannot be read"};
  return text;
}

}  // namespace

Result<std::vector<Scenario>> load_scenarios(const std::string& path_or_name) {
  if (std::ifstream(path_or_name, std::ios::binary).is_open()) {
    const Result<std::string> text = read_file(path_or_name);
    if (!text) return text.error();
    return read_scenarios(*text, path_or_name);
  }
  std::string names;
  for (const Shipped& shipped : shipped_scenarios()) {
    if (shipped.name == path_or_name) {
      return read_scenarios(shipped.text, std::string(shipped.name) + ".json");
    }
    names += names.empty() ? "" : " ";
    names += shipped.name;
  }
  return Error{Errc::kBadInput,
               path_or_name + ": is neither a file nor a shipped scenario (" + names + ")"};
}

Result<Scenario> load_scenario(const std::string& path_or_name) {
  Result<std::vector<Scenario>> scenarios = load_scenarios(path_or_name);
  if (!scenarios) return scenarios.error();
  return std::move(scenarios->front());
}

}  // namespace vouch::scenario
