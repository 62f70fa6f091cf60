#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "vouch/detector/result.h"
#include "vouch/record/line_writer.h"
#include "vouch/sim/engine.h"
#include "vouch/sim/observer.h"

namespace vouch::cli {

/// Stamps the decisions of simulated runs, one run after the other: who decided, in which run, at
/// which true time. Watches the run to know its time.
class RunRecorder final : public sim::Observer {
 public:
  explicit RunRecorder(record::LineWriter::Sink sink);

  /// Records the next run of `protocol`, if it is vouch; `observers` are those of that run.
  void begin_run(sim::Protocol& protocol, std::string run, std::vector<sim::Observer*>& observers);

  void stepped(const sim::Engine& engine, sim::NodeIndex, const sim::ReplicaStatus&) override {
    engine_ = &engine;
  }
  void noted(const sim::Engine& engine, sim::NodeIndex, const sim::Note&) override {
    engine_ = &engine;
  }

 private:
  record::LineWriter writer_;
  std::string run_;
  const sim::Engine* engine_ = nullptr;  ///< Of the run that goes on, from its first event on.
};

/// The file of `vouch simulate --decisions`; an empty path writes nothing.
class DecisionFile {
 public:
  explicit DecisionFile(const std::string& path);

  [[nodiscard]] Status status();
  void begin_run(sim::Protocol& protocol, const std::string& run,
                 std::vector<sim::Observer*>& observers);
  [[nodiscard]] Status finish();

 private:
  std::string path_;
  std::ofstream file_;
  RunRecorder recorder_;
};

}  // namespace vouch::cli
