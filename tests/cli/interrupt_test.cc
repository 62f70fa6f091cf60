#include "cli/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace vouch::cli {
namespace {

TEST(Interrupt, NotesTheSignalAndForgetsItWhenTold) {
  const Interrupt interrupt;
  EXPECT_FALSE(Interrupt::is_asked());
  std::raise(SIGTERM);
  EXPECT_TRUE(Interrupt::is_asked());
  Interrupt::forget();
  EXPECT_FALSE(Interrupt::is_asked());
  std::raise(SIGINT);
  EXPECT_TRUE(Interrupt::is_asked());
}

TEST(InterruptDeathTest, TheThirdEndsWhatDoesNotAsk) {
  EXPECT_EXIT(
      {
        const Interrupt interrupt;
        std::raise(SIGINT);
        std::raise(SIGINT);
        if (!Interrupt::is_asked()) std::_Exit(1);
        std::raise(SIGINT);
        std::_Exit(2);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(InterruptDeathTest, EndsByTheSignalThatCame) {
  EXPECT_EXIT(
      {
        const Interrupt interrupt;
        std::raise(SIGTERM);
        Interrupt::die_of_it();
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(InterruptDeathTest, AfterItsEndTheSignalsDoWhatTheyDidBefore) {
  EXPECT_EXIT(
      {
        { const Interrupt interrupt; }
        std::raise(SIGINT);
        std::_Exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace vouch::cli
