#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vouch/tune/trial.h"

namespace vouch::cli {

/// Several processes that share the trials of a search. One of them hands out, keeps the results
/// and speaks to the user; all compute.
class Machines {
 public:
  using Compute = std::function<tune::TrialOutcome(const tune::Trial&)>;
  using Take = std::function<void(const tune::TrialOutcome&)>;

  virtual ~Machines() = default;

  [[nodiscard]] virtual bool is_first() const = 0;

  /// Whether all processes read the same; every one of them must ask.
  [[nodiscard]] virtual bool agree(std::uint64_t fingerprint) = 0;

  /// Of the others: computes what is handed out until the first one ends.
  virtual void serve(const Compute& compute) = 0;

  /// Of the first: has `trials` from `first` on computed, up to `end`, and takes the outcomes in
  /// their order. Stops early once `is_stopped` says so. Returns the first one not taken.
  virtual std::size_t run(const std::vector<tune::Trial>& trials, std::size_t first,
                          std::size_t end, const Compute& compute,
                          const std::function<bool()>& is_stopped, const Take& take) = 0;

  /// What a user should know about the others: who was lost. Empty: nothing.
  [[nodiscard]] virtual std::string report() const = 0;
};

/// How a program with MPI gets at the other processes that mpirun has started; null in one without.
inline std::unique_ptr<Machines> (*open_machines)() = nullptr;

}  // namespace vouch::cli
