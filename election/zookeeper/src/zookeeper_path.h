#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "zookeeper_links.h"

namespace vouch::election {

/// `name` as a name of a znode: letters, digits and most signs as they are, every other byte (`/`,
/// `%`, control characters, a leading dot, what is not ASCII) as % and two hexadecimal digits.
[[nodiscard]] std::string znode_name(const std::string& name);

/// The name of which znode_name made `text`; nothing if it made it of none.
[[nodiscard]] std::optional<std::string> name_of_znode(const std::string& text);

/// The znode of a place, which ZooKeeper completes with a number: "GUID=SESSION.JOIN-". Session and
/// join make it one that never comes back, also when its parent was removed and numbers begin anew.
[[nodiscard]] std::string place_name(const std::string& guid, std::uint64_t session,
                                     std::uint64_t join);

/// The guid of such a znode. Nothing if it is another's.
[[nodiscard]] std::optional<std::string> guid_of_place(const std::string& znode);

/// A place, and the lease that its maker wrote there beside its name.
struct LeasedPlace {
  QueuePlace place;
  Duration lease{};
};

/// What is written into a place: names have no line ends.
[[nodiscard]] std::string text_of_place(const std::string& owner, Duration lease);

/// The place that a znode is; nothing if it is none: not ephemeral.
[[nodiscard]] std::optional<LeasedPlace> place_of(const std::string& znode, const Answer& read);

}  // namespace vouch::election
