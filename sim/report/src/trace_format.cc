#include "vouch/report/trace_format.h"

#include <utility>

#include "chrome_trace.h"
#include "shiviz_trace.h"
#include "vouch/scenario/trace.h"

namespace vouch::report {
namespace {

/// scenario::JsonlTrace as one of several formats.
class Jsonl final : public Trace {
 public:
  void moved(const sim::Engine& engine, sim::NodeIndex from, sim::NodeIndex to,
             const sim::Payload& payload, sim::Fate fate) override {
    trace_.moved(engine, from, to, payload, fate);
    collect();
  }
  void noted(const sim::Engine& engine, sim::NodeIndex node, const sim::Note& note) override {
    trace_.noted(engine, node, note);
    collect();
  }
  void faulted(const sim::Engine& engine, const sim::Fault& fault) override {
    trace_.faulted(engine, fault);
    collect();
  }

  void finish(sim::TrueTime) override {
    trace_.finish();
    collect();
  }
  std::string take() override { return std::exchange(text_, {}); }
  [[nodiscard]] std::size_t waiting() const override { return text_.size(); }

 private:
  void collect() { text_ += trace_.take(); }

  scenario::JsonlTrace trace_;
  std::string text_;
};

}  // namespace

Result<TraceFormat> trace_format(std::string_view name) {
  if (name == "jsonl") return TraceFormat::kJsonl;
  if (name == "chrome") return TraceFormat::kChrome;
  if (name == "shiviz") return TraceFormat::kShiviz;
  return Error{Errc::kBadInput,
               "must be jsonl, chrome or shiviz, is \"" + std::string(name) + "\""};
}

std::unique_ptr<Trace> make_trace(TraceFormat format) {
  switch (format) {
    case TraceFormat::kJsonl:
      return std::make_unique<Jsonl>();
    case TraceFormat::kChrome:
      return std::make_unique<ChromeTrace>();
    case TraceFormat::kShiviz:
      return std::make_unique<ShivizTrace>();
  }
  return nullptr;
}

}  // namespace vouch::report
