#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "vouch/runtime/control.h"

namespace vouch::runtime {
namespace {

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

Error trouble(const std::filesystem::path& socket, const std::string& what) {
  return Error{Errc::kUnavailable, "control socket " + socket.string() + ": " + what};
}

}  // namespace

Status follow_control(const std::filesystem::path& socket, const std::string& request,
                      const std::function<bool(std::string_view)>& line,
                      const std::function<bool()>& idle) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) return trouble(socket, "path too long");
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size() + 1);
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.number() < 0) return trouble(socket, std::strerror(errno));
  if (connect(connection.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return trouble(socket, std::strerror(errno));
  }
  const std::string asked = request + "\n";
  if (send(connection.number(), asked.data(), asked.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(asked.size())) {
    return trouble(socket, std::strerror(errno));
  }
  std::string pending;
  for (;;) {
    pollfd waiting{connection.number(), POLLIN, 0};
    const int ready = poll(&waiting, 1, 100);
    if (ready < 0 && errno != EINTR) return trouble(socket, std::strerror(errno));
    if (ready <= 0) {
      if (!idle()) return Done{};
      continue;
    }
    char buffer[16384];
    const ssize_t count = recv(connection.number(), buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return trouble(socket, std::strerror(errno));
    if (count == 0) return Done{};
    pending.append(buffer, static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = pending.find('\n'); end != std::string::npos;
         end = pending.find('\n', begin)) {
      if (!line(std::string_view(pending).substr(begin, end - begin))) return Done{};
      begin = end + 1;
    }
    pending.erase(0, begin);
  }
}

Result<std::string> ask_control(const std::filesystem::path& socket, const std::string& request) {
  std::string answer;
  int waits = 0;
  Status done = follow_control(
      socket, request,
      [&](std::string_view line) {
        answer = line;
        return false;
      },
      [&] { return ++waits < 50; });
  if (!done) return done.error();
  if (answer.empty()) return trouble(socket, "no answer");
  return answer;
}

}  // namespace vouch::runtime
