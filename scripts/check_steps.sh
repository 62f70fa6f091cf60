# shellcheck shell=bash
# The steps of scripts/check. Each is a function that fails if what it checks does not hold.

describe_step() {
  case "$1" in
    setup) echo "install what is missing" ;;
    format) echo "every C++ file is laid out by .clang-format" ;;
    dev) echo "Debug with g++, warnings are errors, all tests" ;;
    headers) echo "each public header compiles alone" ;;
    package) echo "the installed package works with CMake and pkg-config" ;;
    release) echo "the program, benchmarks and examples, optimised" ;;
    asan) echo "all tests under AddressSanitizer and UndefinedBehaviorSanitizer" ;;
    tsan) echo "the tests labelled threads under ThreadSanitizer" ;;
    clang) echo "Debug with clang++, warnings are errors, all tests" ;;
    tidy) echo "clang-tidy over the libraries and programs" ;;
    analyze) echo "clang's static analyzer over the same files (slow, not part of the whole check)" ;;
    fuzz) echo "each fuzz target for ${VOUCH_FUZZ_SECONDS:-10} s" ;;
  esac
}

configure() { cmake --preset "$1" -Wno-dev; }

step_setup() { scripts/setup; }

step_format() { scripts/format --check; }

step_dev() {
  configure dev
  cmake --build --preset dev
  ctest --preset dev -LE package
}

step_headers() {
  configure dev
  cmake --build --preset dev --target all_verify_interface_header_sets
}

step_package() {
  configure dev
  cmake --build --preset dev
  ctest --preset dev -L package
}

step_release() {
  scripts/build
  cmake --build --preset release --target bench/all examples/all
}

step_asan() {
  configure asan
  cmake --build --preset asan
  ctest --preset asan
}

step_tsan() {
  configure tsan
  # Only when nothing starts a thread may there be no test for it: a lost label must not pass.
  if ! grep -rq --include=CMakeLists.txt 'LABELS.*threads' tests; then
    if grep -rnE --include='*.cc' --include='*.h' '\bstd::(jthread|thread|async)\b|pthread_create' \
      probe/runtime cli sim detector/trace election 2>/dev/null; then
      echo "these start threads, and no test in tests/ has the label threads"
      return 1
    fi
    echo "nothing starts a thread yet"
    return
  fi
  cmake --build --preset tsan --target vouch_tests_threads
  ctest --preset tsan -L threads
}

step_clang() {
  configure clang
  cmake --build --preset clang
  ctest --preset clang -LE package
}

step_tidy() { run_clang_tidy; }

step_analyze() { run_clang_tidy '--checks=-*,clang-analyzer-core.*,clang-analyzer-cplusplus.*,clang-analyzer-deadcode.*'; }

# Takes one more option for clang-tidy. A file whose content, flags, checks and headers passed before
# is not looked at again.
run_clang_tidy() {
  local options=${1:-}
  configure clang
  local tidy cache=build/check/tidy
  tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
  mkdir -p "$cache"
  local everything
  everything=$(find . -path ./build -prune -o -path ./.git -prune -o -type f -name '*.h' -print0 |
    sort -z | xargs -0 sha256sum .clang-tidy CMakeLists.txt cmake/VouchComponent.cmake | sha256sum)
  everything+=" $options"
  export tidy cache everything options
  find detector probe quorum_check sim cli examples -name '*.cc' -print0 | sort -z |
    xargs -0 -r -n 1 -P "$(nproc)" bash -euo pipefail -c '
      grep -qF "/$0\"" build/clang/compile_commands.json || exit 0
      passed=$cache/$(sha256sum "$0" - <<<"$everything" | sha256sum | cut -d " " -f 1)
      test -e "$passed" && exit 0
      started=$SECONDS
      "$tidy" -p build/clang --quiet ${options:+"$options"} "$0"
      printf "%s: passed in %d s\n" "$0" $((SECONDS - started))
      touch "$passed"'
}

# libFuzzer writes what it found into build/fuzz; the committed corpus is only read.
step_fuzz() {
  configure fuzz
  cmake --build --preset fuzz --target tests/fuzz/all
  local target name corpus
  for target in build/fuzz/*_fuzz; do
    test -x "$target" || { echo "no fuzz target was built"; return 1; }
    name=$(basename "$target")
    corpus=build/fuzz/corpus/$name
    mkdir -p "$corpus" build/fuzz/found
    local folders=("$corpus")
    if [ -d "tests/fuzz/corpus/$name" ]; then folders+=("tests/fuzz/corpus/$name"); fi
    echo "$name"
    "$target" -max_total_time="${VOUCH_FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 \
      -print_final_stats=1 -artifact_prefix=build/fuzz/found/ "${folders[@]}"
  done
}
