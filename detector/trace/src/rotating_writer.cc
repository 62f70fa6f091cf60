#include "vouch/trace/rotating_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "vouch/trace/trace_writer.h"

namespace vouch {
namespace {

namespace fs = std::filesystem;

/// `trace.csv` and 7: `trace.000007.csv`.
fs::path numbered(const fs::path& path, std::uint64_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), ".%06llu", static_cast<unsigned long long>(number));
  fs::path name = path.stem();
  name += text.data();
  name += path.extension();
  return path.parent_path() / name;
}

/// The number in the name of a full file of the recording, and whether it is compressed.
struct FullFile {
  std::uint64_t number = 0;
  bool is_compressed = false;
};

std::optional<FullFile> full_file_of(const fs::path& path, const std::string& name) {
  const std::string begin = path.stem().string() + ".";
  if (name.compare(0, begin.size(), begin) != 0) return std::nullopt;
  FullFile file;
  std::size_t at = begin.size();
  for (; at < name.size() && name[at] >= '0' && name[at] <= '9'; ++at)
    file.number = file.number * 10 + static_cast<std::uint64_t>(name[at] - '0');
  if (at < begin.size() + 6 || at > begin.size() + 18) return std::nullopt;
  const std::string end = name.substr(at);
  file.is_compressed = end == path.extension().string() + ".gz";
  if (!file.is_compressed && end != path.extension().string()) return std::nullopt;
  return file;
}

std::string failed(const fs::path& file, const char* what) {
  return file.string() + ": cannot be " + what + ": " + std::strerror(errno);
}

/// Writes all of `in` into the gzip file `out`. The text says why not; empty: done.
std::string deflate_into(std::FILE* in, const fs::path& source, const fs::path& target) {
  gzFile out = gzopen(target.c_str(), "wb6");
  if (out == nullptr) return failed(target, "written");
  std::vector<char> block(std::size_t{1} << 16);
  std::string trouble;
  for (;;) {
    const std::size_t got = std::fread(block.data(), 1, block.size(), in);
    if (got == 0) break;
    if (gzwrite(out, block.data(), static_cast<unsigned>(got)) != static_cast<int>(got)) {
      trouble = failed(target, "written");
      break;
    }
  }
  if (trouble.empty() && std::ferror(in) != 0) trouble = failed(source, "read");
  if (gzclose(out) != Z_OK && trouble.empty()) trouble = failed(target, "written");
  return trouble;
}

/// Compresses a full file: under another name first, so that the right one is whole whenever the
/// process or the machine dies. The text says why not; empty: done.
std::string compress(const fs::path& full) {
  fs::path target = full;
  target += ".gz";
  fs::path part = target;
  part += ".part";
  std::FILE* in = std::fopen(full.c_str(), "rbe");
  if (in == nullptr) return failed(full, "read");
  std::string trouble = deflate_into(in, full, part);
  std::fclose(in);
  if (trouble.empty()) {
    const int descriptor = ::open(part.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || ::fsync(descriptor) != 0) trouble = failed(part, "written");
    if (descriptor >= 0) ::close(descriptor);
  }
  if (trouble.empty() && ::rename(part.c_str(), target.c_str()) != 0) {
    trouble = failed(target, "written");
  }
  if (!trouble.empty()) {
    ::unlink(part.c_str());
    return trouble + "; " + full.string() + " stays as it is";
  }
  if (::unlink(full.c_str()) != 0) return failed(full, "removed");
  return {};
}

}  // namespace

/// Compresses files one after the other, in a thread of its own.
class TraceCompressor {
 public:
  TraceCompressor() : thread_([this] { run(); }) {}
  TraceCompressor(const TraceCompressor&) = delete;
  TraceCompressor& operator=(const TraceCompressor&) = delete;
  ~TraceCompressor() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    wakes_.notify_one();
    thread_.join();
  }

  void add(fs::path full) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(full));
    }
    wakes_.notify_one();
  }

  std::string trouble() {
    const std::lock_guard lock(mutex_);
    if (troubles_.empty()) return {};
    std::string first = std::move(troubles_.front());
    troubles_.pop_front();
    return first;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wakes_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const fs::path full = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      std::string trouble = compress(full);
      lock.lock();
      if (!trouble.empty()) troubles_.push_back(std::move(trouble));
    }
  }

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<fs::path> waiting_;
  std::deque<std::string> troubles_;
  bool is_over_ = false;
  std::thread thread_;  // Last: what it uses is there before it.
};

