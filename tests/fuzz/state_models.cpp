#include "tests/fuzz/state_models.h"

#include <array>
#include <memory>
#include <stdexcept>

#include "tools/convert/convert.h"

namespace linnet::fuzz {
namespace {

void require(const Result& result) {
  if (!result.ok()) throw std::runtime_error(result.message());
}

struct Choice {
  const char* checkpoint;
  uint32_t beams;
};

// Fast weights beside a ring of keys and values; hypotheses that share rings; a text that is
// encoded before; a text that is kept because it may run again.
constexpr Choice choices[] = {{"variants/gla_hybrid", 1},
                              {"variants/gpt2_unscaled", 3},
                              {"variants/seq2seq/t5_1_1", 2},
                              {"ref/performer", 1}};

}  // namespace

StateModel::StateModel(const std::string& checkpoint, uint32_t beams) : beams_(beams) {
  const std::string path = folder_.file("model.linnet");
  convert::convert(
      {.checkpoint = LINNET_GOLDEN_FOLDER "/" + checkpoint, .output = path, .vocabulary = {}});
  require(model_.open(path.c_str()));
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 8;
  options.context = 8;
  options.beams = beams;
  options.checkpoint_bytes = beams > 1 ? 0 : 1 << 20;
  require(session_.open(model_, options));
}

Result StateModel::run_on() {
  const std::vector<int32_t> tokens = {3, 1, 2};
  std::vector<float> logits(size_t{model_.describe().vocabulary} * beams_);
  Result result = session_.run(tokens, logits.data());
  if (!result.ok() || beams_ == 1) return result;
  const std::vector<int32_t> best(beams_, 2);
  const std::vector<uint32_t> parents(beams_, 0);
  return session_.run_beams(best, parents, logits.data());
}

std::vector<std::byte> StateModel::some_state() {
  session_.reset();
  if (model_.describe().has_encoder) {
    const std::vector<int32_t> source = {5, 4, 3};
    const size_t length = source.size();
    require(session_.encode({.tokens = source.data(),
                             .token_types = nullptr,
                             .mask = nullptr,
                             .lengths = &length,
                             .count = 1}));
  }
  require(run_on());
  std::vector<std::byte> state;
  require(session_.save(&state));
  return state;
}

StateModel& state_model(size_t index) {
  static std::array<std::unique_ptr<StateModel>, std::size(choices)> models;
  index %= models.size();
  if (models[index] == nullptr) {
    models[index] = std::make_unique<StateModel>(choices[index].checkpoint, choices[index].beams);
  }
  return *models[index];
}

size_t state_models() { return std::size(choices); }

}  // namespace linnet::fuzz
