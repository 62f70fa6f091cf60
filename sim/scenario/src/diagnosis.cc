#include "diagnosis.h"

#include <algorithm>

#include "vouch/quorum_check/diagnosis_text.h"

namespace vouch::scenario {
namespace {

/// A heal is seen within this long, whatever was wrong: what flapped must have been quiet for one
/// and a half times its period, and lost heartbeats must have left the window.
constexpr Duration kClearedWithin = std::chrono::seconds(8);

constexpr std::int64_t kHourMs = 3'600'000;

bool is_code(const std::string& code) {
  for (std::uint8_t i = 0; i < kDiagnosisKindCount; ++i) {
    if (code == to_string(static_cast<DiagnosisKind>(i))) return true;
  }
  return false;
}

bool matches(const ExpectedDiagnosis& expected, const sim::DiagnosisSpan& span) {
  if (expected.code != to_string(span.diagnosis.kind)) return false;
  return expected.culprit.empty() ||
         expected.culprit == culprit_text(span.diagnosis, sim::index_name);
}

std::string milliseconds(Duration d) {
  return std::to_string((d.count() + 999'999) / 1'000'000) + " ms";
}

std::string shown(const ExpectedDiagnosis& expected) {
  return expected.code + (expected.culprit.empty() ? "" : " " + expected.culprit);
}

void check_one(const ExpectedDiagnosis& expected, const sim::RunResult& result,
               std::vector<std::string>& misses) {
  const sim::TrueTime from = result.fault_from + expected.after;
  sim::TrueTime first = sim::kEndOfTime;
  sim::TrueTime last_end = sim::kStart;
  for (const sim::DiagnosisSpan& span : result.diagnoses) {
    if (!matches(expected, span)) continue;
    first = std::min(first, span.raised_at);
    last_end = std::max(last_end, span.cleared_at);
  }
  if (first == sim::kEndOfTime) {
    if (!expected.is_optional) misses.push_back("diagnosis: expected " + shown(expected));
    return;
  }
  if (!expected.is_optional && first - from > expected.within) {
    misses.push_back("diagnosis: expected " + shown(expected) + " within " +
                     milliseconds(expected.within) + ", came after " + milliseconds(first - from));
  }
  if (!expected.stays && last_end > result.fault_until + kClearedWithin) {
    misses.push_back("diagnosis: " + shown(expected) + " should have been cleared after the heal" +
                     (last_end == sim::kEndOfTime
                          ? ", stands at the end"
                          : ", took " + milliseconds(last_end - result.fault_until)));
  }
}

}  // namespace

std::vector<ExpectedDiagnosis> read_diagnosis(const Value& list, const std::string& path,
                                              ErrorSink& errors) {
  std::vector<ExpectedDiagnosis> all;
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    Fields fields(list.items[i], path + "[" + std::to_string(i) + "]", errors);
    if (errors.failed()) break;
    ExpectedDiagnosis expected;
    expected.code = fields.string("code", 32);
    if (!is_code(expected.code)) {
      fields.fail("code",
                  "must be a kind of diagnosis (docs/DIAGNOSIS.md), is '" + expected.code + "'");
    }
    expected.culprit = fields.optional_string("culprit", 16);
    expected.is_optional = fields.optional_boolean("optional").value_or(false);
    expected.stays = fields.optional_boolean("stays").value_or(false);
    if (const auto v = fields.optional_integer("after_ms", {0, kHourMs})) {
      expected.after = std::chrono::milliseconds(*v);
    }
    if (const auto v = fields.optional_integer("within_ms", {1, kHourMs})) {
      expected.within = std::chrono::milliseconds(*v);
    }
    fields.finish();
    all.push_back(std::move(expected));
  }
  return all;
}

void check_diagnosis(const std::vector<ExpectedDiagnosis>& expected, const sim::RunResult& result,
                     std::vector<std::string>& misses) {
  for (const ExpectedDiagnosis& one : expected)
    check_one(one, result, misses);
  std::vector<std::string> told;
  for (const sim::DiagnosisSpan& span : result.diagnoses) {
    const bool is_expected = std::any_of(expected.begin(), expected.end(),
                                         [&](const auto& one) { return matches(one, span); });
    if (is_expected) continue;
    const std::string what = std::string(to_string(span.diagnosis.kind)) + " " +
                             culprit_text(span.diagnosis, sim::index_name);
    if (std::find(told.begin(), told.end(), what) != told.end()) continue;
    told.push_back(what);
    misses.push_back("diagnosis: unexpected " + what + " by n" + std::to_string(span.by) + " at " +
                     milliseconds(span.raised_at - sim::kStart));
  }
}

}  // namespace vouch::scenario
