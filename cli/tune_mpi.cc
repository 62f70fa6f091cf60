// What makes `vouch_mpi` of `vouch`: the trials of a search on all processes of `mpirun`. The only
// file that knows MPI.

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "tune_machines.h"

namespace vouch::cli {
namespace {

using Clock = std::chrono::steady_clock;
using tune::Trial;
using tune::TrialOutcome;

constexpr int kTagWork = 1;
constexpr int kTagDone = 2;

/// So many trials wait at each process, so that none idles while the first one computes.
constexpr int kAhead = 2;

constexpr useconds_t kPollMicroseconds = 200;

/// A process that has not answered for this long, or for 50 times the longest trial, has its share
/// redone.
constexpr std::chrono::seconds kPatience{5};

/// Sent as bytes: all processes are the same program.
struct Work {
  std::uint64_t round = 0;  ///< Of `run`; answers to an earlier one come too late. 0: it is over.
  std::uint64_t index = 0;
  Trial trial{};
};
struct Answer {
  std::uint64_t round = 0;
  std::uint64_t index = 0;
  TrialOutcome outcome{};
};
static_assert(std::is_trivially_copyable_v<Work> && std::is_trivially_copyable_v<Answer>);

class MpiMachines final : public Machines {
 public:
  MpiMachines() {
    int is_initialised = 0;
    MPI_Initialized(&is_initialised);
    if (is_initialised == 0) MPI_Init(nullptr, nullptr);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    waiting_.resize(static_cast<std::size_t>(size_));
    lost_.resize(static_cast<std::size_t>(size_));
  }
  MpiMachines(const MpiMachines&) = delete;
  MpiMachines& operator=(const MpiMachines&) = delete;

  ~MpiMachines() override {
    if (rank_ == 0 && is_agreed_) {
      for (int rank = 1; rank < size_; ++rank)
        send(rank, Work{});
    }
    // With somebody lost it would wait for ever: mpirun ends the rest.
    if (!is_anybody_lost()) MPI_Finalize();
  }

  [[nodiscard]] bool is_first() const override { return rank_ == 0; }

  [[nodiscard]] bool agree(std::uint64_t fingerprint) override {
    std::uint64_t least = 0;
    std::uint64_t greatest = 0;
    MPI_Allreduce(&fingerprint, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&fingerprint, &greatest, 1, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    is_agreed_ = least == greatest;
    return is_agreed_;
  }

  void serve(const Compute& compute) override {
    for (;;) {
      // A blocking receive of OpenMPI spins; others need the processor.
      if (!is_something_there(0, kTagWork)) {
        ::usleep(kPollMicroseconds);
        continue;
      }
      Work work;
      MPI_Recv(&work, sizeof work, MPI_BYTE, 0, kTagWork, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      if (work.round == 0) return;
      const Answer answer{work.round, work.index, compute(work.trial)};
      MPI_Send(&answer, sizeof answer, MPI_BYTE, 0, kTagDone, MPI_COMM_WORLD);
    }
  }

  std::size_t run(const std::vector<Trial>& trials, std::size_t first, std::size_t end,
                  const Compute& compute, const std::function<bool()>& is_stopped,
                  const Take& take) override {
    ++round_;
    next_ = first;
    outcomes_.assign(end, std::nullopt);
    std::fill(waiting_.begin(), waiting_.end(), 0);
    heard_ = Clock::now();
    std::size_t taken = first;
    for (;;) {
      for (int rank = 1; rank < size_; ++rank)
        hand_out(trials, end, rank);
      receive();
      for (; taken < end && outcomes_[taken]; ++taken)
        take(*outcomes_[taken]);
      if (taken == end || is_stopped()) return taken;
      if (next_ < end) {
        compute_here(trials, next_++, compute);
      } else if (Clock::now() - heard_ > std::max<Clock::duration>(kPatience, 50 * longest_)) {
        for (std::size_t rank = 1; rank < waiting_.size(); ++rank) {
          if (waiting_[rank] > 0) lost_.at(rank) = true;
        }
        compute_here(trials, taken, compute);
      } else {
        ::usleep(kPollMicroseconds);
      }
    }
  }

  [[nodiscard]] std::string report() const override {
    std::string text;
    for (std::size_t rank = 1; rank < lost_.size(); ++rank) {
      if (!lost_[rank]) continue;
      text += (text.empty() ? "process " : ", ") + std::to_string(rank);
    }
    return text.empty() ? text : text + " did not answer; its share was redone here";
  }

 private:
  [[nodiscard]] bool is_anybody_lost() const {
    return std::find(lost_.begin(), lost_.end(), true) != lost_.end();
  }

  static bool is_something_there(int from, int tag) {
    int there = 0;
    MPI_Iprobe(from, tag, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
    return there != 0;
  }

  static bool send(int rank, const Work& work) {
    return MPI_Send(&work, sizeof work, MPI_BYTE, rank, kTagWork, MPI_COMM_WORLD) == MPI_SUCCESS;
  }

  /// Whoever is quick asks for more sooner: nobody waits for the slowest but at the end.
  void hand_out(const std::vector<Trial>& trials, std::size_t end, int rank) {
    const auto at = static_cast<std::size_t>(rank);
    while (!lost_[at] && waiting_[at] < kAhead && next_ < end) {
      if (!send(rank, Work{round_, next_, trials[next_]})) {
        lost_[at] = true;
        return;
      }
      ++waiting_[at];
      ++next_;
    }
  }

  void receive() {
    while (is_something_there(MPI_ANY_SOURCE, kTagDone)) {
      Answer answer;
      MPI_Status status;
      if (MPI_Recv(&answer, sizeof answer, MPI_BYTE, MPI_ANY_SOURCE, kTagDone, MPI_COMM_WORLD,
                   &status) != MPI_SUCCESS) {
        return;
      }
      heard_ = Clock::now();
      const auto from = static_cast<std::size_t>(status.MPI_SOURCE);
      lost_[from] = false;
      if (answer.round != round_) continue;
      --waiting_[from];
      outcomes_[answer.index] = answer.outcome;
    }
  }

  void compute_here(const std::vector<Trial>& trials, std::size_t index, const Compute& compute) {
    const Clock::time_point began = Clock::now();
    outcomes_[index] = compute(trials[index]);
    longest_ = std::max(longest_, Clock::now() - began);
  }

  int rank_ = 0;
  int size_ = 1;
  bool is_agreed_ = false;
  std::uint64_t round_ = 0;
  std::size_t next_ = 0;                               ///< Not handed out yet.
  std::vector<std::optional<TrialOutcome>> outcomes_;  ///< Of this round.
  std::vector<int> waiting_;                           ///< Trials at each process.
  std::vector<bool> lost_;                             ///< Who did not answer in time.
  Clock::time_point heard_{};                          ///< When anybody answered last.
  Clock::duration longest_{};                          ///< Trial of this process.
};

std::unique_ptr<Machines> open_mpi() {
  return std::make_unique<MpiMachines>();
}

/// Before `main`: the rest of the program is the same with and without MPI.
[[maybe_unused]] const bool kIsOpened = [] {
  open_machines = open_mpi;
  return true;
}();

}  // namespace
}  // namespace vouch::cli
