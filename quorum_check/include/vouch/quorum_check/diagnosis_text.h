#pragma once

#include <span>
#include <string>

#include "vouch/quorum_check/action.h"
#include "vouch/quorum_check/reach_matrix.h"

namespace vouch {

/// The culprit of a diagnosis as logs, tables and scenario files name it, with the name of a node
/// by `name_of(NodeId)`:
///
///   "0"      the node itself; "*": no single one
///   "0-1"    the link between two nodes, "0->1" one direction of it
///   "0->*"   what the node sends to several others, "*->0" what it gets, "0-*" both
template <typename NameOf>
[[nodiscard]] std::string culprit_text(const Diagnosis& diagnosis, NameOf&& name_of) {
  std::string node = diagnosis.node == kNobody ? "*" : name_of(diagnosis.node);
  const bool is_about_links = diagnosis.kind == DiagnosisKind::kOneWayCut ||
                              diagnosis.kind == DiagnosisKind::kPartialPartition ||
                              diagnosis.kind == DiagnosisKind::kFlappingLink ||
                              diagnosis.kind == DiagnosisKind::kLargeLost;
  if (diagnosis.node == kNobody || diagnosis.path == Path::kNode) return node;
  if (diagnosis.peer == kNobody && !is_about_links) return node;
  const std::string peer = diagnosis.peer == kNobody ? "*" : name_of(diagnosis.peer);
  if (diagnosis.path == Path::kOut) return node + "->" + peer;
  if (diagnosis.path == Path::kIn) return peer + "->" + node;
  return node + "-" + peer;
}

/// A list of nodes: "0, 2, 3"; empty for nobody.
template <typename NameOf>
[[nodiscard]] std::string list_text(const NodeList& nodes, NameOf&& name_of) {
  std::string text;
  for (const NodeId node : nodes)
    text += (text.empty() ? "" : ", ") + name_of(node);
  return text;
}

/// What a cell says in a word or two: "ok", "silent", "lossy 31%", "slow", "flaps", "no big"; "?"
/// when nothing is known; "(ok)", "(silent)" by hearsay.
[[nodiscard]] std::string cell_text(const MatrixCell& cell);

/// The matrix as its owner knows it, one line for each node that hears, one column for each that is
/// heard, with the age of each row. `names` by index of the matrix.
[[nodiscard]] std::string matrix_text(const ReachMatrix& matrix, Instant now,
                                      std::span<const std::string> names);

/// What is to be done about a diagnosis, in one sentence.
[[nodiscard]] std::string_view advice_text(DiagnosisKind kind);

}  // namespace vouch
