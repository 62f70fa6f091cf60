# Writes OUTPUT: a C++ source with the text of each of FILES, by name. Run by CMakeLists.txt.
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"json(${text})json\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from sim/scenarios; do not edit.
#include \"vouch/scenario/scenario.h\"

namespace vouch::scenario {

const std::vector<Shipped>& shipped_scenarios() {
  static const std::vector<Shipped> all = {
${entries}  };
  return all;
}

}  // namespace vouch::scenario
")
