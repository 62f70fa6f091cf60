#include "sweep.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace vouch::scenario {
namespace {

constexpr std::size_t kVariantsMax = 1000;

struct Parameter {
  std::string name;
  std::size_t line = 0;
  std::vector<std::int64_t> values;
  std::size_t chosen = 0;
  bool is_used = false;
};

std::vector<Parameter> read_parameters(const Value& sweep, ErrorSink& errors) {
  std::vector<Parameter> parameters;
  if (sweep.kind != Value::Kind::kObject || sweep.members.empty()) {
    errors.report(sweep.line, "sweep",
                  "must be an object with at least one list, is " + sweep.shown());
  }
  std::size_t variants = 1;
  for (const auto& [name, list] : sweep.members) {
    Parameter parameter{name, list.line, {}, 0, false};
    const std::string path = "sweep." + name;
    if (list.kind != Value::Kind::kArray || list.items.empty()) {
      errors.report(list.line, path, "must be a list of integers, is " + list.shown());
      continue;
    }
    for (const Value& item : list.items) {
      if (item.kind != Value::Kind::kInteger) {
        errors.report(item.line, path, "must be a list of integers, has " + item.shown());
      }
      parameter.values.push_back(item.integer);
    }
    variants *= parameter.values.size();
    if (variants > kVariantsMax) {
      errors.report(list.line, "sweep",
                    "must give at most " + std::to_string(kVariantsMax) + " variants");
      break;
    }
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

void replace(Value& value, const std::string& path, std::vector<Parameter>& parameters,
             ErrorSink& errors) {
  if (value.kind == Value::Kind::kString && value.string.starts_with('$')) {
    const std::string_view name = std::string_view(value.string).substr(1);
    for (Parameter& parameter : parameters) {
      if (parameter.name != name) continue;
      parameter.is_used = true;
      value.kind = Value::Kind::kInteger;
      value.integer = parameter.values[parameter.chosen];
      return;
    }
    errors.report(value.line, path, "must be a parameter of sweep, is " + value.shown());
  }
  for (Value& item : value.items)
    replace(item, path, parameters, errors);
  for (Member& member : value.members) {
    replace(member.value, path.empty() ? member.key : path + "." + member.key, parameters, errors);
  }
}

}  // namespace

std::vector<Variant> expand_sweep(const Value& document, ErrorSink& errors) {
  Value rest = document;
  std::vector<Parameter> parameters;
  if (const Value* const sweep = document.find("sweep")) {
    parameters = read_parameters(*sweep, errors);
    std::erase_if(rest.members, [](const Member& member) { return member.key == "sweep"; });
  }
  std::vector<Variant> variants;
  while (!errors.failed()) {
    Variant variant{{}, rest};
    replace(variant.document, "", parameters, errors);
    for (const Parameter& parameter : parameters) {
      if (!parameter.is_used)
        errors.report(parameter.line, "sweep." + parameter.name, "is not used");
      variant.text += (variant.text.empty() ? "" : " ") + parameter.name + "=" +
                      std::to_string(parameter.values[parameter.chosen]);
    }
    variants.push_back(std::move(variant));
    // The last parameter changes fastest.
    std::size_t at = parameters.size();
    while (at > 0 && ++parameters[at - 1].chosen == parameters[at - 1].values.size()) {
      parameters[--at].chosen = 0;
    }
    if (at == 0) break;
  }
  return variants;
}

}  // namespace vouch::scenario
