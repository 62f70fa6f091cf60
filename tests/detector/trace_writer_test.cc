#include "vouch/trace/trace_writer.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/process.h"
#include "vouch/trace/trace_reader.h"

namespace vouch {
namespace {

namespace fs = std::filesystem;

class TraceWriterTest : public ::testing::Test {
 protected:
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path_, std::ios::binary).rdbuf();
    return out.str();
  }

  testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  const std::string path_ = (folder_ / "trace.csv").string();
};

const std::string kHeader = "observer,subject,incarnation,seq,sent_ns,arrival_ns\n";

RecordedHeartbeat heartbeat(std::uint64_t seq) {
  const Instant at(std::chrono::milliseconds(100 * seq));
  return {NodeId(1), NodeId(2), Incarnation(9), Seq(seq), at, at + Duration(12'345)};
}

TEST_F(TraceWriterTest, WritesWhatTheReaderReads) {
  {
    auto writer = TraceWriter::open(path_);
    ASSERT_TRUE(writer) << writer.error().message;
    for (std::uint64_t seq = 1; seq <= 5'000; ++seq)
      ASSERT_TRUE(writer->append(heartbeat(seq)));
  }
  EXPECT_EQ(text().substr(0, kHeader.size() + 29), kHeader + "1,2,9,1,100000000,100012345\n1");
  auto reader = TraceReader::open(path_);
  ASSERT_TRUE(reader) << reader.error().message;
  for (std::uint64_t seq = 1; seq <= 5'000; ++seq) {
    const auto record = reader->next();
    ASSERT_TRUE(record && *record) << seq;
    ASSERT_EQ((*record)->seq, Seq(seq));
    ASSERT_EQ((*record)->incarnation, Incarnation(9));
    ASSERT_EQ((*record)->arrival, heartbeat(seq).arrival);
  }
  const auto end = reader->next();
  EXPECT_TRUE(end && !*end);
  EXPECT_EQ(reader->links(), std::vector<std::string>{"2->1"});
}

TEST_F(TraceWriterTest, ContinuesARecordingAndCutsOffAHalfLine) {
  std::ofstream(path_) << kHeader << "1,2,9,1,100000000,100012345\n1,2,9,2,2000";
  {
    auto writer = TraceWriter::open(path_);
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(writer->append(heartbeat(2)));
  }
  EXPECT_EQ(text(), kHeader + "1,2,9,1,100000000,100012345\n1,2,9,2,200000000,200012345\n");
}

TEST_F(TraceWriterTest, RefusesAForeignFileAndLeavesItAlone) {
  for (const std::string foreign : {"my diary", "send_s,rtt_ms\n1,2\n"}) {
    std::ofstream(path_, std::ios::trunc) << foreign;
    const auto writer = TraceWriter::open(path_);
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().message.find(path_ + ": is not a recording of vouch"), 0U);
    EXPECT_EQ(text(), foreign);
  }
  EXPECT_FALSE(TraceWriter::open((folder_ / "no" / "trace.csv").string()));
  EXPECT_FALSE(TraceWriter::open("/dev/null"));
}

TEST_F(TraceWriterTest, KillLosesNothingThatWasFlushed) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = TraceWriter::open(path_);
    if (!writer) ::_exit(1);
    for (std::uint64_t seq = 1; seq <= 100; ++seq)
      static_cast<void>(writer->append(heartbeat(seq)));
    if (!writer->flush()) ::_exit(1);
    static_cast<void>(writer->append(heartbeat(101)));  // Never flushed.
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

  auto reader = TraceReader::open(path_);
  ASSERT_TRUE(reader) << reader.error().message;
  std::uint64_t count = 0;
  for (;;) {
    const auto record = reader->next();
    ASSERT_TRUE(record) << record.error().message;
    if (!*record) break;
    ++count;
  }
  EXPECT_EQ(count, 100U);
}

}  // namespace
}  // namespace vouch
