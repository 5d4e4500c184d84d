#include "runtime/text/translate.h"

#include <algorithm>

#include "runtime/base/array.h"
#include "runtime/text/beam_search.h"

namespace linnet {
namespace {

Status status_of(linnet_status code, const linnet_message& why) {
  return code == LINNET_OK ? Status::ok() : Status::error(code, "%s", why.text);
}

Status check(const Translator& translator, const linnet_translate_options& options) {
  if (options.start < 0) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "the model file does not say what its decoder starts with: the options "
                         "need a start token");
  }
  if (options.beams > translator.beams) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "%u beams: the session was opened for %zu, see linnet_session_options",
                         options.beams, translator.beams);
  }
  return Status::ok();
}

Status encode(linnet_session* session, std::span<const int32_t> source) {
  const size_t length = source.size();
  const linnet_texts texts = {.tokens = source.data(),
                              .token_types = nullptr,
                              .mask = nullptr,
                              .lengths = &length,
                              .count = 1};
  linnet_message why = {};
  const linnet_status code = linnet_encode(session, &texts, &why);
  return status_of(code, why);
}

/// Logits of what the search wants to know next.
Status decode(linnet_session* session, const BeamSearch& search, bool side_by_side, float* logits) {
  linnet_message why = {};
  const std::span<const int32_t> tokens = search.tokens();
  const linnet_status code = side_by_side
                                 ? linnet_run_beams(session, tokens.data(), search.parents().data(),
                                                    tokens.size(), logits, &why)
                                 : linnet_run(session, tokens.data(), tokens.size(), logits, &why);
  return status_of(code, why);
}

}  // namespace

Status translate(const Translator& translator, const Model& model, std::span<const int32_t> source,
                 const linnet_translate_options& options, int32_t* ids, linnet_translated* out) {
  Status status = check(translator, options);
  if (status.failed()) return status;
  const Generation& generation = model.generation();
  BeamSearchOptions search_options = {.beams = options.beams,
                                      .max_tokens = options.max_tokens,
                                      .min_tokens = options.min_tokens,
                                      .length_penalty = options.length_penalty,
                                      .stopping = options.stopping,
                                      .no_repeat = options.no_repeat,
                                      .start = options.start,
                                      .forced_first = options.forced_first,
                                      .forced_last = options.forced_last,
                                      .ends = generation.end_ids,
                                      .suppressed = generation.search.suppressed_ids};
  if (translator.most_tokens != 0) {
    // The last token of a text is not run any more, but the start is.
    search_options.max_tokens = std::min(search_options.max_tokens, translator.most_tokens);
  }
  const size_t vocabulary = model.graph().vocabulary;
  BeamSearch search;
  status = search.open(vocabulary, search_options);
  if (status.failed()) return status;
  Array<float> logits;
  if (!logits.allocate(options.beams * vocabulary)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for the logits of %u beams",
                         options.beams);
  }
  status = encode(translator.session, source);
  for (bool is_start = true; !status.failed() && search.running() > 0; is_start = false) {
    status = decode(translator.session, search, options.beams > 1 && !is_start, logits.data());
    if (!status.failed()) search.step(logits.span().first(search.running() * vocabulary));
  }
  if (status.failed()) return status;
  const std::span<const int32_t> best = search.best();
  std::copy(best.begin(), best.end(), ids);
  const auto& ends = generation.end_ids;
  const bool ended = !best.empty() && std::find(ends.begin(), ends.end(),
                                                static_cast<uint32_t>(best.back())) != ends.end();
  *out = {.source_tokens = source.size(),
          .tokens = best.size(),
          .score = search.best_score(),
          .stop = ended ? LINNET_STOP_END : LINNET_STOP_MAX_TOKENS};
  return Status::ok();
}

}  // namespace linnet
