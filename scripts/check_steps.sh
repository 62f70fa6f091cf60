# shellcheck shell=bash
# The steps of scripts/check. Each is a function that fails if what it checks does not hold.

# The sanitizers look for what a seed is unlikely to be alone in: they run one in so many.
readonly asan_sample=20
# Stack traces of allocations as deep as they are read, and memory that is freed set aside for less
# long: a sixth of their time. More of both: ASAN_OPTIONS= ctest --preset asan
readonly asan_options=malloc_context_size=6:quarantine_size_mb=32

describe_step() {
  case "$1" in
    setup) echo "install what is missing" ;;
    configure) echo "CMake for all presets that follow, side by side" ;;
    format) echo "every C++ file is laid out by .clang-format" ;;
    dev) echo "Debug with g++, each file compiled alone, all tests (what a developer builds, not part of the whole check)" ;;
    headers) echo "each public header compiles alone" ;;
    package) echo "the installed package works with CMake and pkg-config (release runs this too)" ;;
    release) echo "the program, benchmarks and examples, optimised by g++, warnings are errors; the tests of what a build can change: simulations with all seeds, the program, real processes, the installed package" ;;
    release_all) echo "all tests with the optimised libraries (dev runs them with g++ too; not part of the whole check)" ;;
    atlas) echo "every graph of three and four replicas, one class in 20 of five, random transitions, 20 simulated hours of a swarm" ;;
    asan) echo "the tests under AddressSanitizer and UndefinedBehaviorSanitizer with clang++, warnings are errors; of those that release runs too one seed in $asan_sample, and not the slow ones" ;;
    tsan) echo "the tests labelled threads under ThreadSanitizer" ;;
    determinism) echo "equal inputs give equal bytes: g++ optimised, clang++ Debug" ;;
    determinism_all) echo "the same with g++ Debug and clang++ optimised beside them (slow, not part of the whole check)" ;;
    tidy) echo "clang-tidy over the core, the simulator and the examples" ;;
    tidy_edges) echo "clang-tidy over the runtime, scenario files and the program (slow, not part of the whole check)" ;;
    analyze) echo "clang's static analyzer over the same files (slow, not part of the whole check)" ;;
    fuzz) echo "what fuzzing found before, a canary that must be found, and each target for ${VOUCH_FUZZ_SECONDS:-3} s" ;;
  esac
}

configure() { cmake --preset "$1" -Wno-dev; }

# clang++ takes memory in small pieces, each a page fault or many: asked for in huge pages and many at a
# time there are a tenth as many, and it takes a sixth less of a processor.
in_huge_pages() { env GLIBC_TUNABLES=glibc.malloc.hugetlb=1 MALLOC_TOP_PAD_=67108864 "$@"; }

build() { in_huge_pages cmake --build --preset "$@"; }

step_setup() { scripts/setup; }

step_format() { scripts/format --check; }

# One after the other each would leave a processor idle.
step_configure() {
  local preset waits=() failed=0
  for preset in release_check asan tsan tidy fuzz; do
    configure "$preset" &
    waits+=($!)
  done
  for preset in "${waits[@]}"; do wait "$preset" || failed=1; done
  return "$failed"
}

step_dev() {
  configure dev
  build dev
  ctest --preset dev -LE package
  name_skipped build/dev
}

# What a user builds. A test that says the same whatever the build is left to the sanitizers.
step_release() {
  configure release_check
  build release_check
  ctest --preset release
  name_skipped build/release
}

step_release_all() {
  configure release
  build release
  ctest --preset release -LE package
  name_skipped build/release
}

# A program of many tests does not skip as a whole, for ctest to tell: it says how many of its tests did.
name_skipped() {
  awk '/^[0-9]+\/[0-9]+ Testing: / { name = $3 } /^\[  SKIPPED \]/ { print name " ***Skipped" }' \
    "$1/Testing/Temporary/LastTest.log" | sort -u
}

step_headers() {
  configure release_check # what they stand for is built there
  build release_check --target vouch_headers
}

step_package() {
  configure release_check
  build release_check
  ctest --preset release -L package
}

step_atlas() {
  configure release_check
  build release_check --target vouch
  local replicas
  for replicas in 3 4; do build/release/vouch atlas --replicas "$replicas"; done
  build/release/vouch atlas --replicas 5 --every 20
  for replicas in 3 5 7; do build/release/vouch atlas --replicas "$replicas" --transitions 2000; done
  build/release/vouch swarm --hours 20
}

step_asan() {
  configure asan
  build asan
  VOUCH_SAMPLE=$asan_sample ASAN_OPTIONS=$asan_options ctest --preset asan
  name_skipped build/asan
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
  build tsan --target vouch_tests_threads
  ctest --preset tsan -L threads
  name_skipped build/tsan
}

# The same simulations and evaluations by several builds: other optimisation, other compiler.
step_determinism() { expect_determinism release_check asan; }

step_determinism_all() { expect_determinism release_check asan dev clang_release; }

