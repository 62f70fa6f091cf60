#include "json_in.h"

namespace vouch::record {
namespace {

/// A value in an error message is cut after so many bytes.
constexpr std::size_t kShownMax = 60;

}  // namespace

void Problem::set(const std::string& path, const std::string& rule, const Json* value) {
  if (is_set()) return;
  message_ = path + ": " + rule;
  if (value == nullptr) return;
  std::string text = value->dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
  message_ += ", is " + text;
}

const Json* JsonIn::find(const char* key) {
  if (problem_.is_set()) return nullptr;
  const auto found = object_.find(key);
  if (found != object_.end()) return &*found;
  fail(key, "is missing", nullptr);
  return nullptr;
}

std::optional<std::uint64_t> JsonIn::unsigned_of(const char* key, std::uint64_t max) {
  const Json* const found = find(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() <= max) {
    return found->get<std::uint64_t>();
  }
  fail(key, "must be a whole number in [0, " + std::to_string(max) + "]", found);
  return std::nullopt;
}

void JsonIn::flag(const char* key, bool& value) {
  const Json* const found = find(key);
  if (found == nullptr) return;
  if (!found->is_boolean()) return fail(key, "must be true or false", found);
  value = found->get<bool>();
}

void JsonIn::instant(const char* key, Instant& value) {
  const Json* const found = find(key);
  if (found == nullptr) return;
  if (found->is_null()) {
    value = kLongAgo;
  } else if (found->is_string() && found->get_ref<const std::string&>() == "never") {
    value = kNever;
  } else if (found->is_number_integer() &&
             (!found->is_number_unsigned() || found->get<std::uint64_t>() <= kNanosMax) &&
             found->get<std::int64_t>() <= kNanosMax && found->get<std::int64_t>() >= -kNanosMax) {
    value = Instant(Duration(found->get<std::int64_t>()));
  } else {
    fail(key, "must be nanoseconds, at most 2^61 from zero, or null, or \"never\"", found);
  }
}

void JsonIn::duration(const char* key, Duration& value) {
  if (const auto read = unsigned_of(key, static_cast<std::uint64_t>(kNanosMax))) {
    value = Duration(static_cast<std::int64_t>(*read));
  }
}

std::optional<Slot> JsonIn::slot_of(const Json& value) const {
  if (!value.is_number_unsigned()) return std::nullopt;
  for (std::size_t slot = 0; slot < peers_.size(); ++slot) {
    if (peers_[slot].node.value() == value.get<std::uint64_t>()) return static_cast<Slot>(slot);
  }
  return std::nullopt;
}

void JsonIn::slot(const char* key, Slot& value) {
  const Json* const found = find(key);
  if (found == nullptr) return;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() == 0) {
    value = kNoSlot;
  } else if (const std::optional<Slot> slot = slot_of(*found)) {
    value = *slot;
  } else {
    fail(key, "must be 0 (nobody) or a node of /inputs/nodes", found);
  }
}

void JsonIn::slots(const char* key, SlotSet& value) {
  const Json* const found = find(key);
  if (found == nullptr) return;
  SlotSet set;
  bool is_valid = found->is_array();
  for (std::size_t i = 0; is_valid && i < found->size(); ++i) {
    const std::optional<Slot> slot = slot_of((*found)[i]);
    is_valid = slot && !set.contains(*slot);
    if (is_valid) set.insert(*slot);
  }
  if (!is_valid) return fail(key, "must list nodes of /inputs/nodes, each once", found);
  value = set;
}

}  // namespace vouch::record
