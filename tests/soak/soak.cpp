// Runs one session for millions of tokens and watches what must not change: the process's memory,
// that all logits are numbers, and that the state neither grows without bound nor becomes none.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/soak/state_norms.h"
#include "tools/linnet/input_text.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/process_memory.h"

namespace linnet::soak {
namespace {

// What the C library keeps for itself may move a little; a leak of a byte per token would not pass.
constexpr uint64_t memory_tolerance = 512 << 10;
constexpr size_t chunk = 256;
constexpr size_t decoded_after_chunk = 8;  // tokens of the model's own choice, one by one

struct Options {
  std::string model;
  std::string text;
  uint64_t tokens = 10'000'000;
  uint64_t every = 250'000;
  double minutes = 60;
  uint32_t threads = 1;
};

struct Range {
  double smallest = 0;
  double largest = 0;
};

class Soak {
 public:
  explicit Soak(const Options& options)
      : options_(options), model_(cli::open_model(options.model)) {
    cli::require(model_.tokenize(cli::read_text_file(options.text), false, &text_));
    if (text_.size() < chunk) throw std::runtime_error(options.text + ": is too short");
    linnet_session_options of_session = linnet_session_options_defaults();
    of_session.chunk = chunk;
    of_session.threads = options.threads;
    session_ = cli::open_session(model_, of_session);
    logits_.resize(model_.describe().vocabulary);
  }

  void run() {
    const Clock::time_point begin = Clock::now();
    run_some();  // touches every page that is ever touched
    const uint64_t first = private_bytes();
    uint64_t last = first;
    for (uint64_t next = 0; tokens_ < options_.tokens && minutes_since(begin) < options_.minutes;) {
      run_some();
      if (tokens_ < next) continue;
      next = tokens_ + options_.every;
      last = private_bytes();
      report(minutes_since(begin), last);
      if (last > first + memory_tolerance) {
        throw std::runtime_error("private memory grew from " + std::to_string(first) +
                                 " bytes to " + std::to_string(last));
      }
    }
    std::printf("%llu tokens in %.1f min; private memory %llu bytes at first, %llu at last\n",
                static_cast<unsigned long long>(tokens_), minutes_since(begin),
                static_cast<unsigned long long>(first), static_cast<unsigned long long>(last));
    for (const auto& [name, range] : ranges_) {
      std::printf("norm of %s: %.4g to %.4g\n", name.c_str(), range.smallest, range.largest);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double minutes_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count() / 60;
  }

  static uint64_t private_bytes() {
    const auto memory = cli::process_memory();
    if (!memory) throw std::runtime_error("this system does not tell a process's memory");
    return memory->private_bytes;
  }

  /// A chunk of the text, which starts again and again at another place, then a few tokens of the
  /// model's own.
  void run_some() {
    const size_t at = tokens_ * 31 % (text_.size() - chunk + 1);
    run(std::span(text_).subspan(at, chunk));
    for (size_t i = 0; i < decoded_after_chunk; ++i) {
      const auto token = static_cast<int32_t>(cli::argmax(logits_));
      run({&token, 1});
    }
    for (const auto& [name, norm] : state_norms(*session_.get())) {
      if (!std::isfinite(norm)) throw std::runtime_error(name + " is not finite");
      const auto [range, is_new] = ranges_.try_emplace(name, Range{norm, norm});
      range->second.smallest = std::min(range->second.smallest, norm);
      range->second.largest = std::max(range->second.largest, norm);
    }
  }

  void run(std::span<const int32_t> tokens) {
    cli::require(session_.run(tokens, logits_.data()));
    tokens_ += tokens.size();
    const auto is_finite = [](float logit) { return std::isfinite(logit); };
    if (!std::all_of(logits_.begin(), logits_.end(), is_finite)) {
      throw std::runtime_error("a logit is not finite after " + std::to_string(tokens_) +
                               " tokens");
    }
  }

  void report(double minutes, uint64_t bytes) const {
    std::printf("%11llu tokens  %6.1f min  %llu bytes private ",
                static_cast<unsigned long long>(tokens_), minutes,
                static_cast<unsigned long long>(bytes));
    for (const auto& [name, norm] : state_norms(*session_.get())) {
      std::printf("  %s %.4g", name.c_str(), norm);
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  Options options_;
  Model model_;
  Session session_;
  std::vector<int32_t> text_;
  std::vector<float> logits_;
  std::map<std::string, Range> ranges_;
  uint64_t tokens_ = 0;
};

}  // namespace
}  // namespace linnet::soak

int main(int argc, char** argv) {
  linnet::soak::Options options;
  CLI::App app(
      "Runs millions of tokens of a text through one session. Fails if memory grows, or a logit or "
      "state is no number.",
      "linnet_soak");
  app.add_option("model", options.model, "A .linnet file with a tokenizer")->required();
  app.add_option("--text", options.text, "A file of text to go through again and again")
      ->required();
  app.add_option("--tokens", options.tokens, "Stop after so many")->capture_default_str();
  app.add_option("--minutes", options.minutes, "Or after so long")->capture_default_str();
  app.add_option("--every", options.every, "Report after so many tokens")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the session")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    linnet::soak::Soak(options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "linnet_soak: %s\n", error.what());
    return 1;
  }
  return 0;
}
