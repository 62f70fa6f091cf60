#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "json_in.h"
#include "json_out.h"
#include "line_fields.h"
#include "vouch/record/line.h"

namespace vouch::record {
namespace {

void decide_again(DecisionCase& what) {
  what.output = decide(what.input);
}
void decide_again(StandDownCase& what) {
  what.output = judge_leadership(what.input);
}
void decide_again(AnswerCase& what) {
  const AnswerInput& in = what.input;
  const auto peer = [&](Slot slot) -> const PeerFacts& { return in.peers[slot]; };
  const Candidacy own = candidacy_of(in.own, in.now, in.voters, in.self, peer);
  what.input.best = best_candidate(own, in.voters, in.self, static_cast<Slot>(in.peers.size()),
                                   in.asker, peer, {in.group, in.own.ranks_by_group});
  what.output = judge(in);
}
void decide_again(VoteCase& what) {
  what.output = judge(what.input);
}

/// The nodes of the roster: what gives every other field its slots.
void read_nodes(JsonIn& inputs, Line& line) {
  inputs.list("nodes", kMaxNodes, [&](JsonIn& in) {
    PeerFacts peer;
    peer_fields(in, peer);
    if (peer.node <= (line.peers.empty() ? kNobody : line.peers.back().node)) {
      in.fail("node", "must be above 0 and above the one before", nullptr);
    }
    line.peers.push_back(peer);
  });
  inputs.name_slots(line.peers);
}

void read_answers(JsonIn& inputs, Line& line) {
  line.answers.resize(line.peers.size());
  inputs.list("answers", kMaxNodes, [&](JsonIn& in) {
    Slot slot = kNoSlot;
    in.slot("node", slot);
    if (slot == kNoSlot || line.answers[slot].attempt != 0) {
      return in.fail("node", "must be a node of /inputs/nodes that has no answer above", nullptr);
    }
    answer_fields(in, line.answers[slot]);
    if (line.answers[slot].attempt == 0) in.fail("attempt", "must be above 0", nullptr);
  });
}

void read_support(JsonIn& inputs, LeadershipInput& input) {
  input.support.fill(kLongAgo);
  inputs.list("support", kMaxNodes, [&](JsonIn& in) {
    Slot slot = kNoSlot;
    in.slot("node", slot);
    if (slot == kNoSlot) return in.fail("node", "must be a node of /inputs/nodes", nullptr);
    in.instant("until_ns", input.support[slot]);
  });
}

void read_rest(JsonIn& top, JsonIn& inputs, Line& line, DecisionCase& what) {
  top.id("round", what.input.round.nonce);
  top.number("attempt", what.input.round.attempt);
  read_answers(inputs, line);
  what.input.answers = line.answers;
}

void read_rest(JsonIn&, JsonIn& inputs, Line&, StandDownCase& what) {
  // `null`, or a reason that was demanded from outside.
  StandDownReason demanded{};
  if (!inputs.is_null("demanded")) {
    inputs.word("demanded", demanded, kStandDownReasonCount,
                [](StandDownReason reason) { return vouch::to_string(reason); });
    what.input.demanded = demanded;
  }
  read_support(inputs, what.input);
}

void read_rest(JsonIn& top, JsonIn&, Line&, AnswerCase& what) {
  top.slot("asker", what.input.asker);
  top.id("subject", what.input.subject);
  top.id("round", what.input.round);
  top.number("attempt", what.input.attempt);
  top.instant("held_until_ns", what.held_until);
  if (what.input.asker == kNoSlot) top.fail("asker", "must be a node of /inputs/nodes", nullptr);
}

void read_rest(JsonIn& top, JsonIn&, Line&, VoteCase& what) {
  top.slot("candidate", what.input.candidate);
}

void read_stamp(const Json& json, JsonIn& top, Stamp& stamp) {
  top.id("node", stamp.node);
  const auto text = [&](const char* key, std::string& value) {
    if (!json.contains(key)) return;
    if (!json[key].is_string()) return top.fail(key, "must be a text", &json[key]);
    value = json[key].get<std::string>();
  };
  text("wall", stamp.wall);
  text("run", stamp.run);
  if (!json.contains("sim_ns")) return;
  Instant at{};
  top.instant("sim_ns", at);
  stamp.sim_ns = at.time_since_epoch().count();
}

template <typename C>
void read_case(const Json& json, Problem& problem, Line& line) {
  JsonIn top(json, "", {}, problem);
  read_stamp(json, top, line.stamp);
  C what{};
  top.object("inputs", [&](JsonIn& inputs) {
    read_nodes(inputs, line);
    top.name_slots(line.peers);
    top.instant("at_ns", what.input.now);
    if (what.input.now == kLongAgo || what.input.now == kNever) {
      top.fail("at_ns", "must be nanoseconds", &json["at_ns"]);
    }
    top.id("group", what.input.group);
    if constexpr (requires { what.input.epoch; }) top.id("epoch", what.input.epoch);
    top.id("term", what.input.term);
    top.slot("node", what.input.self);
    if (what.input.self == kNoSlot) top.fail("node", "must be a node of /inputs/nodes", nullptr);
    input_fields(inputs, what.input, &what.input);
    what.input.peers = line.peers;
    read_rest(top, inputs, line, what);
  });
  if (problem.is_set()) return;
  decide_again(what);
  line.what = std::move(what);
}

/// The JSON pointer of a part.
std::string inside(const std::string& path, const std::string& part) {
  std::string pointer = path;
  pointer += '/';
  pointer += part;
  return pointer;
}

/// Compares what was recorded with what is written now.
struct Comparison {
  Reading& reading;
  Problem& missing;

