// What a trace file becomes for the search.

#include "vouch/tune/recording.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.h"

namespace vouch::tune {
namespace {

using namespace std::chrono_literals;

class TuneRecording : public ::testing::Test {
 protected:
  /// A recording in the format of vouch record; `seq` and arrival in ms of each heartbeat.
  std::string write(const std::vector<std::pair<int, int>>& beats) const {
    const std::string path = (folder_.path() / "trace.csv").string();
    std::ofstream file(path);
    file << "observer,subject,incarnation,seq,sent_ns,arrival_ns\n";
    for (const auto& [seq, arrival] : beats)
      file << "1,2,7," << seq << ",0," << arrival << "000000\n";
    return path;
  }

  Recording read(const std::vector<std::pair<int, int>>& beats) const {
    auto recordings = read_recordings(write(beats), {.interval = 100ms});
    EXPECT_TRUE(recordings) << recordings.error().message;
    EXPECT_EQ(recordings->size(), 1U);
    return std::move(recordings->front());
  }

  vouch::testing::TemporaryFolder folder_;
};

/// Heartbeats every 100 ms, numbers 1 to `count`.
std::vector<std::pair<int, int>> steady(int count) {
  std::vector<std::pair<int, int>> beats;
  for (int i = 1; i <= count; ++i)
    beats.emplace_back(i, 1000 + 100 * i);
  return beats;
}

TEST_F(TuneRecording, ASteadyLinkHasNoDelayBeyondTheLeast) {
  const Recording recording = read(steady(30));
  EXPECT_EQ(recording.beats.size(), 30U);
  EXPECT_EQ(recording.observed, 2900ms);
  EXPECT_EQ(recording.longest_silence, 100ms);
  EXPECT_EQ(recording.lost, 0U);
  EXPECT_EQ(recording.delays, std::vector<Duration>(30, Duration::zero()));
}

TEST_F(TuneRecording, LostAndLateHeartbeatsAreWhereTheyWere) {
  auto beats = steady(30);
  beats[10].second += 70;
  beats.erase(beats.begin() + 20, beats.begin() + 22);
  const Recording recording = read(beats);
  ASSERT_EQ(recording.delays.size(), 30U);
  for (std::size_t i = 0; i < 30; ++i) {
    const Duration expected = i == 10              ? Duration(70ms)
                              : i == 20 || i == 21 ? kLostDelay
                                                   : Duration::zero();
    EXPECT_EQ(recording.delays[i], expected) << i;
  }
  EXPECT_EQ(recording.lost, 2U);
  EXPECT_EQ(recording.longest_silence, 300ms);
}

TEST_F(TuneRecording, WhileTheSenderStandsStillMessagesWaitForIt) {
  auto beats = steady(30);
  // It sleeps for 350 ms before number 16, and goes on from there.
  for (std::size_t i = 15; i < beats.size(); ++i)
    beats[i].second += 350;
  const Recording recording = read(beats);
  ASSERT_EQ(recording.delays.size(), 33U);
  EXPECT_EQ(recording.delays[15], 350ms);
  EXPECT_EQ(recording.delays[16], 250ms);
  EXPECT_EQ(recording.delays[17], 150ms);
  EXPECT_EQ(recording.delays[18], Duration::zero());
}

TEST_F(TuneRecording, RunsArePartedAndHalvesHalved) {
  auto beats = steady(40);
  for (std::size_t i = 20; i < beats.size(); ++i)
    beats[i].second += 60'000;
  const Recording recording = read(beats);
  EXPECT_EQ(recording.observed, 3800ms);
  EXPECT_EQ(recording.longest_silence, 100ms);
  const Recording second = half_of(recording, Half::kSecond);
  EXPECT_EQ(second.beats.size(), 20U);
  EXPECT_EQ(second.observed, 1900ms);
  EXPECT_NE(fingerprint({recording}), fingerprint({second}));
  EXPECT_EQ(fingerprint({recording}), fingerprint({read(beats)}));
}

TEST_F(TuneRecording, TooFewHeartbeatsAreRefused) {
  const auto recordings = read_recordings(write(steady(19)), {});
  ASSERT_FALSE(recordings);
  EXPECT_NE(recordings.error().message.find("must hold at least 20 heartbeats"), std::string::npos);
}

}  // namespace
}  // namespace vouch::tune
