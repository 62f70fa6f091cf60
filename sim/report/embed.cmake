# Writes OUTPUT: a C++ source with the text of PAGE, in pieces. Run by CMakeLists.txt.
file(READ ${PAGE} text)
string(LENGTH "${text}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND pieces "    R\"page(${piece})page\",\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${OUTPUT} "// Generated from sim/report/page; do not edit.
#include \"vouch/report/page.h\"

namespace vouch::report {

const std::vector<std::string_view>& page_pieces() {
  static const std::vector<std::string_view> all = {
${pieces}  };
  return all;
}

}  // namespace vouch::report
")
