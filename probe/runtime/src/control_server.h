#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vouch/detector/result.h"

namespace vouch::runtime {

/// A control socket (Unix, mode 0600): each line that comes in is one request, answered by one
/// line, or by a stream of lines until the client goes. Not thread-safe: give it one owner.
class ControlServer {
 public:
  /// What a request gives.
  struct Answer {
    std::string line;
    bool is_stream = false;  ///< The client is passed all that `stream` sends from now on.
  };
  using Handler = std::function<Answer(const std::string& request)>;

  ControlServer(boost::asio::io_context& io, Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Binds `path`; what an earlier process left there is replaced. The error names `control`.
  [[nodiscard]] Status open(const std::filesystem::path& path);

  /// Whether anybody listens to the stream.
  [[nodiscard]] bool has_listeners() const;

  /// Sends one line to every listener. One that does not read fast enough is disconnected: it must
  /// not slow the node down, and a hole in a recording must not go unnoticed.
  void stream(const std::string& line);

 private:
  class Session;
  void accept();

  boost::asio::local::stream_protocol::acceptor acceptor_;
  Handler handler_;
  std::filesystem::path path_;
  std::vector<std::weak_ptr<Session>> sessions_;
};

}  // namespace vouch::runtime
