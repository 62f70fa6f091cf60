#include "record_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace vouch::cli {

Result<RecordCounts> read_record(const std::string& file, record::Strictness strictness,
                                 const TakeReading& take) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened) {
      return Error{Errc::kUnavailable, file + ": cannot be opened: " + std::strerror(errno)};
    }
  }
  std::istream& in = file == "-" ? std::cin : opened;
  RecordCounts counts;
  std::string text;
  for (std::uint64_t number = 1; std::getline(in, text); ++number) {
    const bool has_end = !in.eof();
    if (text.empty() && has_end) continue;
    const auto reading = record::read(text, strictness);
    if (!reading) {
      if (!has_end && strictness == record::Strictness::kTolerant) {
        counts.is_cut_off = true;
        break;
      }
      return Error{reading.error().code, (file == "-" ? "standard input" : file) + ": line " +
                                             std::to_string(number) + ": " +
                                             reading.error().message};
    }
    if (!*reading) {
      ++counts.others;
      continue;
    }
    ++counts.decisions;
    take(number, **reading);
  }
  // A folder can be opened, but not read.
  if (in.bad()) return Error{Errc::kUnavailable, file + ": cannot be read"};
  return counts;
}

}  // namespace vouch::cli
