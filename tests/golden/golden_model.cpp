#include "tests/golden/golden_model.h"

#include <stdexcept>

#include "tools/convert/convert.h"
#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"
#include "tools/linnet/reference_file.h"

namespace linnet::test {
namespace {

constexpr size_t greedy_prompt = 16;

}  // namespace

GoldenModel::GoldenModel(const std::string& folder, const std::string& weights) {
  const std::string checkpoint = std::string(LINNET_TEST_DIR) + "/" + folder;
  path_ = folder_.file("model.linnet");
  convert::ConvertOptions options;
  options.checkpoint = checkpoint;
  options.output = path_;
  options.weights = weights;
  convert::convert(options);
  cli::require(model_.open(path_.c_str()));
  vocabulary_ = model_.describe().vocabulary;
  cli::ReferenceFile reference(checkpoint + "/expected.safetensors");
  tokens_ = reference.ids("input_ids");
  // Where both are there, these are what a model that sees one token after another must match.
  const char* logits = reference.has("logits_prefix") ? "logits_prefix" : "logits";
  logits_ = reference.matrix(logits, tokens_.size(), vocabulary_);
  if (reference.has("greedy_ids")) greedy_ = reference.ids("greedy_ids");
}

std::vector<float> GoldenModel::run(uint32_t chunk, uint32_t threads, uint32_t context) const {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = chunk;
  options.context = context;
  options.all_logits = true;
  Session session;
  cli::require(session.open(model_, options));
  std::vector<float> logits(tokens_.size() * vocabulary_);
  cli::require(session.run(tokens_, logits.data()));
  return logits;
}

std::vector<int32_t> GoldenModel::continue_greedily(uint32_t chunk) const {
  linnet_session_options options = linnet_session_options_defaults();
  options.chunk = chunk;
  Session session;
  cli::require(session.open(model_, options));
  std::vector<float> logits(vocabulary_);
  cli::require(session.run(std::span(tokens_).first(greedy_prompt), logits.data()));
  std::vector<int32_t> continuation;
  while (continuation.size() < greedy_.size()) {
    const auto token = static_cast<int32_t>(cli::argmax(logits));
    continuation.push_back(token);
    cli::require(session.run({&token, 1}, logits.data()));
  }
  return continuation;
}

}  // namespace linnet::test
