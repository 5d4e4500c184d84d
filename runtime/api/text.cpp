#include <linnet/linnet.h>

#include <algorithm>
#include <type_traits>

#include "runtime/api/arguments.h"
#include "runtime/api/handles.h"
#include "runtime/exec/entry_limits.h"
#include "runtime/text/generate.h"
#include "runtime/text/text_selection.h"
#include "runtime/text/translate.h"

namespace linnet {
namespace {

constexpr size_t default_max_tokens = 128;
constexpr size_t default_translated_tokens = 256;

/// Null if the model has none, or this build no text.
const Tokenizer* tokenizer_of(const linnet_model& model) {
  return has_text && model.model->tokenizer() != nullptr ? &model.tokenizer : nullptr;
}

Status missing_tokenizer() {
  return Status::error(LINNET_UNSUPPORTED,
                       has_text ? "the model file has no tokenizer"
                                : "this build leaves tokenizers out (LINNET_OPERATOR_LIST)");
}

Status missing_generation() { return left_out("text", "generation"); }

Status check_decodes(const Model& model) {
  if (model.graph().decode.exists()) return Status::ok();
  return Status::error(LINNET_UNSUPPORTED, "the model is an encoder, which writes no text");
}

/// What the file says, within what its decoder can do: callers make room for so many.
size_t translated_tokens(const Model& model) {
  constexpr size_t most_without_positions = size_t{1} << 16;
  const size_t wanted = model.generation().search.max_tokens;
  const size_t positions = position_limit(model.graph(), model.graph().decode);
  return std::min(wanted != 0 ? wanted : default_translated_tokens,
                  positions != 0 ? positions : most_without_positions);
}

/// Copies what fits and tells the caller how much there is.
template <typename T>
void hand_out(const List<T>& from, T* to, size_t capacity, size_t* count) {
  *count = from.size();
  if (to != nullptr) std::copy_n(from.data(), std::min(capacity, from.size()), to);
}

Status check_translation(const linnet_session& session, const linnet_translate_options& options,
                         size_t capacity) {
  const Graph& graph = session.model->model->graph();
  if (!graph.encode.exists() || !graph.decode.exists()) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the model is not an encoder-decoder, which translating needs");
  }
  if (capacity < options.max_tokens) {
    return Status::error(LINNET_INVALID_ARGUMENT, "room for %zu ids, where max_tokens is %zu",
                         capacity, options.max_tokens);
  }
  return Status::ok();
}

Status translate_ids(linnet_session* session, std::span<const int32_t> source,
                     const linnet_translate_options& options, std::span<int32_t> ids,
                     linnet_translated* out) {
  if (!has_translation) return left_out("text", "translation");
  const Status status = check_translation(*session, options, ids.size());
  if (status.failed()) return status;
  const Session& inner = *session->session;
  const Model& model = *session->model->model;
  return translate({.session = session, .beams = inner.beams(), .most_tokens = inner.most_tokens()},
                   model, source, options, ids.data(), out);
}

Status translate_text(linnet_session* session, std::string_view text,
                      const linnet_translate_options& options, TextSink sink,
                      linnet_translated* out) {
  const Tokenizer* tokenizer = tokenizer_of(*session->model);
  if (tokenizer == nullptr) return missing_tokenizer();
  List<int32_t> source;
  Array<int32_t> ids;
  List<char> bytes;
  if (!ids.allocate(options.max_tokens)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu tokens", options.max_tokens);
  }
  Status status = tokenizer->encode(text, /*special_tokens=*/true, source);
  if (!status.failed()) {
    status = translate_ids(session, {source.data(), source.size()}, options, ids.span(), out);
  }
  if (!status.failed()) {
    status = tokenizer->decode(ids.span().first(out->tokens), /*special_tokens=*/false, bytes);
  }
  if (!status.failed() && sink.callback != nullptr) {
    sink.callback(bytes.data(), bytes.size(), sink.context);
  }
  return status;
}

template <typename Prompt, typename Sink>
using Generate = Status (*)(Writer, const Model&, const Tokenizer*, Prompt,
                            const linnet_generate_options&, Sink, linnet_generated*);

/// What generating from text and from ids have in common.
template <typename Prompt, typename Sink>
linnet_status generate_from(linnet_session* session, std::type_identity_t<Prompt> prompt,
                            Generate<Prompt, Sink> generate, const linnet_generate_options* options,
                            std::type_identity_t<Sink> sink, linnet_generated* out,
                            linnet_message* why) {
  if (session == nullptr || (prompt.data() == nullptr && !prompt.empty()))
    return report(missing_argument(), why);
  const linnet_model* model = session->model;
  const Status unable = check_decodes(*model->model);
  if (unable.failed()) return report(unable, why);
  const linnet_generate_options chosen =
      options != nullptr ? *options : linnet_generate_options_defaults(model);
  const AllocatorScope scope(&model->allocator);
  linnet_generated generated = {};
  const Status status = generate({session, session->session->gives_all_logits()}, *model->model,
                                 tokenizer_of(*model), prompt, chosen, sink, &generated);
  if (out != nullptr) *out = generated;
  return report(status, why);
}

}  // namespace
}  // namespace linnet

