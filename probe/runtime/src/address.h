#pragma once

#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::runtime {

using Endpoint = boost::asio::ip::udp::endpoint;

/// "127.0.0.1:7001" or "[::1]:7001". Numeric only: a name could mean another address tomorrow.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

/// The same form.
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

}  // namespace vouch::runtime
