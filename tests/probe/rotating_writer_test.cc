#include "vouch/trace/rotating_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "vouch/trace/trace_reader.h"
#include "vouch/trace/trace_writer.h"

namespace vouch {
namespace {

namespace fs = std::filesystem;

RecordedHeartbeat numbered_heartbeat(std::uint64_t seq) {
  const Instant at(std::chrono::milliseconds(100 * seq));
  return {NodeId(1), NodeId(2), Incarnation(9), Seq(seq), at, at + Duration(12'345)};
}

/// Sequence numbers of a file; every line must be whole.
std::vector<std::uint64_t> numbers_in(const fs::path& file) {
  std::vector<std::uint64_t> numbers;
  auto reader = TraceReader::open(file.string());
  if (!reader) {
    ADD_FAILURE() << reader.error().message;
    return numbers;
  }
  for (;;) {
    const auto record = reader->next();
    if (!record) ADD_FAILURE() << record.error().message;
    if (!record || !*record) return numbers;
    numbers.push_back((*record)->seq->value());
  }
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(RotatingWriter, FullFilesAreNumberedAndCompressedAndNothingIsLost) {
  const testing::TemporaryFolder folder;
  const fs::path path = fs::path(folder.path()) / "trace.csv";
  std::uint64_t full_files = 0;
  {
    auto writer = RotatingWriter::open(path.string(), {.bytes = 10'000});
    ASSERT_TRUE(writer) << writer.error().message;
    for (std::uint64_t seq = 1; seq <= 2'000; ++seq) {
      ASSERT_TRUE(writer->append(numbered_heartbeat(seq)));
      if (seq % 50 == 0) {
        ASSERT_TRUE(writer->flush());
      }
    }
    full_files = writer->full_files();
    EXPECT_EQ(writer->trouble(), "");
  }
  ASSERT_GE(full_files, 5U);
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names_in(folder.path())) {
    EXPECT_TRUE(name == "trace.csv" || fs::path(name).extension() == ".gz") << name;
    const std::vector<std::uint64_t> more = numbers_in(fs::path(folder.path()) / name);
    numbers.insert(numbers.end(), more.begin(), more.end());
  }
  EXPECT_EQ(names_in(folder.path()).size(), full_files + 1);
  EXPECT_EQ(names_in(folder.path()).front(), "trace.000001.csv.gz");
  ASSERT_EQ(numbers.size(), 2'000U);
  for (std::uint64_t seq = 1; seq <= 2'000; ++seq)
    ASSERT_EQ(numbers[seq - 1], seq);
}

TEST(RotatingWriter, GoesOnWhereAKilledOneWas) {
  const testing::TemporaryFolder folder;
  const fs::path base(folder.path());
  {
    auto writer = TraceWriter::open((base / "trace.000041.csv").string());
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append(numbered_heartbeat(1)));
  }
  std::ofstream(base / "trace.000041.csv.gz.part") << "half of it";
  std::ofstream(base / "trace.txt") << "somebody's";
  std::ofstream(base / "trace.000042.txt") << "somebody's";
  std::ofstream(base / "other.000099.csv") << "somebody's";
  {
    auto writer = RotatingWriter::open((base / "trace.csv").string(), {.bytes = 1});
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(writer->append(numbered_heartbeat(2)));
    ASSERT_TRUE(writer->flush());
  }
  EXPECT_EQ(names_in(base), (std::vector<std::string>{"other.000099.csv", "trace.000041.csv.gz",
                                                      "trace.000042.csv.gz", "trace.000042.txt",
                                                      "trace.csv", "trace.txt"}));
  EXPECT_EQ(numbers_in(base / "trace.000041.csv.gz"), std::vector<std::uint64_t>{1});
  EXPECT_EQ(numbers_in(base / "trace.000042.csv.gz"), std::vector<std::uint64_t>{2});
}

TEST(RotatingWriter, WhatCannotBeCompressedStaysAndIsSaid) {
  const testing::TemporaryFolder folder;
  const fs::path base(folder.path());
  fs::create_directory(base / "trace.000001.csv.gz.part");  // In the way.
  std::string trouble;
  {
    auto writer = RotatingWriter::open((base / "trace.csv").string(), {.bytes = 1});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append(numbered_heartbeat(1)));
    ASSERT_TRUE(writer->flush());
    EXPECT_TRUE(testing::wait_until([&] { return !(trouble = writer->trouble()).empty(); }));
  }
  EXPECT_NE(trouble.find("trace.000001.csv stays as it is"), std::string::npos) << trouble;
  EXPECT_EQ(numbers_in(base / "trace.000001.csv"), std::vector<std::uint64_t>{1});
}

}  // namespace
}  // namespace vouch
