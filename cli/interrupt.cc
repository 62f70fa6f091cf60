#include "interrupt.h"

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace vouch::cli {
namespace {

constexpr int kSignalsMax = 3;

std::atomic<int> came = 0;  ///< The signal, 0 if none.
std::atomic<int> count = 0;
static_assert(std::atomic<int>::is_always_lock_free, "it is set by a signal handler");

extern "C" void note_signal(int signal) {
  came = signal;
  // What is still running after this many will not stop by itself.
  if (++count >= kSignalsMax) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

Interrupt::Interrupt() {
  came = 0;
  count = 0;
  on_interrupt_ = std::signal(SIGINT, note_signal);
  on_terminate_ = std::signal(SIGTERM, note_signal);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, on_interrupt_);
  std::signal(SIGTERM, on_terminate_);
}

bool Interrupt::is_asked() {
  return came != 0;
}

void Interrupt::forget() {
  came = 0;
}

void Interrupt::die_of_it() {
  const int signal = came;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();  // Only if somebody blocks the signal.
}

}  // namespace vouch::cli
