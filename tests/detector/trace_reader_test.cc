#include "vouch/trace/trace_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.h"
#include "tests/support/sample.h"
#include "vouch/detector/rng.h"

namespace vouch {
namespace {

namespace fs = std::filesystem;

class TraceReaderTest : public ::testing::Test {
 protected:
  std::string plain(const std::string& text) {
    const std::string path = (folder_ / "trace.csv").string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::string zipped(const std::string& text) {
    const std::string path = (folder_ / "trace.csv.gz").string();
    gzFile file = gzopen(path.c_str(), "wb");
    EXPECT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
              static_cast<int>(text.size()));
    gzclose(file);
    return path;
  }

  testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

/// All records of a file, or the message of the error that ended it.
struct Contents {
  std::vector<TraceRecord> records;
  std::vector<std::string> links;
  std::uint64_t lost_probes = 0;
  std::string error;
};

Contents read(const std::string& path) {
  Contents contents;
  auto reader = TraceReader::open(path);
  if (!reader) {
    contents.error = reader.error().message;
    return contents;
  }
  for (;;) {
    const auto record = reader->next();
    if (!record) {
      contents.error = record.error().message;
      return contents;
    }
    if (!*record) break;
    contents.records.push_back(**record);
  }
  contents.links = reader->links();
  contents.lost_probes = reader->lost_probes();
  return contents;
}

std::int64_t ns(Instant at) {
  return at.time_since_epoch().count();
}

TEST_F(TraceReaderTest, Arrivals) {
  const Contents contents = read(plain("arrival_s\n0\n0.091192994\n1.5e+01\n"));
  EXPECT_EQ(contents.error, "");
  ASSERT_EQ(contents.records.size(), 3U);
  EXPECT_EQ(ns(contents.records[1].arrival), 91'192'994);
  EXPECT_EQ(ns(contents.records[2].arrival), 15'000'000'000);
  EXPECT_EQ(contents.records[2].step.count(), 15'000'000'000 - 91'192'994);
  EXPECT_FALSE(contents.records[2].seq);
  EXPECT_FALSE(contents.records[2].sent);
}

TEST_F(TraceReaderTest, ProbesComeInOrderOfArrivalAndLostOnesLeaveAGapInTheNumbers) {
  // The second one takes 4 s, there and back; the third is lost; a run begins 100 s later.
  const Contents contents = read(plain("send_s,rtt_ms\n0,10\n1,4000\n2,\n3.5,20.5\n103.5,2\n"));
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.lost_probes, 1U);
  ASSERT_EQ(contents.records.size(), 4U);
  const auto& records = contents.records;
  EXPECT_EQ(records[0].seq, Seq(1));
  EXPECT_EQ(ns(records[0].arrival), 5'000'000);
  EXPECT_EQ(ns(*records[0].sent), 0);
  EXPECT_EQ(records[1].seq, Seq(2));
  EXPECT_EQ(ns(records[1].arrival), 3'000'000'000);
  EXPECT_EQ(records[2].seq, Seq(4));
  EXPECT_EQ(ns(records[2].arrival), 3'510'250'000);
  EXPECT_EQ(records[2].step, std::chrono::milliseconds(1500));
  EXPECT_EQ(records[3].step, std::chrono::seconds(100));
}

TEST_F(TraceReaderTest, AnOvertakenProbeIsSortedIn) {
  const Contents contents = read(plain("send_s,rtt_ms\n0,6000\n1,100\n2,100\n5,100\n"));
  ASSERT_EQ(contents.records.size(), 4U);
  std::vector<std::uint64_t> order;
  for (const TraceRecord& record : contents.records)
    order.push_back(record.seq->value());
  EXPECT_EQ(order, (std::vector<std::uint64_t>{2, 3, 1, 4}));
}

TEST_F(TraceReaderTest, NumberedSitesAreLinksOfTheirOwn) {
  const Contents contents =
      read(plain("site,seq,send_ns_sender_clock,recv_ns_receiver_clock,hops\n"
                 "4,101,9301432084211090,47816110312853897,14\n"
                 "9,70,8410851650497718,47816110312872196,15\n"
                 "4,102,9301432184211090,47816110412853897,14\n"));
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.links, (std::vector<std::string>{"site 4", "site 9"}));
  ASSERT_EQ(contents.records.size(), 3U);
  EXPECT_EQ(contents.records[2].link, 0U);
  EXPECT_EQ(contents.records[2].seq->value() - contents.records[0].seq->value(), 1U);
  EXPECT_EQ(contents.records[2].step, std::chrono::milliseconds(100));
}

TEST_F(TraceReaderTest, RecordingsAreDirectedPairs) {
  const Contents contents =
      read(plain("observer,subject,incarnation,seq,sent_ns,arrival_ns\n"
                 "1,2,7,1,5,1000\n2,1,3,1,5,900\n1,2,7,2,6,2000\n1,2,8,1,0,3000\n"));
  EXPECT_EQ(contents.error, "");
  EXPECT_EQ(contents.links, (std::vector<std::string>{"2->1", "1->2"}));
  ASSERT_EQ(contents.records.size(), 4U);
  EXPECT_EQ(contents.records[3].incarnation, Incarnation(8));
  EXPECT_FALSE(contents.records[0].sent) << "another clock";
}

TEST_F(TraceReaderTest, GzipReadsLikePlainText) {
  std::string text = "arrival_s\r\n";
  for (int i = 0; i < 200'000; ++i)
    text += std::to_string(i / 10) + "." + std::to_string(i % 10) + "\r\n";
  const Contents a = read(plain(text));
  const Contents b = read(zipped(text));
  EXPECT_EQ(a.error, "");
  EXPECT_EQ(b.error, "");
  ASSERT_EQ(a.records.size(), 200'000U);
  ASSERT_EQ(b.records.size(), 200'000U);
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    ASSERT_EQ(ns(a.records[i].arrival), static_cast<std::int64_t>(i) * 100'000'000);
    ASSERT_EQ(a.records[i].arrival, b.records[i].arrival);
  }
}

TEST_F(TraceReaderTest, EveryCutOfAGzipFileIsAnError) {
  std::string text = "arrival_s\n";
  Rng rng(1);
  std::uint64_t at = 0;
  for (int i = 0; i < 500; ++i)
    text += std::to_string(at += rng.below(1000)) + "\n";
  const std::string whole = zipped(text);
  const auto size = fs::file_size(whole);
  for (std::uintmax_t cut = 0; cut < size; cut += vouch::testing::sample_step()) {
    const fs::path path = folder_ / "cut.csv.gz";
    fs::copy_file(whole, path, fs::copy_options::overwrite_existing);
    fs::resize_file(path, cut);
    const Contents contents = read(path.string());
    ASSERT_NE(contents.error, "") << "cut at byte " << cut << " of " << size;
    ASSERT_EQ(contents.error.rfind(path.string() + ":", 0), 0U) << contents.error;
  }
}

TEST_F(TraceReaderTest, ATruncatedFileSaysSo) {
  std::string text = "arrival_s\n";
  for (int i = 0; i < 100'000; ++i)
    text += std::to_string(i) + "\n";
  const std::string path = zipped(text);
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_NE(read(path).error.find("the gzip data ends too early: the file is truncated"),
            std::string::npos)
      << read(path).error;
  EXPECT_NE(read(plain("arrival_s\n1\n2."))
                .error.find(":3: the last line must end in a line break: the file is truncated"),
            std::string::npos);
}

TEST_F(TraceReaderTest, DamagedGzipDataIsAnError) {
  std::string text = "arrival_s\n";
  for (int i = 0; i < 100'000; ++i)
    text += std::to_string(i) + "\n";
  const std::string path = zipped(text);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5000);
  file << "this is not what the compressor wrote";
  file.close();
  EXPECT_NE(read(path).error, "");
}

TEST_F(TraceReaderTest, ErrorsNameFileLineFieldRuleAndValue) {
  const std::string recorded = "observer,subject,incarnation,seq,sent_ns,arrival_ns\n";
  const std::string numbered = "site,seq,send_ns_sender_clock,recv_ns_receiver_clock,hops\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", ": is empty, but must begin with a header"},
      {"time\n1\n", R"(:1: the header must be one of "send_s,rtt_ms")"},
      {"arrival_s\nx\n", R"(:2: arrival_s must be a number of seconds of at least 0, but is "x")"},
      {"arrival_s\n\n", R"(:2: arrival_s must be a number of seconds of at least 0, but is "")"},
      {"arrival_s\n1\n-2\n",
       R"(:3: arrival_s must be a number of seconds of at least 0, but is "-2")"},
      {"arrival_s\n1e300\n",
       R"(arrival_s must be a number of seconds of at least 0, but is "1e300")"},
      {"arrival_s\nnan\n", R"(but is "nan")"},
      {"arrival_s\n99999999999999999999\n", R"(but is "99999999999999999999")"},
      {"arrival_s\n2\n1\n",
       R"(:3: arrival_s must be at least that of the line before on the same link, but is "1")"},
      {"send_s,rtt_ms\n1\n", R"(:2: a line must have the fields send_s,rtt_ms, but is "1")"},
      {"send_s,rtt_ms\n1,2,3\n", R"(but is "1,2,3")"},
      {"send_s,rtt_ms\n2,1\n1,1\n",
       R"(:3: send_s must be at least that of the line before, but is "1")"},
      {"send_s,rtt_ms\n1,abc\n",
       R"(:2: rtt_ms must be empty or between 0 and 86400000 milliseconds, but is "abc")"},
      {"send_s,rtt_ms\n1,86400001\n", R"(but is "86400001")"},
      {recorded + "1,2,3,0,5,6\n", R"(:2: seq must be a whole number of at least 1, but is "0")"},
      {recorded + "4294967296,2,3,1,5,6\n", R"(:2: observer must be a whole number of 32 bits)"},
      {recorded + "1,b,3,1,5,6\n", R"(:2: subject must be a whole number of 32 bits, but is "b")"},
      {recorded + "1,2,3,1,5,-6\n", R"(:2: arrival_ns must be a whole number of nanoseconds)"},
      {numbered + "1,2,3,x,5\n", R"(:2: recv_ns_receiver_clock must be a whole number)"},
      {"arrival_s\n" + std::string(5000, '1') + "\n", ":2: a line must be at most 4096 characters"},
  };
  for (const auto& [text, message] : cases) {
    const std::string path = plain(text);
    const std::string error = read(path).error;
    EXPECT_EQ(error.rfind(path, 0), 0U) << error;
    EXPECT_NE(error.find(message), std::string::npos) << error << "\nlacks\n" << message;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST_F(TraceReaderTest, AFolderAndAMissingFileAreErrors) {
  EXPECT_NE(read(folder_.string()).error.find("is a folder"), std::string::npos);
  EXPECT_NE(read((folder_ / "none.csv").string()).error.find("cannot be opened"),
            std::string::npos);
}

}  // namespace
}  // namespace vouch
