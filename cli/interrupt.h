#pragma once

namespace vouch::cli {

/// While one exists, SIGINT and SIGTERM are noted instead of ending the program, so that long work
/// can stop where it may be continued. The third of them ends the program all the same: work that
/// does not ask can still be stopped.
///
/// One object at a time. `is_asked` may be called in every thread.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  /// From here on the signals do what they did before.
  ~Interrupt();

  /// Has a signal come since the object was made, or since `forget`?
  [[nodiscard]] static bool is_asked();
  /// What comes next can be interrupted anew.
  static void forget();
  /// Ends the program by the signal that came, as if it had not been caught: a shell or a
  /// supervisor sees what ended it. A signal must have come.
  [[noreturn]] static void die_of_it();

 private:
  using Handler = void (*)(int);
  Handler on_interrupt_;
  Handler on_terminate_;
};

}  // namespace vouch::cli