extern "C" {

linnet_status linnet_tokenize(const linnet_model* model, const char* text, size_t size,
                              bool special_tokens, int32_t* ids, size_t capacity, size_t* count,
                              linnet_message* why) {
  if (model == nullptr || (text == nullptr && size > 0) || count == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  const linnet::Tokenizer* tokenizer = linnet::tokenizer_of(*model);
  if (tokenizer == nullptr) return linnet::report(linnet::missing_tokenizer(), why);
  const linnet::AllocatorScope scope(&model->allocator);
  linnet::List<int32_t> all;
  const linnet::Status status = tokenizer->encode({text, size}, special_tokens, all);
  if (!status.failed()) linnet::hand_out(all, ids, capacity, count);
  return linnet::report(status, why);
}

linnet_status linnet_tokenize_pair(const linnet_model* model, const char* first, size_t first_size,
                                   const char* second, size_t second_size, bool special_tokens,
                                   int32_t* ids, int32_t* types, size_t capacity, size_t* count,
                                   linnet_message* why) {
  if (model == nullptr || (first == nullptr && first_size > 0) ||
      (second == nullptr && second_size > 0) || count == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  const linnet::Tokenizer* tokenizer = linnet::tokenizer_of(*model);
  if (tokenizer == nullptr) return linnet::report(linnet::missing_tokenizer(), why);
  const linnet::TextPair texts = {
      {first, first_size}, {second, second_size}, /*has_second=*/second != nullptr};
  const linnet::AllocatorScope scope(&model->allocator);
  linnet::List<int32_t> all;
  linnet::List<int32_t> all_types;
  const linnet::Status status = tokenizer->encode_pair(texts, special_tokens, all, all_types);
  if (!status.failed()) linnet::hand_out(all_types, types, capacity, count);
  if (!status.failed()) linnet::hand_out(all, ids, capacity, count);
  return linnet::report(status, why);
}

linnet_status linnet_detokenize(const linnet_model* model, const int32_t* ids, size_t count,
                                bool special_tokens, char* text, size_t capacity, size_t* size,
                                linnet_message* why) {
  if (model == nullptr || (ids == nullptr && count > 0) || size == nullptr) {
    return linnet::report(linnet::missing_argument(), why);
  }
  const linnet::Tokenizer* tokenizer = linnet::tokenizer_of(*model);
  if (tokenizer == nullptr) return linnet::report(linnet::missing_tokenizer(), why);
  const linnet::AllocatorScope scope(&model->allocator);
  linnet::List<char> all;
  const linnet::Status status = tokenizer->decode({ids, count}, special_tokens, all);
  if (!status.failed()) linnet::hand_out(all, text, capacity, size);
  return linnet::report(status, why);
}

linnet_generate_options linnet_generate_options_defaults(const linnet_model* model) {
  const linnet::Generation& from = model->model->generation();
  return {.max_tokens = linnet::default_max_tokens,
          .temperature = from.temperature,
          .top_k = from.top_k,
          .top_p = from.top_p,
          .min_p = from.min_p,
          .repetition_penalty = from.repetition_penalty,
          .seed = 0,
          .ignore_end = false};
}

linnet_status linnet_generate(linnet_session* session, const char* prompt, size_t size,
                              const linnet_generate_options* options, linnet_text_callback callback,
                              void* context, linnet_generated* out, linnet_message* why) {
  if (session == nullptr) return linnet::report(linnet::missing_argument(), why);
  if (!linnet::has_generation) return linnet::report(linnet::missing_generation(), why);
  if (linnet::tokenizer_of(*session->model) == nullptr)
    return linnet::report(linnet::missing_tokenizer(), why);
  return linnet::generate_from(session, {prompt, size}, linnet::generate, options,
                               {.callback = callback, .context = context}, out, why);
}

linnet_status linnet_generate_ids(linnet_session* session, const int32_t* prompt, size_t count,
                                  const linnet_generate_options* options,
                                  linnet_token_callback callback, void* context,
                                  linnet_generated* out, linnet_message* why) {
  if (!linnet::has_generation) return linnet::report(linnet::missing_generation(), why);
  return linnet::generate_from(session, {prompt, count}, linnet::generate_ids, options,
                               {.callback = callback, .context = context}, out, why);
}

linnet_translate_options linnet_translate_options_defaults(const linnet_model* model) {
  const linnet::SearchDefaults& from = model->model->generation().search;
  return {.beams = from.beams,
          .max_tokens = linnet::translated_tokens(*model->model),
          .min_tokens = from.min_tokens,
          .length_penalty = from.length_penalty,
          .stopping = from.stopping,
          .no_repeat = from.no_repeat,
          .start = from.start_id,
          .forced_first = from.forced_first_id,
          .forced_last = from.forced_last_id};
}

linnet_status linnet_translate_ids(linnet_session* session, const int32_t* source, size_t count,
                                   const linnet_translate_options* options, int32_t* ids,
                                   size_t capacity, linnet_translated* out, linnet_message* why) {
  if (session == nullptr || (source == nullptr && count > 0) || (ids == nullptr && capacity > 0)) {
    return linnet::report(linnet::missing_argument(), why);
  }
  const linnet_translate_options chosen =
      options != nullptr ? *options : linnet_translate_options_defaults(session->model);
  const linnet::AllocatorScope scope(&session->model->allocator);
  linnet_translated translated = {};
  const linnet::Status status =
      linnet::translate_ids(session, {source, count}, chosen, {ids, capacity}, &translated);
  if (out != nullptr) *out = translated;
  return linnet::report(status, why);
}

linnet_status linnet_translate(linnet_session* session, const char* text, size_t size,
                               const linnet_translate_options* options,
                               linnet_text_callback callback, void* context, linnet_translated* out,
                               linnet_message* why) {
  if (session == nullptr || (text == nullptr && size > 0)) {
    return linnet::report(linnet::missing_argument(), why);
  }
  const linnet_translate_options chosen =
      options != nullptr ? *options : linnet_translate_options_defaults(session->model);
  const linnet::AllocatorScope scope(&session->model->allocator);
  linnet_translated translated = {};
  const linnet::Status status = linnet::translate_text(
      session, {text, size}, chosen, {.callback = callback, .context = context}, &translated);
  if (out != nullptr) *out = translated;
  return linnet::report(status, why);
}

}  // extern "C"
