#pragma once

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "vouch/detector/result.h"

namespace vouch::cli {

/// A folder for as long as this lives. Not thread-safe: give it one owner.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;  // A temporary folder that stays harms nobody.
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  /// Makes it, once: `vouch-NAME-` and six letters.
  [[nodiscard]] Status make(const std::string& name) {
    const std::filesystem::path pattern =
        std::filesystem::temp_directory_path() / ("vouch-" + name + "-XXXXXX");
    std::string made = pattern.string();
    if (mkdtemp(made.data()) == nullptr) {
      return Error{Errc::kUnavailable, std::string("no temporary folder: ") + std::strerror(errno)};
    }
    path_ = made;
    return Done{};
  }

  /// Empty until it is made.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace vouch::cli
