// What a user of the core writes: makes a Monitor and lets it send its first heartbeats.

#include "vouch/quorum_check/monitor.h"

#include <cstdio>
#include <optional>
#include <variant>

int main() {
  vouch::MonitorConfig config;
  if (vouch::Monitor::create(config, vouch::Instant{}, vouch::Rng(1))) return 1;  // No node is 0.

  config.self = vouch::NodeId{1};
  config.incarnation = vouch::Incarnation{1};
  config.peers = {vouch::NodeId{2}, vouch::NodeId{3}};
  config.groups.resize(1);
  config.groups[0].id = vouch::GroupId{1};
  config.groups[0].voters = {vouch::NodeId{1}, vouch::NodeId{2}, vouch::NodeId{3}};
  auto monitor = vouch::Monitor::create(config, vouch::Instant{}, vouch::Rng(1));
  if (!monitor) {
    std::printf("%s\n", monitor.error().message.c_str());
    return 2;
  }
  int sent = 0;
  for (int step = 0; step < 4; ++step) {
    const vouch::Instant now = monitor->next_timeout();
    if (now == vouch::kNever) return 3;
    monitor->handle_timeout(now);
    while (const std::optional<vouch::Action> action = monitor->poll_action()) {
      sent += std::holds_alternative<vouch::Send>(*action) ? 1 : 0;
    }
  }
  if (monitor->lease_held(vouch::GroupId{1}, monitor->next_timeout())) return 4;
  std::printf("sent %d\n", sent);
  return sent > 0 ? 0 : 5;
}
