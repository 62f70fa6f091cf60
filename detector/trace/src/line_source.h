#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vouch/detector/result.h"

struct gzFile_s;

namespace vouch {

/// Lines of a plain or gzip file, one at a time, with their numbers.
class LineSource {
 public:
  [[nodiscard]] static Result<LineSource> open(const std::string& path);

  LineSource(LineSource&& other) noexcept;
  LineSource& operator=(LineSource&& other) noexcept;
  ~LineSource();

  /// The next line without its end; valid until the next call. Nothing at the end of the file. An
  /// unfinished last line is an error: nobody can tell what its last number should have been.
  [[nodiscard]] Result<std::optional<std::string_view>> next();

  /// `FILE:LINE: message` for the newest line.
  [[nodiscard]] Error error_here(const std::string& message) const;

  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  LineSource(gzFile_s* file, std::string path, std::uint64_t bytes_total);

  /// Reads more behind what is left in the buffer. False at the end of the file.
  [[nodiscard]] Result<bool> refill();

  gzFile_s* file_ = nullptr;
  std::string path_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t line_ = 0;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace vouch
