// Ten stories of tests/testdata/explain: what `vouch explain` says of simulated runs, next to what
// really happened in them.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/record/recorded_run.h"
#include "tests/record/sample_lines.h"
#include "tests/support/golden.h"
#include "vouch/record/explain.h"
#include "vouch/scenario/scenario.h"

namespace vouch::testing {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(VOUCH_SOURCE_DIR) / "tests" / "testdata" / "explain";

std::int64_t number(const std::vector<std::string>& args, std::string_view key,
                    std::int64_t otherwise) {
  const auto text = golden_argument(args, key);
  return text ? std::stoll(*text) : otherwise;
}

/// `run SCENARIO` runs it; `explain [node=n1] [from=ms] [until=ms] [count=N]` says what its lines
/// between these times say, without the answers of nodes that were asked for no consent.
class Explainer {
 public:
  std::string play(const std::string& command, const std::vector<std::string>& args) {
    if (command == "run") return run(args.at(0));
    if (command == "explain") return explain(args);
    return "there is no command " + command;
  }

 private:
  std::string run(const std::string& name) {
    const auto scenario = scenario::load_scenario(name);
    if (!scenario) return scenario.error().message;
    sim::RunOptions options = scenario::run_options(*scenario, "vouch", 1);
    options.is_checked = false;
    const RecordedRun recorded(scenario->settings, scenario->plan, options);
    lines_.clear();
    for (const std::string& text : recorded.lines()) {
      auto reading = record::read(text, record::Strictness::kExact);
      if (!reading || !*reading) return "cannot be read: " + text;
      lines_.push_back(std::move((**reading).line));
    }
    return scenario->title;
  }

  std::string explain(const std::vector<std::string>& args) {
    const auto node = golden_argument(args, "node");
    const std::int64_t from = number(args, "from", 0) * 1'000'000;
    const std::int64_t until = number(args, "until", INT64_MAX / 1'000'000) * 1'000'000;
    std::int64_t left = number(args, "count", INT64_MAX);
    std::string text;
    for (const record::Line& line : lines_) {
      if (*line.stamp.sim_ns < from || *line.stamp.sim_ns >= until) continue;
      if (node && record::name_of(line, line.stamp.node) != *node) continue;
      const auto* answer = std::get_if<record::AnswerCase>(&line.what);
      if (answer != nullptr && answer->output == Answer::kNotAsked) continue;
      if (left-- <= 0) break;
      text += record::explain(line);
    }
    return text;
  }

  std::vector<record::Line> lines_;
};

class ExplainStory : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ExplainStory, IsToldTruly) {
  Explainer explainer;
  run_golden(GetParam(), [&](const std::string& command, const std::vector<std::string>& args,
                             const std::string&) { return explainer.play(command, args); });
}

INSTANTIATE_TEST_SUITE_P(Ten, ExplainStory, ::testing::ValuesIn(golden_files(kFolder)),
                         [](const auto& story) { return story.param.stem().string(); });

TEST(Explain, NamesNodesAndGroupOfADaemonAndItsWallClock) {
  const record::Line line = sample_stand_down();
  EXPECT_EQ(
      record::explain(line),
      "2026-01-31T12:00:00.000Z  node 1 (group 1) stands down from term 3 (lease_lapsed)\n"
      "    rule      no quorum acknowledged its heartbeats within the lease, so others may "
      "elect: it stops first\n"
      "    lease     ran out 100 ms ago; it needs 2 of 3 voters, itself included; supported "
      "by node 2 until 1000 ms ago, node 3 until 100 ms ago\n"
      "    look at   the links between node 1 and node 2 and node 3: an acknowledgement needs "
      "both directions; it still hears node 2 and node 3, which do not hear it or promise "
      "nothing\n");
}

TEST(Explain, TellsBothMajoritiesOfAJointConfiguration) {
  const std::string text = record::explain(sample_decision());
  EXPECT_NE(text.find("it takes 3 of 5 voters and 2 of 3 voters of the other configuration"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace vouch::testing
