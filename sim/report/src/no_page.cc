#include "vouch/report/page.h"

namespace vouch::report {

const std::vector<std::string_view>& page_pieces() {
  static const std::vector<std::string_view> none;
  return none;
}

}  // namespace vouch::report
