// How an inequality reads, in tables and in errors.

#include <algorithm>
#include <cstdlib>

#include "vouch/quorum_check/lint.h"

namespace vouch {
namespace {

/// Whole milliseconds and as many decimals as there are.
std::string milliseconds_text(std::int64_t nanoseconds) {
  const std::int64_t magnitude = std::abs(nanoseconds);
  std::string text = std::to_string(magnitude / 1'000'000);
  std::string fraction = std::to_string(magnitude % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  fraction.erase(fraction.find_last_not_of('0') + 1);
  if (!fraction.empty()) text += "." + fraction;
  return (nanoseconds < 0 ? "-" : "") + text + " ms";
}

std::string number_text(std::int64_t value, LintSide::Unit unit) {
  return unit == LintSide::Unit::kTime ? milliseconds_text(value) : std::to_string(value);
}

/// `2 x 100 ms`, `800 ms / 4`: a term with `what` for its name or its value.
std::string term_text(const LintTerm& term, std::string what, const char* times) {
  if (term.factor != 1) what.insert(0, std::to_string(term.factor) + times);
  if (term.divisor != 1) what += " / " + std::to_string(term.divisor);
  return what;
}

/// The bound of a range: a constant by its text, another field with its value.
std::string bound_text(const LintSide& side) {
  return side.is_constant() ? side.formula() : side.formula() + " = " + side.value_text();
}

}  // namespace

std::string_view to_string(Judgement judgement) {
  switch (judgement) {
    case Judgement::kOk:
      return "ok";
    case Judgement::kOff:
      return "off";
    case Judgement::kNotJudged:
      return "not judged";
    case Judgement::kWarning:
      return "warning";
    case Judgement::kUnsafe:
      return "UNSAFE";
  }
  return "unknown";
}

std::string LintSide::formula() const {
  std::string text;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i != 0) text += " + ";
    text += term_text(terms_[i], std::string(terms_[i].name), " ");
  }
  return text;
}

std::string LintSide::arithmetic() const {
  if (is_constant()) return formula();
  std::string numbers;
  bool is_plain = count_ == 1;
  for (std::size_t i = 0; i < count_; ++i) {
    const LintTerm& term = terms_[i];
    if (i != 0) numbers += " + ";
    const bool is_known = term.kind != LintTerm::Kind::kUnknown;
    numbers += term_text(term, is_known ? number_text(term.value, unit_) : "?", " x ");
    is_plain = is_plain && term.factor == 1 && term.divisor == 1;
  }
  return formula() + " = " + numbers + (is_plain || !is_known() ? "" : " = " + value_text());
}

std::string LintSide::value_text() const {
  return is_known() ? number_text(value(), unit_) : "?";
}

std::string LintRow::slack_text() const {
  return left.is_known() && right.is_known() ? number_text(slack(), left.unit()) : "?";
}

std::string LintRow::message() const {
  std::string rule;
  std::string value;
  switch (kind) {
    case Kind::kMin:
      rule = "in [" + bound_text(left) + ", " + bound_text(other) + "]";
      value = right.value_text();
      break;
    case Kind::kMax:
      rule = "in [" + bound_text(other) + ", " + bound_text(right) + "]";
      value = left.value_text();
      break;
    case Kind::kRelation:
      rule = left.formula() + " at most " + bound_text(right);
      value = left.value_text();
      break;
  }
  return std::string(field) + ": " + rule + ", but it is " + value;
}

}  // namespace vouch
