#include "vouch/trace/trace_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vouch {
namespace {

constexpr std::size_t kPendingMax = 64 * 1024;

Error failed(const std::string& path, const char* what) {
  return Error{Errc::kUnavailable, path + ": cannot be " + what + ": " + std::strerror(errno)};
}

/// Where the last line break of the file ends; 0 if there is none.
Result<off_t> end_of_lines(int descriptor, off_t size, const std::string& path) {
  std::array<char, 4096> block{};
  off_t end = size;
  while (end > 0) {
    const off_t begin =
        end > static_cast<off_t>(block.size()) ? end - static_cast<off_t>(block.size()) : 0;
    const ssize_t got =
        ::pread(descriptor, block.data(), static_cast<std::size_t>(end - begin), begin);
    if (got != end - begin) return failed(path, "read");
    for (ssize_t i = got; i-- > 0;) {
      if (block[static_cast<std::size_t>(i)] == '\n') return begin + i + 1;
    }
    end = begin;
  }
  return off_t{0};
}

/// Checks that the file is a recording and cuts a half line off its end.
Status continue_recording(int descriptor, off_t size, const std::string& path) {
  const std::string header = std::string(trace_header(TraceFormat::kRecorded)) + "\n";
  std::string begin(header.size(), '\0');
  const ssize_t got = ::pread(descriptor, begin.data(), begin.size(), 0);
  if (got != static_cast<ssize_t>(header.size()) || begin != header) {
    return Error{Errc::kBadInput, path + ": is not a recording of vouch: its header must be " +
                                      std::string(trace_header(TraceFormat::kRecorded))};
  }
  const Result<off_t> end = end_of_lines(descriptor, size, path);
  if (!end) return end.error();
  if (*end < size && ::ftruncate(descriptor, *end) != 0) return failed(path, "repaired");
  return Done{};
}

}  // namespace

Result<TraceWriter> TraceWriter::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return failed(path, "opened for writing");
  TraceWriter writer(descriptor, path);
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return failed(path, "examined");
  if (!S_ISREG(info.st_mode)) {
    return Error{Errc::kBadInput, path + ": must be an ordinary file"};
  }
  if (info.st_size == 0) {
    writer.pending_ = std::string(trace_header(TraceFormat::kRecorded)) + "\n";
    if (Status status = writer.flush(); !status) return status.error();
  } else if (Status status = continue_recording(descriptor, info.st_size, path); !status) {
    return status.error();
  }
  return writer;
}

TraceWriter::TraceWriter(int descriptor, std::string path)
    : descriptor_(descriptor), path_(std::move(path)) {}

TraceWriter::TraceWriter(TraceWriter&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      pending_(std::exchange(other.pending_, {})) {}

TraceWriter& TraceWriter::operator=(TraceWriter&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(pending_, other.pending_);
  return *this;
}

TraceWriter::~TraceWriter() {
  if (descriptor_ < 0) return;
  static_cast<void>(flush());
  ::close(descriptor_);
}

Status TraceWriter::append(const RecordedHeartbeat& heartbeat) {
  const auto add = [this](auto number, char end) {
    pending_ += std::to_string(number);
    pending_ += end;
  };
  add(heartbeat.observer.value(), ',');
  add(heartbeat.subject.value(), ',');
  add(heartbeat.incarnation.value(), ',');
  add(heartbeat.seq.value(), ',');
  add(heartbeat.sent.time_since_epoch().count(), ',');
  add(heartbeat.arrival.time_since_epoch().count(), '\n');
  return pending_.size() < kPendingMax ? Status(Done{}) : flush();
}

Status TraceWriter::flush() {
  while (!pending_.empty()) {
    const ssize_t written = ::write(descriptor_, pending_.data(), pending_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path_, "written");
    pending_.erase(0, static_cast<std::size_t>(written));
  }
  return Done{};
}

}  // namespace vouch
