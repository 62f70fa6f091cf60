#include "links.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <string>

namespace vouch::scenario {
namespace {

/// One end of a pattern: a node or a set of nodes in braces.
std::optional<sim::NodeSet> parse_end(std::string_view text, std::size_t replicas) {
  const bool is_set = text.size() >= 2 && text.front() == '{' && text.back() == '}';
  if (is_set) text = text.substr(1, text.size() - 2);
  sim::NodeSet set = 0;
  while (true) {
    sim::NodeIndex node = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), node);
    if (error != std::errc{} || node >= replicas || (set & sim::node_bit(node)) != 0) {
      return std::nullopt;
    }
    set |= sim::node_bit(node);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    if (text.empty()) return set;
    if (!is_set || text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

Error bad(std::string_view pattern, std::size_t replicas) {
  return {
      Errc::kBadInput,
      "must be \"a->b\", \"a-b\", \"{a,..}=>{b,..}\", \"{a,..}x{b,..}\" or \"*\" with different "
      "nodes in [0, " +
          std::to_string(replicas - 1) + "], is '" + std::string(pattern) + "'"};
}

}  // namespace

Result<std::vector<LinkEnds>> parse_links(std::string_view pattern, std::size_t replicas) {
  sim::NodeSet from = sim::all_nodes(replicas);
  sim::NodeSet to = from;
  bool is_two_way = false;
  if (pattern != "*") {
    // Longer separators first: "-" is part of "->".
    struct Separator {
      std::string_view text;
      bool joins_sets;
      bool is_two_way;
    };
    constexpr Separator kSeparators[] = {
        {"=>", true, false}, {"->", false, false}, {"x", true, true}, {"-", false, true}};
    const Separator* found = nullptr;
    for (const Separator& separator : kSeparators) {
      if (found == nullptr && pattern.find(separator.text) != std::string_view::npos) {
        found = &separator;
      }
    }
    if (found == nullptr) return bad(pattern, replicas);
    const std::size_t at = pattern.find(found->text);
    const std::string_view left = pattern.substr(0, at);
    const std::string_view right = pattern.substr(at + found->text.size());
    const auto first = parse_end(left, replicas);
    const auto second = parse_end(right, replicas);
    const bool are_sets = left.starts_with('{') && right.starts_with('{');
    const bool is_single = !left.starts_with('{') && !right.starts_with('{');
    if (!first || !second || (*first & *second) != 0 ||
        !(found->joins_sets ? are_sets : is_single)) {
      return bad(pattern, replicas);
    }
    from = *first;
    to = *second;
    is_two_way = found->is_two_way;
  }
  std::vector<LinkEnds> links;
  for (sim::NodeIndex a = 0; a < replicas; ++a) {
    for (sim::NodeIndex b = 0; b < replicas; ++b) {
      const bool forward = (from & sim::node_bit(a)) != 0 && (to & sim::node_bit(b)) != 0;
      const bool backward = (from & sim::node_bit(b)) != 0 && (to & sim::node_bit(a)) != 0;
      if (a != b && (forward || (is_two_way && backward))) links.emplace_back(a, b);
    }
  }
  return links;
}

}  // namespace vouch::scenario
