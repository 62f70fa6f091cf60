#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "vouch/detector/time.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch::record {

using Json = nlohmann::ordered_json;

/// Instants as a line has them: null for kLongAgo, "never" for kNever, else nanoseconds.
[[nodiscard]] inline Json json_of(Instant at) {
  if (at == kLongAgo) return nullptr;
  if (at == kNever) return "never";
  return at.time_since_epoch().count();
}

struct Line;

/// The whole line. (line.cc)
[[nodiscard]] Json json_of(const Line& line);

/// Writes fields into a JSON object. Has the same methods as JsonIn, so that one description of the
/// fields serves both (line_fields.h).
class JsonOut {
 public:
  JsonOut(Json& object, std::span<const PeerFacts> peers) : object_(object), peers_(peers) {}

  template <typename T>
  void number(const char* key, const T& value) {
    object_[key] = value;
  }
  template <typename T>
  void id(const char* key, const T& value) {
    object_[key] = value.value();
  }
  void flag(const char* key, bool value) { object_[key] = value; }
  /// A flag that is left out when it is not set.
  void option(const char* key, bool value) {
    if (value) object_[key] = true;
  }
  void instant(const char* key, Instant value) { object_[key] = json_of(value); }
  void duration(const char* key, Duration value) { object_[key] = value.count(); }
  void slot(const char* key, Slot value) { object_[key] = node(value); }
  void slots(const char* key, SlotSet value) { object_[key] = nodes(value); }
  template <typename T, typename Words>
  void word(const char* key, const T& value, std::uint8_t, const Words& words) {
    object_[key] = words(value);
  }
  template <typename Fields>
  void object(const char* key, const Fields& fields) {
    Json inner = Json::object();
    JsonOut out(inner, peers_);
    fields(out);
    object_[key] = std::move(inner);
  }

  [[nodiscard]] std::uint32_t node(Slot slot) const {
    return slot < peers_.size() ? peers_[slot].node.value() : 0;
  }
  [[nodiscard]] Json nodes(SlotSet set) const {
    Json list = Json::array();
    set.for_each([&](Slot slot) { list.push_back(node(slot)); });
    return list;
  }

 private:
  Json& object_;
  std::span<const PeerFacts> peers_;
};

}  // namespace vouch::record