  void compare(const Json& recorded, const Json& replayed, const std::string& path) {
    if (recorded.is_object() && replayed.is_object())
      return compare_objects(recorded, replayed, path);
    if (recorded.is_array() && replayed.is_array() && recorded.size() == replayed.size()) {
      for (std::size_t i = 0; i < recorded.size(); ++i)
        compare(recorded[i], replayed[i], inside(path, std::to_string(i)));
      return;
    }
    if (recorded == replayed) return;
    reading.differences.push_back(path + ": recorded " + text_of(recorded) + ", replayed " +
                                  text_of(replayed));
  }

  void compare_objects(const Json& recorded, const Json& replayed, const std::string& path) {
    for (const auto& [key, value] : recorded.items()) {
      const auto other = replayed.find(key);
      if (other == replayed.end()) {
        reading.unknown_fields.push_back(inside(path, key));
      } else {
        compare(value, *other, inside(path, key));
      }
    }
    for (const auto& [key, value] : replayed.items()) {
      if (!recorded.contains(key)) missing.set(inside(path, key), "is missing", nullptr);
    }
  }

  static std::string text_of(const Json& value) {
    return value.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
};

/// A line nests no deeper than this; what does could exhaust the stack when it is shown.
constexpr int kNestingMax = 8;

bool is_nested_too_deeply(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kNestingMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

Error bad(const std::string& message) {
  return Error{Errc::kBadInput, message};
}

/// Whether the line has an event of ours; an error if it looks like one and is none.
Result<std::optional<std::string>> event_of(const Json& json, Strictness strictness) {
  if (!json.is_object()) return bad("must be a JSON object");
  const auto event = json.find("event");
  if (event == json.end()) return bad("/event: is missing");
  if (!event->is_string()) return bad("/event: must be a text");
  if (!json.contains("schema")) return std::optional<std::string>();
  const Json& schema = json["schema"];
  if (!schema.is_number_unsigned() || schema.get<std::uint64_t>() == 0) {
    return bad("/schema: must be a whole number above 0");
  }
  if (schema.get<std::uint64_t>() > kSchemaVersion && strictness == Strictness::kExact) {
    return bad("/schema: must be " + std::to_string(kSchemaVersion) +
               " or below, or this version cannot know all inputs; is " +
               std::to_string(schema.get<std::uint64_t>()));
  }
  return std::optional<std::string>(event->get<std::string>());
}

}  // namespace

Result<std::optional<Reading>> read(std::string_view text, Strictness strictness) {
  if (text.size() > kLineMax) {
    return bad("must be at most " + std::to_string(kLineMax) + " bytes, is " +
               std::to_string(text.size()));
  }
  if (is_nested_too_deeply(text)) {
    return bad("must not be nested deeper than " + std::to_string(kNestingMax));
  }
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return bad("is no complete JSON value");
  const auto event = event_of(json, strictness);
  if (!event) return event.error();
  if (!*event) return std::optional<Reading>();

  using ReadCase = void (*)(const Json&, Problem&, Line&);
  constexpr std::array<std::pair<std::string_view, ReadCase>, 4> cases = {{
      {DecisionCase::kEvent, read_case<DecisionCase>},
      {StandDownCase::kEvent, read_case<StandDownCase>},
      {AnswerCase::kEvent, read_case<AnswerCase>},
      {VoteCase::kEvent, read_case<VoteCase>},
  }};
  const auto known = std::find_if(cases.begin(), cases.end(),
                                  [&](const auto& entry) { return entry.first == **event; });
  if (known == cases.end()) {
    if (strictness == Strictness::kTolerant) return std::optional<Reading>();
    return bad(
        "/event: must be one of decision, stand_down, answer, vote in a line with a "
        "schema, is " +
        **event);
  }
  Problem problem;
  Reading reading;
  known->second(json, problem, reading.line);
  if (problem.is_set()) return bad(problem.message());
  reading.schema = json["schema"].get<std::uint64_t>();

  Problem missing;
  const Json replayed = json_of(reading.line);
  Comparison{reading, missing}.compare(json, replayed, "");
  if (reading.schema != kSchemaVersion)
    std::erase_if(reading.differences,
                  [](const auto& difference) { return difference.starts_with("/schema:"); });
  if (strictness == Strictness::kExact) {
    if (missing.is_set()) return bad(missing.message());
    if (!reading.unknown_fields.empty()) {
      return bad(reading.unknown_fields.front() + ": is no field of schema " +
                 std::to_string(kSchemaVersion) + ", and may have been an input");
    }
  }
  return std::optional<Reading>(std::move(reading));
}

}  // namespace vouch::record
