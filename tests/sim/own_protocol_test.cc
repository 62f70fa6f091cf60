// The example of a protocol of one's own, run as a user runs it: what it prints is what
// docs/SIMULATOR.md shows.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/process.h"

namespace vouch::testing {
namespace {

/// What the page says that the example prints.
std::string documented() {
  const std::string page = text_of(VOUCH_SOURCE_DIR "/docs/SIMULATOR.md");
  const std::string command = "$ build/release/sim_own_protocol\n";
  const std::size_t at = page.find(command);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + command.size();
  return page.substr(begin, page.find("```", begin) - begin);
}

TEST(OwnProtocol, PrintsWhatThePageShows) {
  const Ran ran = run_program({VOUCH_EXAMPLE});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.out, documented());
}

// The takeover on silence alone is right after a crash and wrong on a cut, and the checker knows.
TEST(OwnProtocol, IsCaughtByTheCheckerOnTheCutOnly) {
  const std::string out = run_program({VOUCH_EXAMPLE}).out;
  const std::size_t cut = out.find("\ncut ");
  ASSERT_NE(cut, std::string::npos);
  EXPECT_EQ(out.substr(0, cut).find("S2 at"), std::string::npos);
  EXPECT_NE(out.find("S1 at 5300 ms: n1 campaigns while the lease of n0 runs on", cut),
            std::string::npos);
  EXPECT_NE(out.find("S2 at 5300 ms: n1 and n0 both believe", cut), std::string::npos);
}

TEST(OwnProtocol, RunsAShippedScenario) {
  const Ran ran = run_program({VOUCH_EXAMPLE, "s10"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out.find("s10       primary-backup  failover 30000 ms, elections 3"), 0U);
}

TEST(OwnProtocol, RefusesAnUnknownScenario) {
  const Ran ran = run_program({VOUCH_EXAMPLE, "crystal_ball"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err.find("crystal_ball: is neither a file nor a shipped scenario"), 0U);
}

}  // namespace
}  // namespace vouch::testing
