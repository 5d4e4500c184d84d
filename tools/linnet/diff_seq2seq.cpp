#include "tools/linnet/diff_seq2seq.h"

#include <algorithm>
#include <limits>
#include <span>
#include <stdexcept>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

constexpr size_t greedy_prompt = 4;

/// What the tensors of a reference are called, by who made it.
struct Names {
  const char* source;
  const char* target;
  const char* encoded;
};
constexpr Names transformers_names = {"input_ids", "decoder_input_ids",
                                      "encoder_last_hidden_state"};
constexpr Names other_names = {"src_ids", "tgt_ids", "encoder_out"};

Names names_in(const ReferenceFile& reference) {
  return reference.has(other_names.source) ? other_names : transformers_names;
}

/// A source, of which `mask` (if there is one) leaves tokens out.
struct Source {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> mask;

  size_t kept() const {
    if (mask.empty()) return tokens.size();
    return static_cast<size_t>(std::count(mask.begin(), mask.end(), 1));
  }
};

/// A session that has the source encoded, for a target of `length` tokens that goes in `chunk`
/// tokens at a time.
Session encoded(const Model& model, const Source& source, size_t chunk, size_t length,
                uint32_t threads) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = static_cast<uint32_t>(std::max(chunk, source.kept()));
  options.context = static_cast<uint32_t>(length);
  options.all_logits = true;
  Session session = open_session(model, options);
  const size_t count = source.tokens.size();
  require(session.encode({.tokens = source.tokens.data(),
                          .token_types = nullptr,
                          .mask = source.mask.empty() ? nullptr : source.mask.data(),
                          .lengths = &count,
                          .count = 1}));
  return session;
}

std::vector<float> run_target(const Model& model, const Source& source,
                              std::span<const int32_t> target, size_t chunk, uint32_t threads) {
  Session session = encoded(model, source, chunk, target.size(), threads);
  const size_t vocabulary = model.describe().vocabulary;
  std::vector<float> logits(target.size() * vocabulary);
  for (size_t begin = 0; begin < target.size(); begin += chunk) {
    const size_t count = std::min(chunk, target.size() - begin);
    require(session.run(target.subspan(begin, count), logits.data() + begin * vocabulary));
  }
  return logits;
}

TextComparison compare_target(const Model& model, ReferenceFile& reference, const Source& source,
                              const std::string& target, const std::string& logits, uint32_t chunk,
                              uint32_t threads) {
  const std::vector<int32_t> tokens = reference.ids(target);
  if (tokens.empty()) throw std::runtime_error(target + " has no tokens");
  const auto expected = reference.matrix(logits, tokens.size(), model.describe().vocabulary);
  const std::array<size_t, way_count> chunks = {1, chunk, tokens.size()};
  std::array<std::vector<float>, way_count> found;
  for (size_t way = 0; way < way_count; ++way) {
    found[way] = run_target(model, source, tokens, chunks[way], threads);
  }
  TextComparison result;
  result.ids = target;
  result.logits = logits;
  result.measure(found, expected, model.describe().vocabulary);
  return result;
}

/// What the encoder makes of the source, all at once.
TextComparison compare_encoder(const Model& model, ReferenceFile& reference, const Names& names,
                               const Source& source, uint32_t threads) {
  Session session = encoded(model, source, 1, 1, threads);
  linnet_output output = {};
  require(session.output(0, &output));
  const size_t values = output.rows * output.columns;
  const auto expected = reference.matrix(names.encoded, output.rows, output.columns);
  std::array<std::vector<float>, way_count> found;
  found[all_at_once].assign(output.values, output.values + values);
  TextComparison result;
  result.ids = names.source;
  result.logits = names.encoded;
  result.first_way = all_at_once;
  result.has_argmax = false;
  result.measure(found, expected, output.columns);
  return result;
}

Source read_padded(ReferenceFile& reference) {
  Source source;
  source.tokens = reference.ids("padded_input_ids");
  for (const int32_t kept : reference.ids("padded_attention_mask")) {
    source.mask.push_back(kept != 0 ? 1 : 0);
  }
  if (source.mask.size() != source.tokens.size()) {
    throw std::runtime_error("padded_attention_mask has " + std::to_string(source.mask.size()) +
                             " values where padded_input_ids has " +
                             std::to_string(source.tokens.size()));
  }
  return source;
}

/// The likeliest tokens after a prompt, but for those that the model may not write.
std::vector<int32_t> continue_greedily(const Model& model, const Source& source,
                                       std::span<const int32_t> prompt, size_t count,
                                       std::span<const uint32_t> suppressed, uint32_t threads) {
  Session session = encoded(model, source, 1, prompt.size() + count, threads);
  const size_t vocabulary = model.describe().vocabulary;
  std::vector<float> logits(vocabulary);
  std::vector<int32_t> continuation;
  for (const int32_t token : prompt) require(session.run({&token, 1}, logits.data()));
  while (continuation.size() < count) {
    for (const uint32_t token : suppressed) {
      if (token < vocabulary) logits[token] = -std::numeric_limits<float>::infinity();
    }
    continuation.push_back(static_cast<int32_t>(argmax(logits)));
    require(session.run(std::span(continuation).last(1), logits.data()));
  }
  return continuation;
}

void compare_greedy(const Model& model, ReferenceFile& reference, const Names& names,
                    const Source& source, uint32_t threads, LanguageModelComparison* result) {
  std::vector<int32_t> prompt = reference.ids(names.target);
  std::span<const uint32_t> suppressed;
  if (names.source == transformers_names.source) {
    prompt.resize(1);
    const linnet_model_info info = model.describe();
    suppressed = {info.suppressed_ids, info.suppressed_count};
  } else {
    if (prompt.size() < greedy_prompt) return;  // greedy_ids stays unread, and the report names it
    prompt.resize(greedy_prompt);
  }
  const std::vector<int32_t> expected = reference.ids("greedy_ids");
  const auto found = continue_greedily(model, source, prompt, expected.size(), suppressed, threads);
  result->greedy_tokens = expected.size();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (found[i] == expected[i]) ++result->equal_greedy;
  }
}

}  // namespace

bool has_seq2seq_reference(const ReferenceFile& reference) {
  const Names names = names_in(reference);
  return reference.has(names.source) && reference.has(names.target);
}

LanguageModelComparison compare_seq2seq(const Model& model, ReferenceFile& reference,
                                        uint32_t chunk, uint32_t threads) {
  const linnet_model_info info = model.describe();
  if (!info.has_encoder || !info.has_decoder) {
    throw std::runtime_error("the reference is an encoder-decoder's, the model is not one");
  }
  const Names names = names_in(reference);
  const Source source = {reference.ids(names.source), {}};
  // Where tgt_ids are there, input_ids are the same once more.
  if (names.source == other_names.source && reference.has("input_ids")) reference.ids("input_ids");
  LanguageModelComparison result;
  if (reference.has(names.encoded)) {
    result.texts.push_back(compare_encoder(model, reference, names, source, threads));
  }
  if (reference.has("logits")) {
    result.texts.push_back(
        compare_target(model, reference, source, names.target, "logits", chunk, threads));
  }
  if (reference.has("padded_input_ids") && reference.has("padded_attention_mask") &&
      reference.has("padded_logits")) {
    result.texts.push_back(compare_target(model, reference, read_padded(reference), names.target,
                                          "padded_logits", chunk, threads));
  }
  if (reference.has("greedy_ids")) {
    compare_greedy(model, reference, names, source, threads, &result);
  }
  return result;
}

}  // namespace linnet::cli
