#include "vouch/quorum_check/diagnosis_text.h"

#include <algorithm>
#include <string_view>

namespace vouch {
namespace {

/// Of how many heartbeats LinkReport::lost counts the lost ones.
constexpr unsigned kLostOf = 32;

std::string padded(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

std::string link_text(const LinkReport& link) {
  if (link.has(LinkFlag::kExited)) return "exited";
  std::string text;
  const auto add = [&](std::string_view word) {
    text += (text.empty() ? "" : " ") + std::string(word);
  };
  if (link.has(LinkFlag::kFlapping)) add("flaps");
  if (link.has(LinkFlag::kSilent)) {
    add("silent");
    return text;
  }
  if (link.has(LinkFlag::kLossy)) {
    add("lossy " + std::to_string(link.lost * 100 / kLostOf) + "%");
  }
  if (link.has(LinkFlag::kSlow)) add("slow");
  if (link.has(LinkFlag::kLosesLarge)) add("no big");
  return text.empty() ? "ok" : text;
}

}  // namespace

std::string cell_text(const MatrixCell& cell) {
  switch (cell.known) {
    case CellKnown::kNot:
      return "?";
    case CellKnown::kHearsay:
      return "(" + link_text(cell.link) + ")";
    case CellKnown::kFirst:
      return link_text(cell.link);
  }
  return "?";
}

std::string matrix_text(const ReachMatrix& matrix, Instant now,
                        std::span<const std::string> names) {
  constexpr std::string_view corner = "hears";
  constexpr std::string_view age_title = "age ms";
  std::vector<std::vector<std::string>> rows(matrix.size() + 1);
  rows[0].emplace_back(corner);
  for (std::size_t column = 0; column < matrix.size(); ++column)
    rows[0].push_back(names[column]);
  rows[0].emplace_back(age_title);
  for (std::size_t observer = 0; observer < matrix.size(); ++observer) {
    std::vector<std::string>& row = rows[observer + 1];
    row.push_back(names[observer]);
    std::string age = "?";
    for (std::size_t subject = 0; subject < matrix.size(); ++subject) {
      if (subject == observer) {
        row.emplace_back("-");
        continue;
      }
      const MatrixCell cell = matrix.cell(observer, subject, now);
      row.push_back(cell_text(cell));
      if (cell.known != CellKnown::kNot) age = std::to_string(cell.age.count() / 1'000'000);
    }
    row.push_back(age);
  }
  std::vector<std::size_t> widths(matrix.size() + 2, 0);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column)
      text += (column == 0 ? "" : "  ") + padded(row[column], widths[column]);
    text += "\n";
  }
  return text;
}

std::string_view advice_text(DiagnosisKind kind) {
  switch (kind) {
    case DiagnosisKind::kProcessExit:
      return "start the process again; its host answers";
    case DiagnosisKind::kHostSilent:
      return "look at the host and its network: nobody here hears it";
    case DiagnosisKind::kIsolated:
      return "look at this node's own network first: it hears no majority";
    case DiagnosisKind::kSickNode:
      return "look for what starves the process: CPU, memory, a pause of its machine";
    case DiagnosisKind::kOneWayCut:
      return "look at filters and routes in that direction only; the other one works";
    case DiagnosisKind::kPartialPartition:
      return "look at the path between these nodes; each is reached by others";
    case DiagnosisKind::kHubOnly:
      return "look at what connects all nodes but the hub: one path to it is all that is left";
    case DiagnosisKind::kFlappingLink:
      return "look for a port, route or cable that comes and goes";
    case DiagnosisKind::kLargeLost:
      return "look at the MTU of the path and at filters of ICMP";
    case DiagnosisKind::kHungWorker:
      return "look at the disk and at the locks of the host's worker";
    case DiagnosisKind::kLossyNode:
      return "look at the node's port, cable and driver: most of its links lose messages";
    case DiagnosisKind::kLossyLink:
      return "look at the path of this link: both ends are fine with others";
    case DiagnosisKind::kSlowNode:
      return "look for overload or a detour at the node: most of its links are slow";
    case DiagnosisKind::kSlowLink:
      return "look for a detour or a full queue on this path";
    case DiagnosisKind::kFrontEndPath:
      return "look at the network between the front-ends and the leader; replicas reach it";
  }
  return "";
}

}  // namespace vouch
