#include "vouch/report/lanes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/sim/toy_protocol.h"

namespace vouch::report {
namespace {

using namespace std::chrono_literals;
using sim::kStart;
using sim::NodeIndex;

/// Every span as a line: "lease n0 100..350".
class Lines final : public LaneSink {
 public:
  void stood(NodeIndex node, const Span& span, const Standing& standing) override {
    add(std::string(to_string(standing.activity)) + " t" + std::to_string(standing.term.value()),
        node, span);
  }
  void held_lease(NodeIndex node, const Span& span) override { add("lease", node, span); }
  void promised(NodeIndex node, const Span& span, NodeId) override { add("promise", node, span); }
  void suspected(NodeIndex node, const Span& span, NodeIndex subject) override {
    add("suspects n" + std::to_string(subject), node, span);
  }
  void reached_majority(NodeIndex node, const Span& span) override { add("majority", node, span); }

  /// Those that begin with `what`.
  [[nodiscard]] std::vector<std::string> of(const std::string& what) const {
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.starts_with(what)) found.push_back(line);
    }
    return found;
  }

 private:
  void add(const std::string& what, NodeIndex node, const Span& span) {
    lines_.push_back(what + " n" + std::to_string(node) + " " + ms(span.from) + ".." +
                     ms(span.until));
  }
  static std::string ms(sim::TrueTime at) {
    return std::to_string((at - kStart) / std::chrono::milliseconds(1));
  }

  std::vector<std::string> lines_;
};

using List = std::vector<std::string>;

/// Three toy nodes that look at themselves every 10 ms. Node 0 renews a lease of 100 ms each time
/// until `renews_for` has passed by its own clock.
struct Stage {
  explicit Stage(Duration renews_for)
      : protocol([renews_for](sim::ToyReplica& replica, const sim::ToyEvent& event,
                              sim::Context& context) {
          if (event.kind == sim::ToyEvent::Kind::kStarted) replica.seen.front().at = event.at;
          const Duration age = event.at - replica.seen.front().at;
          if (replica.self == NodeId{1} && age <= renews_for) {
            replica.reported = {sim::Role::kLeader, Term{1}, NodeId{1}, event.at + 100ms};
          }
          return context.now() + 10ms;
        }),
        engine(protocol, {.replicas = 3}),
        lanes(lines) {
    engine.observe(lanes);
    engine.start();
  }

  sim::ToyProtocol protocol;
  Lines lines;
  sim::Engine engine;
  Lanes lanes;
};

TEST(Lanes, ALeaseEndsByItsHoldersClockThoughNothingHappensThen) {
  Stage stage(200ms);
  stage.engine.run_until(kStart + 1s);
  stage.lanes.finish(kStart + 1s);
  EXPECT_EQ(stage.lines.of("lease"), List{"lease n0 0..300"});
}

TEST(Lanes, ASlowClockMakesTheLeaseLonger) {
  Stage stage(200ms);
  stage.engine.run_until(kStart + 200ms);
  stage.engine.set_clock_rate(0, -500'000);
  stage.engine.run_until(kStart + 1s);
  stage.lanes.finish(kStart + 1s);
  // The last renewal is that of 200 ms; its 100 ms by half as fast a clock are 200.
  EXPECT_EQ(stage.lines.of("lease"), List{"lease n0 0..400"});
}

TEST(Lanes, ACrashEndsTheLeaseAPauseDoesNot) {
  Stage paused(1s);
  paused.engine.run_until(kStart + 255ms);
  paused.engine.pause(0);
  paused.engine.run_until(kStart + 500ms);
  paused.lanes.finish(kStart + 500ms);
  EXPECT_EQ(paused.lines.of("lease"), List{"lease n0 0..350"});
  EXPECT_EQ(paused.lines.of("paused"), List{"paused t1 n0 255..500"});
  EXPECT_EQ(paused.lines.of("majority n0"), List{"majority n0 0..255"});

  Stage crashed(1s);
  crashed.engine.run_until(kStart + 255ms);
  crashed.engine.crash(0);
  crashed.engine.run_until(kStart + 500ms);
  crashed.lanes.finish(kStart + 500ms);
  EXPECT_EQ(crashed.lines.of("lease"), List{"lease n0 0..255"});
  EXPECT_EQ(crashed.lines.of("leader"), List{"leader t1 n0 0..255"});
  EXPECT_EQ(crashed.lines.of("down"), List{"down t0 n0 255..500"});
}

TEST(Lanes, ALeaseThatLapsedAndCameBackIsTwo) {
  Stage stage(2s);
  stage.engine.run_until(kStart + 255ms);
  stage.engine.pause(0);
  stage.engine.run_until(kStart + 600ms);
  stage.engine.resume(0);
  stage.engine.run_until(kStart + 700ms);
  stage.lanes.finish(kStart + 700ms);
  EXPECT_EQ(stage.lines.of("lease"), (List{"lease n0 0..350", "lease n0 600..700"}));
}

TEST(Lanes, SuspicionLastsUntilTrustOrTheCrashOfTheSuspecting) {
  const auto note_at = [](sim::NoteKind kind, std::int64_t ms) {
    return [kind, ms](sim::Context& context, Duration age) {
      if (age == std::chrono::milliseconds(ms)) context.note({.kind = kind, .node = NodeId{1}});
    };
  };
  const sim::ToyProtocol protocol(
      [&](sim::ToyReplica& replica, const sim::ToyEvent& event, sim::Context& context) {
        const Duration age = event.at - replica.seen.front().at;
        if (replica.self != NodeId{1}) note_at(sim::NoteKind::kSuspects, 100)(context, age);
        if (replica.self == NodeId{2}) note_at(sim::NoteKind::kTrusts, 300)(context, age);
        return context.now() + 10ms;
      });
  Lines lines;
  Lanes lanes(lines);
  sim::Engine engine(protocol, {.replicas = 3});
  engine.observe(lanes);
  engine.start();
  engine.run_until(kStart + 200ms);
  EXPECT_TRUE(lanes.suspects(1, 0));
  engine.run_until(kStart + 400ms);
  EXPECT_FALSE(lanes.suspects(1, 0));
  engine.crash(2);
  EXPECT_FALSE(lanes.suspects(2, 0));
  lanes.finish(kStart + 500ms);
  EXPECT_EQ(lines.of("suspects"), (List{"suspects n0 n1 100..300", "suspects n0 n2 100..400"}));
}

TEST(Lanes, AMajorityGoesWithTheLinksAndComesBackWithThem) {
  Stage stage(1s);
  stage.engine.run_until(kStart + 100ms);
  stage.engine.cut(0, 1);
  stage.engine.run_until(kStart + 200ms);
  stage.engine.cut(2, 0);
  stage.engine.run_until(kStart + 300ms);
  stage.engine.heal(0, 1);
  stage.engine.run_until(kStart + 400ms);
  stage.lanes.finish(kStart + 400ms);
  EXPECT_EQ(stage.lines.of("majority n0"), (List{"majority n0 0..200", "majority n0 300..400"}));
  EXPECT_EQ(stage.lines.of("majority n1"), List{"majority n1 0..400"});
}

}  // namespace
}  // namespace vouch::report
