// Style as a unit test of the source. Each rule is first shown a bad sample that it must find, then
// the whole tree.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/project/source_rules.h"

namespace vouch::testing {
namespace {

using Rule = std::function<std::vector<Finding>(std::string_view)>;

const std::vector<SourceFile>& tree() {
  static const std::vector<SourceFile> files = source_files(VOUCH_SOURCE_DIR);
  return files;
}

bool is_core(const SourceFile& file) {
  const bool below = file.is_below("detector/include") || file.is_below("detector/src") ||
                     file.is_below("probe/core") || file.is_below("quorum_check/include") ||
                     file.is_below("quorum_check/src");
  return below && file.is_cpp();
}

bool must_be_deterministic(const SourceFile& file) {
  const bool below = file.is_below("sim") || file.is_below("probe/host") ||
                     file.is_below("election/include") || file.is_below("election/src") ||
                     file.is_below("election/sim");
  return below && file.is_cpp();
}

/// Applies `rule` to each file that `applies` chooses. Finding none to look at is a failure too.
void check_tree(const std::function<bool(const SourceFile&)>& applies, const Rule& rule,
                std::size_t files_min) {
  std::size_t looked_at = 0;
  for (const SourceFile& file : tree()) {
    if (!applies(file)) continue;
    ++looked_at;
    for (const Finding& finding : rule(file.text)) {
      ADD_FAILURE() << file.path << ":" << finding.line << ": " << finding.what;
    }
  }
  EXPECT_GE(looked_at, files_min);
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += text;
  return out;
}

/// `nm -uC` of a static library; fails the test if nm does.
std::string undefined_symbols(const std::string& archive) {
  const std::string command = std::string(VOUCH_NM) + " -uC '" + archive + "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer{};
  while (pipe != nullptr) {
    const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe);
    if (count == 0) break;
    out.append(buffer.data(), count);
  }
  EXPECT_TRUE(pipe != nullptr && ::pclose(pipe) == 0) << command;
  return out;
}

std::vector<std::string> core_archives() {
  std::istringstream list(VOUCH_CORE_ARCHIVES);
  std::vector<std::string> archives;
  for (std::string archive; std::getline(list, archive, ':');)
    archives.push_back(archive);
  return archives;
}

// --- the rules themselves, on samples -----------------------------------------------------------

TEST(TidyRules, CommentsAndLiteralsAreBlankedAndLinesKept) {
  EXPECT_EQ(without_comments_and_literals("a // b\nc /* d\ne */ f"), "a     \nc     \n     f");
  EXPECT_EQ(without_comments_and_literals(R"(x("q\"r", 'c', 1'000);)"), "x(      ,    , 1'000);");
  EXPECT_EQ(without_comments_and_literals("y(R\"z(\"\n)z\");"), "y(     \n   );");
}

TEST(TidyRules, EachBanIsFound) {
  const std::vector<std::string> samples{"auto t = Clock::now() + steady_clock::now();",
                                         "std::chrono::steady_clock clock;",
                                         "std::random_device entropy;",
                                         "int x = rand();",
                                         "std::normal_distribution<double> d;",
                                         "std::mt19937 twister;",
                                         "std::unordered_map<int, int> m;",
                                         "std::getenv(name);",
                                         "std::thread worker(run);",
                                         "std::jthread worker(run);",
                                         "sleep_for(delay);",
                                         "std::mutex lock;",
                                         "std::condition_variable ready;",
                                         "std::function<void()> send_;",
                                         "throw 1;",
                                         "} catch (...) {",
                                         "#include <iostream>",
                                         "#include <random>",
                                         "fopen(path, mode);",
                                         "std::cerr << 1;",
                                         "boost::asio::io_context io;",
                                         "nlohmann::json config;"};
  for (const std::string& sample : samples) {
    EXPECT_FALSE(find_core_bans(sample).empty()) << sample;
  }
}

TEST(TidyRules, BansDoNotHitWordsThatOnlyLookAlike) {
  EXPECT_TRUE(
      find_core_bans("// std::thread, rand() and steady_clock::now() in a comment").empty());
  EXPECT_TRUE(find_core_bans("int strand(int operand);\nint asleep; bool boosted;").empty());
  EXPECT_TRUE(find_core_bans("const char* text = \"std::mutex\";").empty());
  EXPECT_EQ(find_core_bans("int a;\nint b;\nthrow a;"),
            (std::vector<Finding>{{3, "throws; return a Result"}}));
}

TEST(TidyRules, ForeignIncludesAreFound) {
  EXPECT_EQ(find_foreign_includes("#include <boost/asio.hpp>", "detector").size(), 1U);
  EXPECT_EQ(find_foreign_includes("#include <nlohmann/json.hpp>", "probe").size(), 1U);
  EXPECT_EQ(find_foreign_includes("#include <unistd.h>", "probe").size(), 1U);
  EXPECT_EQ(find_foreign_includes("#include \"vouch/sim/world.h\"", "quorum_check").size(), 1U);
  EXPECT_EQ(find_foreign_includes("#include \"vouch/probe/message.h\"", "detector").size(), 1U);
  EXPECT_TRUE(find_foreign_includes("#include \"vouch/probe/message.h\"", "probe").empty());
  EXPECT_TRUE(find_foreign_includes("#include <vector>\n#include \"lease.h\"", "probe").empty());
}

TEST(TidyRules, LongFunctionsAreFoundWhereverTheyStand) {
  const std::string body = repeated("  x = {1};\n", kFunctionLinesMax - 1);
  EXPECT_EQ(find_long_functions("int x;\n\nvoid f() {\n" + body + "}\n"),
            (std::vector<Finding>{{3, "a function of 71 lines"}}));
  EXPECT_EQ(find_long_functions("namespace a {\nstruct S : T {\n public:\n  bool f(int i = 1)\n"
                                "      const {\n" +
                                body + "}\n};\n}\n")
                .size(),
            1U);
  EXPECT_EQ(find_long_functions("S::S(int a)\n    : a_{a}, b_(2), c_{3} {\n" + body + "}\n").size(),
            1U);
  EXPECT_EQ(
      find_long_functions("template <typename T>\nbool operator==(T a, T b) {\n" + body + "}\n")
          .size(),
      1U);
  EXPECT_EQ(find_long_functions("TEST(Some, Thing) {\n  if (x) {\n" + body + "  }\n}\n").size(),
            1U);
}

TEST(TidyRules, ShortFunctionsAndLongTablesAreNotFound) {
  const std::string body = repeated("  x();\n", kFunctionLinesMax - 2);
  EXPECT_TRUE(find_long_functions("void f() {\n" + body + "}\n").empty());
  EXPECT_TRUE(find_long_functions("class C {\n" + repeated("  int f();\n", 90) + "};\n").empty());
  EXPECT_TRUE(find_long_functions("enum class E {\n" + repeated("  kA,\n", 90) + "};\n").empty());
  EXPECT_TRUE(
      find_long_functions("constexpr int kTable[] = {\n" + repeated("  f(1),\n", 90) + "};\n")
          .empty());
  EXPECT_TRUE(
      find_long_functions("void f() {\n" + body + "}\nvoid g() {\n" + body + "}\n").empty());
}

TEST(TidyRules, OversizeIsFoundInCharactersNotBytes) {
  EXPECT_TRUE(find_oversize(std::string(kColumnsMax, 'x') + "\n").empty());
  EXPECT_EQ(find_oversize("\n" + std::string(kColumnsMax + 1, 'x')),
            (std::vector<Finding>{{2, "a line of 101 columns"}}));
  EXPECT_TRUE(find_oversize(repeated("φ", kColumnsMax)).empty());
  EXPECT_TRUE(find_oversize(repeated("\n", kFileLinesMax)).empty());
  EXPECT_EQ(find_oversize(repeated("\n", kFileLinesMax + 1)).size(), 1U);
}

TEST(TidyRules, LeftoversAreFound) {
  const std::vector<std::string> samples{
      "// FIX"
      "ME: later",
      "# TO"
      "DO",
      "x = \"/wo"
      "rk/vouch\"",
      "(/tm"
      "p/file)",
      "/ro"
      "ot/.cache",
      "cd /ho"
      "me/me"};
  for (const std::string& sample : samples) {
    EXPECT_FALSE(find_leftovers(sample).empty()) << sample;
  }
  EXPECT_TRUE(find_leftovers("net/wo"
                             "rk, ../shared/traces, build/tm"
                             "p, $x/ho"
                             "me")
                  .empty());
}

TEST(TidyRules, BannedSymbolsAreFound) {
  for (const char* symbol :
       {"clock_gettime", "clock_gettime@GLIBC_2.17", "getrandom", "socket", "open64", "getenv",
        "pthread_create", "time", "std::chrono::_V2::steady_clock::now()",
        "std::random_device::_M_getval()", "std::thread::_M_start_thread(int)"}) {
    EXPECT_EQ(find_banned_symbols("                 U " + std::string(symbol) + "\n").size(), 1U)
        << symbol;
  }
  EXPECT_TRUE(find_banned_symbols("a.cc.o:\n U memcpy\n U timespec_of(int)\n U abort\n"
                                  " U std::__throw_length_error(char const*)\n"
                                  " U vouch::Monitor::open(vouch::NodeId)\n")
                  .empty());
}

// --- the tree -----------------------------------------------------------------------------------

TEST(Tidy, CoreReadsNoClockAndStartsNothing) {
  check_tree(is_core, find_core_bans, 10);
}

TEST(Tidy, SimulatorAndHostAreDeterministic) {
  check_tree(must_be_deterministic, find_nondeterminism, 0);
}

TEST(Tidy, CoreIncludesOnlyTheStandardLibraryAndLowerLayers) {
  for (const std::string folder : {"detector", "probe", "quorum_check"}) {
    check_tree([&](const SourceFile& file) { return is_core(file) && file.is_below(folder); },
               [&](std::string_view text) { return find_foreign_includes(text, folder); }, 1);
  }
}

TEST(Tidy, FunctionsFitAScreen) {
  check_tree([](const SourceFile& file) { return file.is_cpp(); }, find_long_functions, 20);
}

TEST(Tidy, FilesAndLinesAreShort) {
  check_tree([](const SourceFile& file) { return file.is_cpp(); }, find_oversize, 20);
}

TEST(Tidy, NothingIsLeftOver) {
  check_tree([](const SourceFile&) { return true; }, find_leftovers, 40);
}

TEST(Tidy, PublicHeadersGuardThemselves) {
  check_tree([](const SourceFile& file) { return file.path.ends_with(".h"); },
             [](std::string_view text) {
               const bool is_first = text.starts_with("#pragma once\n");
               return is_first ? std::vector<Finding>{}
                               : std::vector<Finding>{{1, "does not begin with #pragma once"}};
             },
             10);
}

TEST(Tidy, NmSeesWhatASampleLibraryDoes) {
  const std::string symbols = undefined_symbols(VOUCH_BAD_SAMPLE_ARCHIVE);
  std::string found;
  for (const Finding& finding : find_banned_symbols(symbols))
    found += finding.what + "\n";
  EXPECT_NE(found.find("clock::now()"), std::string::npos) << symbols;
  EXPECT_NE(found.find("getenv"), std::string::npos) << symbols;
}

TEST(Tidy, CoreLibrariesCallNothingOfTheMachine) {
  ASSERT_FALSE(core_archives().empty());
  for (const std::string& archive : core_archives()) {
    for (const Finding& finding : find_banned_symbols(undefined_symbols(archive))) {
      ADD_FAILURE() << archive << ": " << finding.what;
    }
  }
}

}  // namespace
}  // namespace vouch::testing