class RotatingWriter::Impl {
 public:
  Impl(fs::path path, RotationLimits limits, TraceWriter writer)
      : path_(std::move(path)), limits_(limits), writer_(std::move(writer)) {}

  /// Goes on behind the last full file, and compresses what the one before could not.
  Status find_full_files() {
    const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::optional<FullFile> full = full_file_of(path_, entry->path().filename().string());
      if (!full) continue;
      number_ = std::max(number_, full->number);
      if (!full->is_compressed) compressor().add(entry->path());
    }
    if (error) {
      return Error{Errc::kUnavailable, folder.string() + ": cannot be read: " + error.message()};
    }
    return Done{};
  }

  Status append(const RecordedHeartbeat& heartbeat) {
    if (++lines_ == 1) first_ = std::chrono::steady_clock::now();
    return writer_.append(heartbeat);
  }

  Status flush() {
    if (Status flushed = writer_.flush(); !flushed) return flushed;
    if (lines_ == 0 || !is_full()) return Done{};
    const fs::path full = numbered(path_, ++number_);
    if (::rename(path_.c_str(), full.c_str()) != 0) {
      return Error{Errc::kUnavailable, failed(path_, "renamed")};
    }
    Result<TraceWriter> next = TraceWriter::open(path_.string());
    if (!next) return next.error();
    writer_ = std::move(*next);
    lines_ = 0;
    ++full_files_;
    compressor().add(full);
    return Done{};
  }

  [[nodiscard]] std::uint64_t full_files() const { return full_files_; }
  std::string trouble() { return compressor_ ? compressor_->trouble() : std::string(); }

 private:
  bool is_full() {
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(path_, error);
    if (limits_.bytes > 0 && !error && bytes >= limits_.bytes) return true;
    return limits_.age > Duration{} && std::chrono::steady_clock::now() - first_ >= limits_.age;
  }

  /// A recording that is never full starts no thread.
  TraceCompressor& compressor() {
    if (!compressor_) compressor_ = std::make_unique<TraceCompressor>();
    return *compressor_;
  }

  fs::path path_;
  RotationLimits limits_;
  TraceWriter writer_;
  std::unique_ptr<TraceCompressor> compressor_;
  std::uint64_t number_ = 0;
  std::uint64_t full_files_ = 0;
  std::uint64_t lines_ = 0;
  std::chrono::steady_clock::time_point first_;
};

Result<RotatingWriter> RotatingWriter::open(const std::string& path, RotationLimits limits) {
  Result<TraceWriter> writer = TraceWriter::open(path);
  if (!writer) return writer.error();
  auto impl = std::make_unique<Impl>(path, limits, std::move(*writer));
  if (Status found = impl->find_full_files(); !found) return found.error();
  return RotatingWriter(std::move(impl));
}

RotatingWriter::RotatingWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RotatingWriter::RotatingWriter(RotatingWriter&&) noexcept = default;
RotatingWriter& RotatingWriter::operator=(RotatingWriter&&) noexcept = default;
RotatingWriter::~RotatingWriter() {
  if (impl_ != nullptr) static_cast<void>(impl_->flush());
}

Status RotatingWriter::append(const RecordedHeartbeat& heartbeat) {
  return impl_->append(heartbeat);
}
Status RotatingWriter::flush() {
  return impl_->flush();
}
std::uint64_t RotatingWriter::full_files() const {
  return impl_->full_files();
}
std::string RotatingWriter::trouble() {
  return impl_->trouble();
}

}  // namespace vouch
