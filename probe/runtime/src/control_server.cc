#include "control_server.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <utility>

namespace vouch::runtime {
namespace {

using Stream = boost::asio::local::stream_protocol;
constexpr std::size_t kLongestRequest = 4096;
constexpr std::size_t kMostUnread = std::size_t{1} << 20;

}  // namespace

class ControlServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Stream::socket socket, const Handler& handler)
      : socket_(std::move(socket)), handler_(handler) {}

  void read() {
    boost::asio::async_read_until(
        socket_, boost::asio::dynamic_buffer(input_, kLongestRequest), '\n',
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
          if (error) return self->close();
          const std::string request = self->input_.substr(0, size - 1);
          self->input_.erase(0, size);
          const Answer answer = self->handler_(request);
          self->is_listener_ = self->is_listener_ || answer.is_stream;
          self->write(answer.line);
          self->read();
        });
  }

  void write(const std::string& line) {
    if (output_.size() + writing_.size() > kMostUnread) return close();
    output_ += line + "\n";
    if (writing_.empty()) flush();
  }

  [[nodiscard]] bool is_listener() const { return is_listener_ && socket_.is_open(); }

 private:
  void flush() {
    if (output_.empty()) return;
    std::swap(writing_, output_);
    boost::asio::async_write(
        socket_, boost::asio::buffer(writing_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
          self->writing_.clear();
          if (error) return self->close();
          self->flush();
        });
  }

  void close() {
    boost::system::error_code ignored;  // It is going away in any case.
    socket_.close(ignored);
  }

  Stream::socket socket_;
  const Handler& handler_;
  std::string input_;
  std::string output_;
  std::string writing_;
  bool is_listener_ = false;
};

ControlServer::ControlServer(boost::asio::io_context& io, Handler handler)
    : acceptor_(io), handler_(std::move(handler)) {}

ControlServer::~ControlServer() {
  if (path_.empty()) return;
  std::error_code ignored;  // Nothing more can be done about a file that stays.
  std::filesystem::remove(path_, ignored);
}

Status ControlServer::open(const std::filesystem::path& path) {
  boost::system::error_code error;
  std::error_code file_error;
  if (std::filesystem::is_socket(path, file_error)) {
    // A socket that a killed process left behind answers nobody; a live one is somebody else's.
    Stream::socket probe(acceptor_.get_executor());
    if (!probe.connect(Stream::endpoint(path.string()), error)) {
      return Error{Errc::kUnavailable,
                   "control: " + path.string() + " is in use by another process"};
    }
    std::filesystem::remove(path, file_error);
  }
  acceptor_.open(Stream(), error);
  // Only the owner may steer the node. On Linux the file takes over the mode of the descriptor, so
  // there is no moment at which it is open to others, and umask, which all threads share, is left.
  if (!error) fchmod(acceptor_.native_handle(), 0600);
  if (!error) acceptor_.bind(Stream::endpoint(path.string()), error);
  if (!error) path_ = path;
  if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error{Errc::kUnavailable,
                 "control: " + path.string() + " cannot be bound: " + error.message()};
  }
  accept();
  return Done{};
}

void ControlServer::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Stream::socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      auto session = std::make_shared<Session>(std::move(socket), handler_);
      std::erase_if(sessions_, [](const auto& one) { return one.expired(); });
      sessions_.push_back(session);
      session->read();
    }
    accept();
  });
}

bool ControlServer::has_listeners() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& one) {
    const auto session = one.lock();
    return session && session->is_listener();
  });
}

void ControlServer::stream(const std::string& line) {
  for (const auto& one : sessions_) {
    if (const auto session = one.lock(); session && session->is_listener()) session->write(line);
  }
}

}  // namespace vouch::runtime
