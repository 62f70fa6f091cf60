#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What etcd's JSON gateway says and is told. Keys and values are base64, 64-bit numbers are
// strings, and what is zero, false or empty is left out. Every field of a reply is checked: a reply
// that is not as it should be gives nothing.

namespace vouch::election::etcd {

struct Header {
  std::uint64_t revision = 0;
  std::uint64_t term = 0;  ///< Of etcd's own leadership, as the member that answers knows it.
};

/// A key as it is stored.
struct Pair {
  std::string key;
  std::string value;
  std::uint64_t created = 0;  ///< The revision that made it.
  std::uint64_t lease = 0;
};

struct LeaseReply {
  Header header;
  std::uint64_t lease = 0;
  std::uint64_t ttl_s = 0;  ///< 0: there is no such lease.
};

/// Of a range, or of the first range of a transaction.
struct PairsReply {
  Header header;
  bool succeeded = false;  ///< Of a transaction.
  bool is_partial = false;
  std::vector<Pair> pairs;
};

/// One line of a watch.
struct WatchLine {
  bool created = false;
  bool has_deleted = false;           ///< The key went. The watch is of one key, and of that only.
  std::optional<std::string> ending;  ///< Why the watch has ended.
};

[[nodiscard]] std::optional<LeaseReply> read_lease(std::string_view body);
/// The same within `result`, as each line of a stream has it.
[[nodiscard]] std::optional<LeaseReply> read_keepalive(std::string_view body);
[[nodiscard]] std::optional<PairsReply> read_pairs(std::string_view body);
[[nodiscard]] std::optional<PairsReply> read_transaction(std::string_view body);
[[nodiscard]] std::optional<WatchLine> read_watch(std::string_view line);
/// What an error says; empty if it is not one of etcd's.
[[nodiscard]] std::string read_error(std::string_view body);

/// The token that a name and its password were good for.
[[nodiscard]] std::optional<std::string> read_token(std::string_view body);

[[nodiscard]] std::string authenticate_body(const std::string& user, const std::string& password);
[[nodiscard]] std::string grant_body(std::uint64_t ttl_s);
[[nodiscard]] std::string lease_body(std::uint64_t lease);
/// One key; or with `end`, all from `key` to before it in the order in which they were made, at
/// most `limit` of them if that is not 0.
[[nodiscard]] std::string range_body(std::string_view key, std::string_view end = {},
                                     std::uint64_t limit = 0);
/// If `key` was made at revision `created` (0: is absent), `operations`; and then or else a range
/// of `key`.
[[nodiscard]] std::string transaction_body(std::string_view key, std::uint64_t created,
                                           const std::string& operation);
[[nodiscard]] std::string put_operation(std::string_view key, std::string_view value,
                                        std::uint64_t lease);
[[nodiscard]] std::string delete_operation(std::string_view key);
[[nodiscard]] std::string watch_body(std::string_view key, std::uint64_t from_revision);

[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// Without `/`, spaces and control characters: these and `%` become %XX.
[[nodiscard]] std::string escape(std::string_view text);
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

/// All of `text`, in base 10 or 16.
[[nodiscard]] std::optional<std::uint64_t> read_number(std::string_view text, int base = 10);

}  // namespace vouch::election::etcd
