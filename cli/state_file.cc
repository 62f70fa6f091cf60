#include "state_file.h"

#include <cstdio>
#include <fstream>
#include <sstream>

namespace vouch::cli {

Status write_state_file(const std::string& path, const StateKind& kind,
                        const nlohmann::ordered_json& document) {
  nlohmann::ordered_json whole = {{kind.key, kind.format}, {"version", VOUCH_VERSION}};
  whole.update(document);
  const std::string draft = path + ".new";
  std::ofstream file(draft, std::ios::binary | std::ios::trunc);
  file << whole.dump() << '\n';
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) {
    return Error{Errc::kUnavailable, "--state: cannot write " + path};
  }
  return Done{};
}

Result<nlohmann::ordered_json> read_state_file(const std::string& path, const StateKind& kind) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{Errc::kUnavailable, "--resume: cannot read " + path};
  std::ostringstream text;
  text << file.rdbuf();
  try {
    nlohmann::ordered_json document = nlohmann::ordered_json::parse(text.str());
    const int format = state_number<int>(document, kind.key, 0);
    const auto version = state_field<std::string>(document, "version", "a text");
    if (format != kind.format || version != VOUCH_VERSION) {
      return Error{Errc::kBadInput, "--resume: " + path + " is of vouch " + version + ", this is " +
                                        VOUCH_VERSION + ": " + kind.counts +
                                        " of two programs do not add up"};
    }
    return document;
  } catch (const nlohmann::json::parse_error& error) {
    return Error{Errc::kBadInput, "--resume: " + path + " is no saved " + kind.name +
                                      ": it is no JSON, from byte " + std::to_string(error.byte) +
                                      " on"};
  } catch (const std::exception& error) {
    return Error{Errc::kBadInput,
                 "--resume: " + path + " is no saved " + kind.name + ": " + error.what()};
  }
}

std::vector<std::uint64_t> state_numbers(const nlohmann::ordered_json& json, const char* name) {
  std::vector<std::uint64_t> numbers;
  constexpr const char* rule = "a list of whole numbers from 0 on";
  for (const auto& entry : state_field<std::vector<nlohmann::ordered_json>>(json, name, rule)) {
    if (!entry.is_number_unsigned()) bad_state_field(name, rule, &entry);
    numbers.push_back(entry.get<std::uint64_t>());
  }
  return numbers;
}

void bad_state_field(const std::string& field, const std::string& rule,
                     const nlohmann::ordered_json* value) {
  throw std::invalid_argument(field + ": must be " + rule +
                              (value == nullptr ? ", is missing" : ", is " + value->dump()));
}

}  // namespace vouch::cli