# expect_determinism PRESET...: all print what the first prints, with one thread and with two; of the
# others two threads are enough.
expect_determinism() {
  local preset file threads=(1 2)
  for preset in "$@"; do
    configure "$preset"
    build "$preset" --target vouch_cli
    run_determinism_sample "$PWD/build/${preset%_check}/vouch" "build/check/determinism/$preset" "${threads[@]}"
    threads=(2)
  done
  for file in build/check/determinism/"$1"/*_1.json; do
    expect_same_bytes "$file" "${file%_1.json}_2.json"
  done
  rm build/check/determinism/"$1"/*_1.json
  for file in "build/check/determinism/$1"/*; do
    for preset in "${@:2}"; do
      expect_same_bytes "$file" "build/check/determinism/$preset/$(basename "$file")"
    done
  done
}

# run_determinism_sample PROGRAM FOLDER THREADS...: what PROGRAM prints, each run in a file of FOLDER.
# The names of files in its output are relative, so that they are the same everywhere.
run_determinism_sample() (
  local program=$1 folder=$2 scenario format jobs
  shift 2
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder" || exit
  for scenario in s01 s05 s10; do
    for format in jsonl chrome shiviz; do
      "$program" simulate "$scenario" --policy vouch --trace "$scenario.$format" --trace-format "$format" \
        >"$scenario.$format.txt"
    done
  done
  for jobs in "$@"; do
    "$program" simulate s01 s05 s10 s13 --runs 3 --json --jobs "$jobs" >"simulate_$jobs.json"
    "$program" atlas --replicas 3 --policy vouch --policy raft --json --jobs "$jobs" >"atlas_$jobs.json"
    "$program" atlas --replicas 4 --transitions 100 --json --jobs "$jobs" >"transitions_$jobs.json"
    "$program" swarm --runs 10 --json --jobs "$jobs" >"swarm_$jobs.json"
  done
  awk 'BEGIN {
    print "arrival_s"
    for (i = 0; i < 3000; ++i) {
      jitter = (jitter * 16807 + 1) % 2147483647
      if (i % 97 != 0) printf "%.6f\n", i / 10 + jitter % 1000 / 20000
    }
  }' >arrivals.csv
  "$program" evaluate --json arrivals.csv >evaluate.json
)

expect_same_bytes() {
  test -s "$1" || { echo "$1 is empty"; return 1; }
  cmp "$1" "$2" && return 0
  echo "the first lines that differ between $1 and $2:"
  diff "$1" "$2" | cut -c 1-300 | head -n 6 || true
  return 1
}

# Units of build/tidy. The edges (files, sockets, JSON, CLI11) cost four times what the rest does: they
# have a step of their own.
readonly tidy_core='/(vouch_(detector|probe|host|quorum_check|sim|election|election_sim|libraft_guard)[.]dir/Unity|detector/src|probe/core|probe/host|quorum_check/src|sim/src|election/(src|sim)|examples)/'
readonly tidy_edges='/(vouch_(trace|record|runtime|scenario|report|tune|election_runner|election_sqlite|cli)[.]dir/Unity|detector/trace|probe/runtime|quorum_check/record|sim/scenario|sim/report|sim/tune|election/(runner|sqlite)|cli)/'

step_tidy() { run_clang_tidy "$tidy_core"; }

step_tidy_edges() { run_clang_tidy "$tidy_edges"; }

step_analyze() { run_clang_tidy "$tidy_core" '--checks=-*,clang-analyzer-core.*,clang-analyzer-cplusplus.*,clang-analyzer-deadcode.*'; }

# Takes the units as a regular expression and one more option for clang-tidy. Most of its time goes into what a file includes, so it reads the
# files in the groups in which they are compiled, and looks at those as it looks at headers. A unit
# whose content, flags, checks and headers passed before is not looked at again.
run_clang_tidy() {
  local units=$1 options=${2:-} tidy cache=build/check/tidy everything
  configure tidy
  tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
  mkdir -p "$cache"
  everything=$(find . -path ./build -prune -o -path ./.git -prune -o -type f -name '*.h' -print0 |
    sort -z | xargs -0 sha256sum .clang-tidy CMakeLists.txt cmake/VouchComponent.cmake | sha256sum)
  everything+=" $options"
  export tidy cache everything options
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/tidy/compile_commands.json |
    grep -vE '/headers/vouch/|cmake_pch' | grep -E "$units" | sort -u |
    in_huge_pages xargs -d '\n' -r -n 1 -P "$(nproc)" bash -euo pipefail -c '
      members=$(sed -n "s/^#include \"\(.*\)\"\$/\1/p" "$0" | grep "\.cc\$" || true)
      passed=$cache/$(cat "$0" ${members} - <<<"$everything" | sha256sum | cut -d " " -f 1)
      test -e "$passed" && exit 0
      started=$SECONDS
      "$tidy" -p build/tidy --quiet ${options:+"$options"} "$0"
      printf "%s: passed in %d s\n" "${0#"$PWD/"}" $((SECONDS - started))
      touch "$passed"'
}

# First what was found before, and the canary, whose bug must be found; then the search for more.
# libFuzzer writes what it finds into build/fuzz; the committed corpus is only read.
step_fuzz() {
  configure fuzz
  build fuzz --target tests/fuzz/all
  ctest --preset fuzz -L fuzz_first
  local target name corpus
  for target in build/fuzz/*_fuzz; do
    test -x "$target" || { echo "no fuzz target was built"; return 1; }
    name=$(basename "$target")
    corpus=build/fuzz/corpus/$name
    mkdir -p "$corpus" build/fuzz/found
    if [ -d "tests/fuzz/corpus/$name" ]; then corpus+=" tests/fuzz/corpus/$name"; fi
    echo "$target $corpus"
  done | xargs -P "$(nproc)" -d '\n' -n 1 bash -euo pipefail -c '
    read -ra words <<<"$0"
    log=build/fuzz/$(basename "${words[0]}").log
    failed=0
    "${words[0]}" -max_total_time="${VOUCH_FUZZ_SECONDS:-3}" -timeout=5 -rss_limit_mb=2048 \
      -print_final_stats=1 -artifact_prefix=build/fuzz/found/ "${words[@]:1}" >"$log" 2>&1 || failed=1
    printf "%s\n" "${words[0]}"
    tail -n 60 "$log"
    exit $failed'
}
