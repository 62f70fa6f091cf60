#include "decision_file.h"

#include <utility>

#include "vouch/sim/vouch_protocol.h"

namespace vouch::cli {

RunRecorder::RunRecorder(record::LineWriter::Sink sink)
    : writer_(
          [this](NodeId node, Instant) {
            const sim::TrueTime now = engine_ == nullptr ? sim::kStart : engine_->now();
            return record::Stamp{
                .node = node, .wall = {}, .run = run_, .sim_ns = (now - sim::kStart).count()};
          },
          std::move(sink)) {}

void RunRecorder::begin_run(sim::Protocol& protocol, std::string run,
                            std::vector<sim::Observer*>& observers) {
  engine_ = nullptr;
  auto* const recorded = dynamic_cast<sim::VouchProtocol*>(&protocol);
  if (recorded == nullptr) return;
  run_ = std::move(run);
  recorded->set_recorder(&writer_);
  observers.push_back(this);
}

DecisionFile::DecisionFile(const std::string& path)
    : path_(path),
      recorder_([this](const record::Line& line) { file_ << record::write(line) << '\n'; }) {
  if (!path_.empty()) file_.open(path_, std::ios::binary | std::ios::trunc);
}

Status DecisionFile::status() {
  if (!path_.empty() && !file_) {
    return Error{Errc::kUnavailable, "--decisions: cannot write " + path_};
  }
  return Done{};
}

void DecisionFile::begin_run(sim::Protocol& protocol, const std::string& run,
                             std::vector<sim::Observer*>& observers) {
  if (!path_.empty()) recorder_.begin_run(protocol, run, observers);
}

Status DecisionFile::finish() {
  if (!path_.empty()) file_.close();
  return status();
}

}  // namespace vouch::cli
