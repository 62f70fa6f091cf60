#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vouch/detector/ids.h"
#include "vouch/quorum_check/action.h"
#include "vouch/sim/network.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/replica.h"
#include "vouch/sim/time.h"

namespace vouch::sim {

/// A diagnosis that one node raised, and when it cleared it.
struct DiagnosisSpan {
  NodeIndex by = 0;
  Diagnosis diagnosis{};  ///< As it was raised; its instants are those of the node's clock.
  TrueTime raised_at{};
  TrueTime cleared_at = kEndOfTime;  ///< kEndOfTime: it stood at the end.
};

/// An advice of a leader to hand over.
struct AdviceGiven {
  NodeIndex by = 0;
  NodeIndex to = 0;
  TrueTime at{};
  std::string_view reason{};
};

/// The name of a node in a simulation: its index, or of a client as links name it (c0).
[[nodiscard]] std::string index_name(NodeId node);

/// Keeps what the replicas diagnose and advise during a run. What a node had raised ends with its
/// process. Keeps the first kMost only.
class DiagnosisLog final : public Observer {
 public:
  static constexpr std::size_t kMost = 100'000;

  void noted(const Engine& engine, NodeIndex node, const Note& note) override;
  void faulted(const Engine& engine, const Fault& fault) override;

  [[nodiscard]] const std::vector<DiagnosisSpan>& spans() const { return spans_; }
  [[nodiscard]] const std::vector<AdviceGiven>& advices() const { return advices_; }

 private:
  std::vector<DiagnosisSpan> spans_;
  std::vector<std::size_t> open_;  ///< Of spans_, those that stand.
  std::vector<AdviceGiven> advices_;
};

}  // namespace vouch::sim
