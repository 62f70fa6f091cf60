#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json_out.h"
#include "vouch/detector/result.h"
#include "vouch/detector/time.h"
#include "vouch/quorum_check/candidates.h"
#include "vouch/quorum_check/quorum.h"

namespace vouch::record {

/// The first thing that is wrong with a line; what comes after it is not looked at any more.
class Problem {
 public:
  [[nodiscard]] bool is_set() const { return !message_.empty(); }
  [[nodiscard]] const std::string& message() const { return message_; }
  void set(const std::string& path, const std::string& rule, const Json* value);

 private:
  std::string message_;
};

/// Instants and durations farther from zero than this would overflow a sum: 73 years.
inline constexpr std::int64_t kNanosMax = std::int64_t{1} << 61;

/// Reads fields of a JSON object with their rules. Nothing throws: a missing field, a wrong type or
/// a number out of range sets the Problem and leaves the value as it was.
class JsonIn {
 public:
  JsonIn(const Json& object, std::string path, std::span<const PeerFacts> peers, Problem& problem)
      : object_(object), path_(std::move(path)), peers_(peers), problem_(problem) {}

  /// Unsigned numbers within the range of their type.
  template <typename T>
  void number(const char* key, T& value) {
    static_assert(std::is_unsigned_v<T>);
    const std::uint64_t max = std::numeric_limits<T>::max();
    if (const auto read = unsigned_of(key, max)) value = static_cast<T>(*read);
  }
  template <typename T>
  void id(const char* key, T& value) {
    typename T::rep bare{};
    number(key, bare);
    value = T(bare);
  }
  void flag(const char* key, bool& value);
  void option(const char* key, bool& value) {
    if (object_.contains(key)) flag(key, value);
  }
  void instant(const char* key, Instant& value);
  void duration(const char* key, Duration& value);
  void slot(const char* key, Slot& value);
  void slots(const char* key, SlotSet& value);

  /// One of `count` enumerators, by the name that `words` gives it.
  template <typename T, typename Words>
  void word(const char* key, T& value, std::uint8_t count, const Words& words) {
    const Json* const found = find(key);
    if (found == nullptr) return;
    std::string known;
    for (std::uint8_t i = 0; i < count; ++i) {
      const std::string_view name = words(static_cast<T>(i));
      if (found->is_string() && found->get_ref<const std::string&>() == name) {
        value = static_cast<T>(i);
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    fail(key, "must be one of " + known, found);
  }

  template <typename Fields>
  void object(const char* key, const Fields& fields) {
    const Json* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_object()) return fail(key, "must be an object", found);
    JsonIn in(*found, path_ + "/" + key, peers_, problem_);
    fields(in);
  }

  /// Each object of a list of at most `max`.
  template <typename Fields>
  void list(const char* key, std::size_t max, const Fields& fields) {
    const Json* const found = find(key);
    if (found == nullptr) return;
    if (!found->is_array() || found->size() > max) {
      return fail(key, "must be a list of at most " + std::to_string(max), found);
    }
    for (std::size_t i = 0; i < found->size() && !problem_.is_set(); ++i) {
      const std::string path = path_ + "/" + key + "/" + std::to_string(i);
      if (!(*found)[i].is_object()) return problem_.set(path, "must be an object", &(*found)[i]);
      JsonIn in((*found)[i], path, peers_, problem_);
      fields(in);
    }
  }

  void fail(const char* key, const std::string& rule, const Json* value) {
    problem_.set(path_ + "/" + key, rule, value);
  }
  [[nodiscard]] bool is_null(const char* key) {
    const Json* const found = find(key);
    return found == nullptr || found->is_null();
  }
  /// The slots of what is read from now on.
  void name_slots(std::span<const PeerFacts> peers) { peers_ = peers; }

 private:
  [[nodiscard]] const Json* find(const char* key);
  [[nodiscard]] std::optional<std::uint64_t> unsigned_of(const char* key, std::uint64_t max);
  [[nodiscard]] std::optional<Slot> slot_of(const Json& value) const;

  const Json& object_;
  std::string path_;
  std::span<const PeerFacts> peers_;
  Problem& problem_;
};

}  // namespace vouch::record
