#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vouch::testing {

/// An HTTP server on a free port of 127.0.0.1, in a thread of its own, that says what a test tells
/// it to, be it a proper reply or not. Gone when this is.
class HttpServer {
 public:
  /// Gets a whole request, head and body, in the order of their coming; called by the server's
  /// thread. Answers with the bytes that go back; nothing: the connection is closed instead.
  using Answer = std::function<std::optional<std::string>(const std::string& request)>;

  explicit HttpServer(Answer answer);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const;

  /// Connections that it has taken so far.
  [[nodiscard]] int connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// A reply with its length, as a server sends it.
[[nodiscard]] std::string http_reply(int status, const std::string& body,
                                     const std::string& headers = "");

}  // namespace vouch::testing
