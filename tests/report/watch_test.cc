// vouch simulate --watch, on a pseudo-terminal and elsewhere.
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vouch::cli {
namespace {

constexpr const char* kShow = "\x1b[?25h";
constexpr const char* kHide = "\x1b[?25l";

/// The program on a terminal of its own, 100 columns wide.
class OnTerminal {
 public:
  explicit OnTerminal(const char* speed) {
    winsize size{};
    size.ws_row = 40;
    size.ws_col = 100;
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    ::unsetenv("NO_COLOR");
    ::execl(VOUCH_PROGRAM, VOUCH_PROGRAM, "simulate", "s10", "--watch", "--speed", speed, nullptr);
    ::_exit(127);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;
  ~OnTerminal() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    ::close(terminal_);
  }

  /// Reads until `what` has come, or until the program has ended.
  bool read_until(const std::string& what) {
    while (text.find(what) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }

  /// Reads to the end. Returns what waitpid says.
  int finish() {
    while (read_some()) {
    }
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

  void interrupt() { ::kill(pid_, SIGINT); }

  std::string text;

 private:
  bool read_some() {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(terminal_, buffer.data(), buffer.size());
    if (count <= 0) return false;  // A terminal whose program has ended gives EIO.
    text.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  pid_t pid_ = -1;
  int terminal_ = -1;
};

/// The last frame: what follows the last "up so many lines".
std::string last_frame(const std::string& text) {
  const std::size_t up = text.rfind("A\r\x1b[K");
  return up == std::string::npos ? text : text.substr(up);
}

TEST(Watch, DrawsTheLanesInPlaceAndGivesTheTerminalBack) {
  OnTerminal program("0");
  const int status = program.finish();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(program.text.find(kHide), 0U);
  EXPECT_GT(program.text.rfind(kShow), program.text.rfind("\x1b[K"));
  const std::string frame = last_frame(program.text);
  EXPECT_NE(frame.find("s10, vouch:"), std::string::npos) << frame;
  // The old leader first led and then followed, the hub the other way round.
  EXPECT_NE(frame.find("n0 follower t2"), std::string::npos) << frame;
  EXPECT_NE(frame.find("n1 leader t2"), std::string::npos) << frame;
  EXPECT_NE(frame.find("\x1b[1;32m#####"), std::string::npos) << frame;
  EXPECT_NE(program.text.find("n1 is elected and leads term 2"), std::string::npos);
  // The table comes after it.
  EXPECT_NE(frame.find("as expected"), std::string::npos) << frame;
}

TEST(Watch, NoRowIsWiderThanTheTerminal) {
  OnTerminal program("0");
  (void)program.finish();
  const std::string frames = program.text.substr(0, program.text.rfind(kShow));
  std::size_t width = 0;
  std::size_t widest = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i] == '\x1b') {
      while (i < frames.size() && (frames[i] < 'A' || frames[i] > 'z' || frames[i] == '['))
        ++i;
    } else if (frames[i] == '\r' || frames[i] == '\n') {
      width = 0;
    } else {
      widest = std::max(widest, ++width);
    }
  }
  EXPECT_LT(widest, 100U);
  EXPECT_GT(widest, 90U);
}

TEST(Watch, AnInterruptGivesTheTerminalBackAndEndsTheProgram) {
  OnTerminal program("1");  // Would take 43 seconds.
  ASSERT_TRUE(program.read_until("n0 leader t1")) << program.text;
  program.interrupt();
  const int status = program.finish();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  EXPECT_GT(program.text.rfind(kShow), program.text.rfind("\x1b[K"));
  EXPECT_NE(program.text.rfind(kShow), std::string::npos);
}

TEST(Watch, ElsewhereThereAreLinesAndNoEscapes) {
  FILE* pipe = ::popen(VOUCH_PROGRAM " simulate s10 --watch --speed 1", "r");
  ASSERT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 4096> buffer{};
  for (std::size_t count = 1; count > 0;) {
    count = std::fread(buffer.data(), 1, buffer.size(), pipe);
    text.append(buffer.data(), count);
  }
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("  5.000 s  link n0 -> n2 is cut\n"), std::string::npos);
  EXPECT_NE(text.find("n1 is elected and leads term 2\n"), std::string::npos);
}

}  // namespace
}  // namespace vouch::cli
