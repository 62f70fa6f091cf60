// Canonical's libraft, unmodified, in its own test fixture: what a fault costs it as it comes, and
// what it costs when vouch decides about elections.

#include <cstdio>

#include "programmes.h"

namespace {

using vouch::libraft::Mode;
using vouch::libraft::Outcome;
using vouch::libraft::play;
using vouch::libraft::Programme;
using vouch::libraft::programmes;
using vouch::libraft::Seen;

void print_row(const char* mode, const Outcome& outcome) {
  const Seen& seen = outcome.seen;
  char first[32] = "-";
  if (seen.leaders > 0) {
    std::snprintf(first, sizeof first, "%llu ms",
                  static_cast<unsigned long long>(seen.first_leader_ms));
  }
  std::printf("  %-10s %11u %6u %8u %12s %5u of %u\n", mode, seen.candidacies, seen.terms,
              seen.leaders, first, seen.writes, seen.writes_offered);
}

}  // namespace

int main() {
  bool is_good = true;
  for (const Programme& programme : programmes()) {
    std::printf("%.*s (%u servers): %.*s\n", static_cast<int>(programme.name.size()),
                programme.name.data(), programme.servers, static_cast<int>(programme.story.size()),
                programme.story.data());
    std::printf("  %-10s %11s %6s %8s %12s %s\n", "", "candidacies", "terms", "leaders",
                "first after", "writes committed");
    print_row("unguarded", play(programme, Mode::kUnguarded));
    print_row("pre-vote", play(programme, Mode::kPreVote));
    const Outcome guarded = play(programme, Mode::kGuarded);
    print_row("guarded", guarded);
    is_good = is_good && guarded.settled && guarded.seen.leases_at_once == 0 &&
              guarded.seen.leases_overtaken == 0;
    if (programme.leader_keeps_quorum) is_good = is_good && guarded.seen.candidacies == 0;
  }
  std::printf(is_good ? "guarded: no needless election, never two leases\n"
                      : "guarded: a needless election, two leases, or no leader at the end\n");
  return is_good ? 0 : 1;
}
