#include "shiviz_trace.h"

#include <algorithm>
#include <utility>

#include "vouch/report/words.h"
#include "vouch/scenario/trace.h"
#include "vouch/sim/engine.h"

namespace vouch::report {
namespace {

constexpr std::string_view kHeader = "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n";

/// "at 5023417 us: " in front of every text: virtual time, the same for all hosts.
std::string time_text(const sim::Engine& engine) {
  return "at " + std::to_string((engine.now() - sim::kStart).count() / 1000) + " us: ";
}

}  // namespace

void ShivizTrace::moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
                        const sim::Payload& payload, sim::Fate fate) {
  const std::string kind(engine.protocol().message_kind(payload));
  const Clock* const carried = fate == sim::Fate::kSent ? nullptr : flights_.find(payload);
  if (fate == sim::Fate::kSent) {
    event(engine, from, "sends " + kind + " to " + node_name(to));
    flights_.take_off(payload, clocks_[from]);
  } else if (fate == sim::Fate::kDelivered) {
    if (carried != nullptr) {
      Clock& clock = clocks_[to];
      for (std::size_t i = 0; i < clock.size(); ++i)
        clock[i] = std::max(clock[i], (*carried)[i]);
      flights_.land(payload);
    }
    event(engine, to, "receives " + kind + " from " + node_name(from));
  } else if (is_lost_at_sender(fate) || carried == nullptr) {
    event(engine, from,
          "sends " + kind + " to " + node_name(to) + ", which is lost (" +
              std::string(scenario::event_name(fate)) + ")");
  } else if (fate != sim::Fate::kQueued) {
    flights_.land(payload);  // Nothing has happened at the receiver, which is down.
  }
}

void ShivizTrace::noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) {
  event(engine, node, sentence(engine, node, note));
}

void ShivizTrace::faulted(const sim::Engine& engine, const sim::Fault& fault) {
  if (!sim::is_about_link(fault.kind)) {
    event(engine, fault.a, sentence(fault));
    return;
  }
  if (!std::exchange(is_begun_, true)) text_ += kHeader;
  text_ += "network {\"network\":" + std::to_string(++network_events_) + "}\n" + time_text(engine) +
           sentence(fault) + "\n";
}

void ShivizTrace::finish(sim::TrueTime) {
  if (!std::exchange(is_begun_, true)) text_ += kHeader;
}

std::string ShivizTrace::take() {
  return std::exchange(text_, {});
}

void ShivizTrace::event(const sim::Engine& engine, sim::NodeIndex node, std::string_view text) {
  if (!std::exchange(is_begun_, true)) text_ += kHeader;
  Clock& clock = clocks_[node];
  ++clock[node];
  text_ += node_name(node) + " {";
  bool is_first = true;
  for (sim::NodeIndex other = 0; other < engine.size(); ++other) {
    if (clock[other] == 0) continue;
    if (!std::exchange(is_first, false)) text_ += ",";
    text_ += "\"" + node_name(other) + "\":" + std::to_string(clock[other]);
  }
  text_.append("}\n").append(time_text(engine)).append(text).append("\n");
}

}  // namespace vouch::report
