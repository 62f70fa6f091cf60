#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vouch/record/line.h"
#include "vouch/record/line_writer.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/observer.h"
#include "vouch/sim/policies.h"
#include "vouch/sim/run.h"
#include "vouch/sim/vouch_protocol.h"

namespace vouch::testing {

/// Records one simulated run in memory.
class RecordedRun final : public sim::Observer {
 public:
  RecordedRun(const sim::PolicySettings& settings, const sim::Plan& plan, sim::RunOptions options)
      : writer_(
            [this](NodeId node, Instant) {
              const sim::TrueTime now = engine_ == nullptr ? sim::kStart : engine_->now();
              return record::Stamp{
                  .node = node, .wall = {}, .run = "run", .sim_ns = (now - sim::kStart).count()};
            },
            [this](const record::Line& line) { lines_.push_back(record::write(line)); }) {
    const auto protocol = sim::make_policy("vouch", settings);
    VOUCH_ASSERT(protocol.has_value());
    auto& recorded = dynamic_cast<sim::VouchProtocol&>(**protocol);
    recorded.set_recorder(&writer_);
    options.observers.push_back(this);
    result_ = sim::run(recorded, plan, options);
  }

  void stepped(const sim::Engine& engine, sim::NodeIndex, const sim::ReplicaStatus&) override {
    engine_ = &engine;
  }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] const sim::RunResult& result() const { return result_; }

 private:
  record::LineWriter writer_;
  std::vector<std::string> lines_;
  const sim::Engine* engine_ = nullptr;
  sim::RunResult result_;
};

}  // namespace vouch::testing
