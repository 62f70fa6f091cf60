#include "line_source.h"

#include <sys/stat.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vouch {
namespace {

constexpr std::size_t kChunk = std::size_t{256} * 1024;
constexpr std::size_t kLineMax = 4096;

}  // namespace

Result<LineSource> LineSource::open(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return Error{Errc::kUnavailable, path + ": cannot be opened: " + std::strerror(errno)};
  }
  if (S_ISDIR(info.st_mode)) {
    return Error{Errc::kUnavailable, path + ": is a folder, but a trace file is needed"};
  }
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return Error{Errc::kUnavailable, path + ": cannot be opened: " + std::strerror(errno)};
  }
  gzbuffer(file, kChunk);
  const auto bytes = S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
  return LineSource(file, path, bytes);
}

LineSource::LineSource(gzFile_s* file, std::string path, std::uint64_t bytes_total)
    : file_(file), path_(std::move(path)), bytes_total_(bytes_total) {}

LineSource::LineSource(LineSource&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)),
      path_(std::move(other.path_)),
      bytes_total_(other.bytes_total_),
      line_(other.line_),
      buffer_(std::move(other.buffer_)),
      at_(other.at_) {}

LineSource& LineSource::operator=(LineSource&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(path_, other.path_);
  std::swap(buffer_, other.buffer_);
  bytes_total_ = other.bytes_total_;
  line_ = other.line_;
  at_ = other.at_;
  return *this;
}

LineSource::~LineSource() {
  if (file_ != nullptr) gzclose(file_);
}

Result<bool> LineSource::refill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + kChunk);
  const int got = gzread(file_, buffer_.data() + kept, static_cast<unsigned>(kChunk));
  buffer_.resize(kept + static_cast<std::size_t>(got > 0 ? got : 0));
  int code = Z_OK;
  const char* reason = gzerror(file_, &code);
  if (got > 0) return true;
  if (code == Z_BUF_ERROR) return error_here("the gzip data ends too early: the file is truncated");
  if (got < 0) return error_here(std::string("the gzip data is damaged: ") + reason);
  return false;
}

Result<std::optional<std::string_view>> LineSource::next() {
  std::size_t searched = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      ++line_;
      std::string_view line(buffer_.data() + at_, end - at_);
      at_ = end + 1;
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.size() <= kLineMax) return std::optional(line);
      return error_here("a line must be at most 4096 characters long, but this one has " +
                        std::to_string(line.size()));
    }
    const std::size_t left = buffer_.size() - at_;
    ++line_;  // Errors from here on concern the line that is being read.
    if (left > kLineMax) return error_here("a line must be at most 4096 characters long");
    const Result<bool> more = refill();
    if (!more) return more.error();
    if (!*more && left > 0) {
      return error_here("the last line must end in a line break: the file is truncated");
    }
    --line_;
    if (!*more) return std::optional<std::string_view>();
    searched = left;
  }
}

Error LineSource::error_here(const std::string& message) const {
  return Error{Errc::kBadInput, path_ + ":" + std::to_string(line_) + ": " + message};
}

std::uint64_t LineSource::bytes_read() const {
  const auto offset = gzoffset(file_);
  return offset > 0 ? static_cast<std::uint64_t>(offset) : 0;
}

}  // namespace vouch
