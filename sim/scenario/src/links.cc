#include "links.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <string>

#include "vouch/sim/clients.h"

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

/// A pattern of two ends, cut at "->" or "-".
struct TwoEnds {
  std::string_view left;
  std::string_view right;
  bool is_two_way = false;
};

std::optional<TwoEnds> split_ends(std::string_view pattern) {
  const std::size_t at = pattern.find('-');
  if (at == std::string_view::npos) return std::nullopt;
  const bool is_two_way = pattern.substr(at, 2) != "->";
  return TwoEnds{pattern.substr(0, at), pattern.substr(at + (is_two_way ? 1 : 2)), is_two_way};
}

bool is_letter(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z';
}

/// The clients that an end names; empty: none is called so.
std::vector<std::size_t> clients_called(std::string_view name, const ClientNames& clients) {
  for (const auto& [zone, members] : clients.zones) {
    if (zone == name) return members;
  }
  if (!name.starts_with('c')) return {};
  name.remove_prefix(1);
  std::size_t client = 0;
  const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), client);
  if (error != std::errc{} || rest != name.data() + name.size()) return {};
  return client < clients.count ? std::vector<std::size_t>{client} : std::vector<std::size_t>{};
}

}  // namespace

bool names_clients(std::string_view pattern) {
  const auto ends = split_ends(pattern);
  return ends && (is_letter(ends->left) || is_letter(ends->right));
}

Result<std::vector<LinkEnds>> parse_client_links(std::string_view pattern,
                                                 const ClientNames& clients, std::size_t replicas) {
  const auto ends = split_ends(pattern);
  std::vector<std::size_t> members;
  std::optional<sim::NodeSet> nodes;
  const bool asks = ends && is_letter(ends->left);
  if (ends) {
    const std::string_view node_end = asks ? ends->right : ends->left;
    members = clients_called(asks ? ends->left : ends->right, clients);
    nodes = node_end == "*" ? sim::all_nodes(replicas) : parse_end(node_end, replicas);
  }
  if (members.empty() || !nodes) {
    return Error{Errc::kBadInput,
                 "must be \"c->n\", \"n->c\" or \"c-n\" with c one of the clients (c0 to c" +
                     std::to_string(std::max<std::size_t>(clients.count, 1) - 1) +
                     ") or zones, and n a node in [0, " + std::to_string(replicas - 1) +
                     "], \"{n,..}\" or \"*\", is '" + std::string(pattern) + "'"};
  }
  std::vector<LinkEnds> links;
  for (const std::size_t member : members) {
    const auto client = static_cast<sim::NodeIndex>(sim::kFirstClient + member);
    for (sim::NodeIndex node = 0; node < replicas; ++node) {
      if ((*nodes & sim::node_bit(node)) == 0) continue;
      if (asks || ends->is_two_way) links.emplace_back(client, node);
      if (!asks || ends->is_two_way) links.emplace_back(node, client);
    }
  }
  return links;
}

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
