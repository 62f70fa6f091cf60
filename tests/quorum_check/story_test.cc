// The stories of tests/testdata/quorum_check: what the core does, told step by step.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/quorum_check/story_cluster.h"
#include "tests/support/golden.h"

namespace vouch::testing {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(VOUCH_SOURCE_DIR) / "tests" / "testdata" / "quorum_check";

class Story : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Story, IsToldAsWritten) {
  StoryCluster cluster;
  run_golden(GetParam(), [&](const std::string& command, const std::vector<std::string>& args,
                             const std::string&) { return cluster.play(command, args); });
}

INSTANTIATE_TEST_SUITE_P(Core, Story, ::testing::ValuesIn(golden_files(kFolder)),
                         [](const auto& story) { return story.param.stem().string(); });

}  // namespace
}  // namespace vouch::testing
