#include "tests/fuzz/run_model.h"

#include <algorithm>
#include <cstdint>
#include <linnet/linnet.hpp>
#include <vector>

namespace linnet::fuzz {
namespace {

const std::vector<int32_t> tokens = {1, 2, 3, 0, 4};

/// The first failure of several calls.
class Outcome {
 public:
  bool keep(const Result& result) {
    if (!result.ok() && why_.empty()) why_ = result.message();
    return result.ok();
  }
  bool keep(linnet_status status, const linnet_message& why) {
    if (status != LINNET_OK && why_.empty()) why_ = why.text;
    return status == LINNET_OK;
  }
  const std::string& why() const { return why_; }

 private:
  std::string why_;
};

void ask_labels(const Model& model) {
  const linnet_model_info info = model.describe();
  std::vector<float> scores(info.labels, 0.5f);
  for (uint32_t i = 0; i < info.labels; ++i) (void)linnet_model_label(model.get(), i);
  if (info.labels > 0) linnet_model_label_scores(model.get(), scores.data(), scores.data());
}

void use_tokenizer(const Model& model, Outcome& outcome) {
  if (!model.describe().has_tokenizer) return;
  std::vector<int32_t> ids;
  std::vector<int32_t> types;
  std::string text;
  const std::string_view second = "me";
  outcome.keep(model.tokenize("Call me\n Ishmael, é\xff 1", true, &ids));
  outcome.keep(model.tokenize_pair("a b", &second, true, &ids, &types));
  outcome.keep(model.detokenize(ids, false, &text));
}

void use_encoder(const Model& model, Session& session, Outcome& outcome) {
  const size_t lengths[] = {2, 3};
  const uint8_t mask[] = {1, 1, 0, 1, 1};
  // Only an encoder alone takes several texts at once.
  const bool is_alone = !model.describe().has_decoder;
  const size_t whole[] = {tokens.size()};
  const linnet_texts texts = {.tokens = tokens.data(),
                              .token_types = nullptr,
                              .mask = mask,
                              .lengths = is_alone ? lengths : whole,
                              .count = is_alone ? std::size(lengths) : 1};
  linnet_message why = {};
  if (!outcome.keep(linnet_encode(session.get(), &texts, &why), why)) return;
  double sum = 0;
  for (uint32_t i = 0; i < model.describe().encoder_outputs; ++i) {
    linnet_output output = {};
    if (!outcome.keep(linnet_session_output(session.get(), i, &output, &why), why)) return;
    for (size_t k = 0; k < output.rows * output.columns; ++k) sum += output.values[k];
  }
  [[maybe_unused]] const volatile double read = sum;
}

void use_decoder(const Model& model, Session& session, Outcome& outcome) {
  std::vector<float> logits(model.describe().vocabulary);
  if (!outcome.keep(session.run(tokens, logits.data()))) return;
  std::vector<std::byte> state(linnet_state_bytes(session.get()));
  linnet_message why = {};
  outcome.keep(linnet_state_save(session.get(), state.data(), state.size(), &why), why);
  outcome.keep(session.run(std::span(tokens).first(1), nullptr));
  outcome.keep(linnet_state_load(session.get(), state.data(), state.size(), &why), why);
  outcome.keep(session.run(std::span(tokens).first(1), logits.data()));
}

void write_text(const Model& model, Session& session) {
  const auto print = [](const char*, size_t, void*) { return true; };
  linnet_message why = {};
  const linnet_model_info info = model.describe();
  if (!info.has_tokenizer || !info.has_decoder) return;
  if (info.has_encoder) {
    linnet_translate_options options = model.translate_defaults();
    options.max_tokens = std::min<size_t>(options.max_tokens, 4);
    (void)linnet_translate(session.get(), "a b", 3, &options, print, nullptr, nullptr, &why);
  } else {
    linnet_generate_options options = model.generate_defaults();
    options.max_tokens = 3;
    (void)linnet_generate(session.get(), "a b", 3, &options, print, nullptr, nullptr, &why);
  }
}

}  // namespace

std::string run_model(std::span<const std::byte> file) {
  Outcome outcome;
  Model model;
  if (!outcome.keep(model.borrow(file))) return outcome.why();
  ask_labels(model);
  use_tokenizer(model, outcome);
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = model.describe().has_encoder ? 8 : 4;
  options.context = 8;
  linnet_memory memory = {};
  if (!outcome.keep(model.session_bytes(options, &memory))) return outcome.why();
  if (memory.total_bytes > runnable_bytes) return outcome.why();
  Session session;
  if (!outcome.keep(session.open(model, options))) return outcome.why();
  if (model.describe().has_encoder) use_encoder(model, session, outcome);
  if (model.describe().has_decoder) use_decoder(model, session, outcome);
  write_text(model, session);
  return outcome.why();
}

}  // namespace linnet::fuzz
