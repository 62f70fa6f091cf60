#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch::election {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// Signs a request as Amazon's services want it (Signature Version 4), by libcurl and so by this
/// machine's clock: libcurl 7.88 sends a time that is given to it twice. None of it is ever part of
/// a message.
struct AwsSigning {
  std::string region;
  std::string service;
  std::string access_key;
  std::string secret_key;
  std::string session_token;  ///< Empty: none.
};

struct HttpRequest {
  std::string method = "POST";
  std::string url;  ///< http:// or https://.
  std::vector<HttpHeader> headers;
  std::string body;
  /// For the whole of it, the connecting included. Zero: no limit, for streams.
  Duration timeout = std::chrono::seconds(1);
  std::optional<AwsSigning> signing;
};

/// How far a request got. The three of them map to the three answers of a store: what was not sent
/// surely did not happen; of what got no reply nobody knows.
enum class HttpOutcome : std::uint8_t {
  kAnswered,  ///< A whole reply is here, whatever its status.
  kNotSent,   ///< Not one byte of the request left this process.
  kNoReply,   ///< Some of it may have left, and no whole reply came.
};

struct HttpReply {
  HttpOutcome outcome = HttpOutcome::kNotSent;
  int status = 0;
  std::string body;
  std::optional<std::chrono::sys_seconds> date;  ///< The server's clock, by its header Date.
  std::string trouble;                           ///< For a person; empty when it was answered.
};

struct HttpClientConfig {
  std::size_t reply_bytes_max = std::size_t{4} << 20;
  /// A connection that was idle for so long is not used again: servers close them at about that
  /// time, and a request on a connection that dies is one of which nobody knows.
  std::chrono::seconds idle_max{4};
  Duration connect_timeout = std::chrono::seconds(10);
  std::string ca_file;    ///< PEM, of who signed the servers' certificates. Empty: the system's.
  std::string cert_file;  ///< PEM, shown to servers that ask for it.
  std::string key_file;
};

/// One HTTP/1.1 client with a connection that is used again, over libcurl. Each call blocks.
///
/// A request is sent once at the most: libcurl by itself sends it again when a connection that was
/// used before breaks, and a conditional write that is sent twice could be refused because it was
/// applied. Redirects are not followed. Requests to this machine and to link-local addresses go
/// past proxies; others use the one that the environment names.
///
/// Not thread-safe but for `abort` and `resume`: give it one owner.
class HttpClient {
 public:
  /// Sees each piece of a body as it comes; false ends the request.
  using TakePiece = std::function<bool(std::string_view piece)>;

  static Result<std::unique_ptr<HttpClient>> create(HttpClientConfig config = {});
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  [[nodiscard]] HttpReply send(const HttpRequest& request);

  /// The body of a reply of status 200 goes to `take` in pieces, and is not kept or limited; that
  /// of another status is kept. Ended by `take` or `abort` it is kNoReply.
  [[nodiscard]] HttpReply stream(const HttpRequest& request, const TakePiece& take);

  /// From any thread: the request that is under way ends soon, and later ones are not begun until
  /// `resume`.
  void abort();
  void resume();

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
