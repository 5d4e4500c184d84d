#include "tools/linnet/diff_language_model.h"

#include <algorithm>
#include <span>
#include <stdexcept>

#include "tools/linnet/logits.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

constexpr size_t greedy_prompt = 16;

/// A context in which a text of so many tokens sees all of itself: room for it and for the rest of
/// the segment that it ends in, if the model has segments.
uint32_t whole_context(size_t tokens) { return static_cast<uint32_t>(2 * tokens); }

/// Logits of every token of a text that goes in `chunk` tokens at a time.
std::vector<float> run_text(const Model& model, std::span<const int32_t> ids, size_t chunk,
                            uint32_t threads, uint32_t context) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = static_cast<uint32_t>(chunk);
  options.context = context;
  options.all_logits = true;
  Session session = open_session(model, options);
  const size_t vocabulary = model.describe().vocabulary;
  std::vector<float> logits(ids.size() * vocabulary);
  for (size_t begin = 0; begin < ids.size(); begin += chunk) {
    const size_t count = std::min(chunk, ids.size() - begin);
    require(session.run(ids.subspan(begin, count), logits.data() + begin * vocabulary));
  }
  return logits;
}

TextComparison compare_text(const Model& model, ReferenceFile& reference, const std::string& ids,
                            const std::string& logits, uint32_t chunk, uint32_t threads,
                            uint32_t context = 0) {
  const std::vector<int32_t> tokens = reference.ids(ids);
  if (tokens.empty()) throw std::runtime_error(ids + " has no tokens");
  const size_t vocabulary = model.describe().vocabulary;
  const auto expected = reference.matrix(logits, tokens.size(), vocabulary);

  TextComparison result;
  result.ids = ids;
  result.logits = logits;
  const std::array<size_t, way_count> chunks = {1, chunk, tokens.size()};
  std::array<std::vector<float>, way_count> found;
  if (model.describe().has_encoder) result.first_way = all_at_once;
  for (size_t way = result.first_way; way < way_count; ++way) {
    found[way] = run_text(model, tokens, chunks[way], threads,
                          context > 0 ? context : whole_context(tokens.size()));
  }
  result.measure(found, expected, vocabulary);
  return result;
}

/// The tokens that plain argmax puts after a prompt.
std::vector<int32_t> continue_greedily(const Model& model, std::span<const int32_t> prompt,
                                       size_t count, uint32_t threads) {
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = threads;
  options.chunk = static_cast<uint32_t>(prompt.size());
  options.context = whole_context(prompt.size() + count);
  Session session = open_session(model, options);
  std::vector<float> logits(model.describe().vocabulary);
  std::vector<int32_t> continuation;
  while (continuation.size() < count) {
    const auto tokens = continuation.empty() ? prompt : std::span(continuation).last(1);
    require(session.run(tokens, logits.data()));
    continuation.push_back(static_cast<int32_t>(argmax(logits)));
  }
  return continuation;
}

void compare_greedy(const Model& model, ReferenceFile& reference, uint32_t threads,
                    LanguageModelComparison* result) {
  std::vector<int32_t> prompt = reference.ids("input_ids");
  if (prompt.size() < greedy_prompt && reference.has("text_ids")) {
    prompt = reference.ids("text_ids");
  }
  if (prompt.size() < greedy_prompt) return;  // greedy_ids stays unread, and the report names it
  prompt.resize(greedy_prompt);
  const std::vector<int32_t> expected = reference.ids("greedy_ids");
  const auto found = continue_greedily(model, prompt, expected.size(), threads);
  result->greedy_tokens = expected.size();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (found[i] == expected[i]) ++result->equal_greedy;
  }
}

double share(size_t part, size_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void TextComparison::measure(const std::array<std::vector<float>, way_count>& found,
                             const std::vector<float>& expected, size_t columns) {
  positions = expected.size() / columns;
  scale = largest_magnitude(expected);
  for (size_t way = first_way; way < way_count; ++way) {
    difference[way] = cli::largest_difference(found[way], expected);
    equal_argmax[way] = equal_argmax_rows(found[way], expected, columns);
    for (size_t other = first_way; other < way; ++other) {
      between_ways = std::max(between_ways, cli::largest_difference(found[way], found[other]));
    }
  }
}

double LanguageModelComparison::largest_difference() const {
  double largest = 0;
  for (const auto& text : texts) {
    largest = std::max(largest, *std::max_element(text.difference.begin(), text.difference.end()));
  }
  return largest;
}

double LanguageModelComparison::logit_scale() const {
  double largest = 0;
  for (const auto& text : texts) largest = std::max(largest, text.scale);
  return largest;
}

double LanguageModelComparison::relative_difference() const {
  double largest = 0;
  for (const auto& text : texts) {
    for (const double d : text.difference) largest = std::max(largest, relative(d, text.scale));
  }
  return largest;
}

double LanguageModelComparison::relative_between_ways() const {
  double largest = 0;
  for (const auto& text : texts) {
    largest = std::max(largest, relative(text.between_ways, text.scale));
  }
  return largest;
}

double LanguageModelComparison::argmax_agreement() const {
  double worst = 1;
  for (size_t way = 0; way < way_count; ++way) {
    size_t equal = 0;
    size_t positions = 0;
    for (const auto& text : texts) {
      if (way < text.first_way || !text.has_argmax) continue;
      equal += text.equal_argmax[way];
      positions += text.positions;
    }
    worst = std::min(worst, share(equal, positions));
  }
  return worst;
}

double LanguageModelComparison::greedy_agreement() const {
  return share(equal_greedy, greedy_tokens);
}

bool has_language_model_reference(const ReferenceFile& reference) {
  return reference.has("input_ids") &&
         (reference.has("logits") || reference.has("logits_prefix") || reference.has("greedy_ids"));
}

LanguageModelComparison compare_language_model(const Model& model, ReferenceFile& reference,
                                               uint32_t chunk, uint32_t threads) {
  LanguageModelComparison result;
  const char* logits = reference.has("logits_prefix") ? "logits_prefix" : "logits";
  if (reference.has(logits)) {
    result.texts.push_back(compare_text(model, reference, "input_ids", logits, chunk, threads));
  }
  if (reference.has("text_ids") && reference.has("text_logits")) {
    result.texts.push_back(
        compare_text(model, reference, "text_ids", "text_logits", chunk, threads));
  }
  // The context that such a model was made for has room for one segment and its memory.
  if (reference.has("logits_segmented")) {
    result.texts.push_back(compare_text(model, reference, "input_ids", "logits_segmented", chunk,
                                        threads, model.describe().context));
  }
  if (reference.has("greedy_ids") && !model.describe().has_encoder)
    compare_greedy(model, reference, threads, &result);
  return result;
}

}  // namespace linnet::cli
