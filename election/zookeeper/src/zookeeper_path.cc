#include "zookeeper_path.h"

#include <algorithm>
#include <charconv>

#include "vouch/election_zookeeper/zookeeper_store.h"

namespace vouch::election {
namespace {

constexpr std::size_t kPathMax = 512;
constexpr std::size_t kNumberSize = 10;

/// No lease that somebody wrote there counts for more.
constexpr std::int64_t kLeaseMsMax = std::int64_t{365} * 24 * 3'600'000;

constexpr char kHexDigits[] = "0123456789ABCDEF";

/// ZooKeeper takes no control characters, and reads names as UTF-8, losing what is none.
bool is_plain(char c) {
  return c > 0x20 && c < 0x7f && c != '/' && c != '%';
}

Error bad_address(const std::string& field, const std::string& rule, const std::string& value) {
  return {Errc::kBadInput, field + ": " + rule + ", but it is \"" + value + "\""};
}

Status check_server(const std::string& server) {
  const std::size_t colon = server.rfind(':');
  const std::string host = server.substr(0, std::min(colon, server.size()));
  const bool is_host = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_plain(c) && c != ',' && c != '@';
  });
  if (colon == std::string::npos || !is_host) {
    return bad_address("server", "must be HOST:PORT", server);
  }
  const std::string port = server.substr(colon + 1);
  unsigned number = 0;
  const auto [rest, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || rest != port.data() + port.size() || number < 1 || number > 65535) {
    return bad_address("port of " + host, "in [1, 65535]", port);
  }
  return Done{};
}

Status check_path(const std::string& path) {
  const std::string rule = "of names such as /vouch/locks, none of them empty, \".\" or \"..\"";
  if (path.size() > kPathMax) {
    return Error{Errc::kBadInput, "path: at most " + std::to_string(kPathMax) +
                                      " bytes, but it has " + std::to_string(path.size())};
  }
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (name.empty() || name == "." || name == ".." ||
        !std::all_of(name.begin(), name.end(), is_plain)) {
      return bad_address("path", rule, path);
    }
    if (begin == 1 && name == "zookeeper") {
      return bad_address("path", "outside of /zookeeper, which is the server's own", path);
    }
    begin = end + 1;
  }
  return Done{};
}

}  // namespace

Result<ZooKeeperAddress> read_zookeeper_address(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return bad_address("zookeeper", "must be HOST:PORT[,HOST:PORT...]/PATH", text);
  }
  ZooKeeperAddress address{text.substr(0, slash), text.substr(slash)};
  for (std::size_t begin = 0; begin <= address.servers.size();) {
    const std::size_t end = std::min(address.servers.find(',', begin), address.servers.size());
    if (Status server = check_server(address.servers.substr(begin, end - begin)); !server) {
      return server.error();
    }
    begin = end + 1;
  }
  if (Status path = check_path(address.path); !path) return path.error();
  return address;
}

std::string znode_name(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (is_plain(c) && (c != '.' || !text.empty())) {
      text += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    text += '%';
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

std::optional<std::string> name_of_znode(const std::string& text) {
  std::string name;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      name += text[at];
      continue;
    }
    unsigned byte = 0;
    const char* const begin = text.data() + std::min(at + 1, text.size());
    const char* const end = text.data() + std::min(at + 3, text.size());
    const auto [rest, error] = std::from_chars(begin, end, byte, 16);
    if (error != std::errc{} || rest != begin + 2) return std::nullopt;
    name += static_cast<char>(byte);
    at += 2;
  }
  // Two texts for one name would be two queues.
  if (name.empty() || znode_name(name) != text) return std::nullopt;
  return name;
}

std::string place_name(const std::string& guid, std::uint64_t session, std::uint64_t join) {
  return znode_name(guid) + "=" + std::to_string(session) + "." + std::to_string(join) + "-";
}

std::optional<std::string> guid_of_place(const std::string& znode) {
  const std::size_t ours = znode.rfind('=');
  if (ours == std::string::npos) return std::nullopt;
  const std::string rest = znode.substr(ours + 1);
  const std::size_t dash = rest.find('-');
  // The number is one of ten digits; after 2^31 places its sign stands before it.
  if (dash == std::string::npos || rest.size() < dash + 1 + kNumberSize) return std::nullopt;
  return name_of_znode(znode.substr(0, ours));
}

std::string text_of_place(const std::string& owner, Duration lease) {
  return owner + "\n" + std::to_string(lease / std::chrono::milliseconds(1));
}

std::optional<LeasedPlace> place_of(const std::string& znode, const Answer& read) {
  if (read.session == 0 || read.made_at <= 0) return std::nullopt;
  const std::size_t line_end = std::min(read.text.find('\n'), read.text.size());
  const std::string owner = read.text.substr(0, line_end);
  std::int64_t lease_ms = 0;
  const char* const end = read.text.data() + read.text.size();
  const char* const begin = std::min(read.text.data() + line_end + 1, end);
  const auto [rest, error] = std::from_chars(begin, end, lease_ms);
  if (error != std::errc{} || rest != end) lease_ms = 0;
  // Whoever made it, it is ahead of those behind it. Foreign hands may have written anything.
  const bool is_owner = static_cast<bool>(check_name("owner", owner));
  return LeasedPlace{{.id = znode,
                      .guid = guid_of_place(znode).value_or(""),
                      .owner = is_owner ? owner : "(not a name)",
                      .session = SessionId{static_cast<std::uint64_t>(read.session)},
                      .token = FencingToken{static_cast<std::uint64_t>(read.made_at)}},
                     std::chrono::milliseconds(std::clamp<std::int64_t>(lease_ms, 0, kLeaseMsMax))};
}

}  // namespace vouch::election
