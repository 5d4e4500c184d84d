#include "runtime/text/generate.h"

#include <algorithm>

#include "runtime/text/sampler.h"
#include "runtime/text/text_selection.h"
#include "runtime/text/utf8_stream.h"

namespace linnet {
namespace {

// More than any token's text, so that streaming allocates nothing.
constexpr size_t text_room = 4096;
// What stands in place of a token where text is left over at the end.
constexpr int32_t no_token = -1;

Status out_of_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory to generate text"); }

/// The model's own logits and text buffers, from prompt to stop.
class Generator {
 public:
  Generator(Writer writer, const Model& model, const Tokenizer* tokenizer, TokenSink sink)
      : session_(writer.session),
        gives_all_logits_(writer.gives_all_logits),
        model_(model),
        tokenizer_(tokenizer),
        sink_(sink) {}

  Status open(const linnet_generate_options& options);
  Status read_prompt(std::string_view prompt, size_t* tokens);
  Status run(std::span<const int32_t> tokens);
  Status write(const linnet_generate_options& options, linnet_generated* out);

 private:
  Status emit(int32_t token, bool* goes_on);
  bool hand_over(int32_t token);
  bool is_end(int32_t token) const;

  linnet_session* session_;
  bool gives_all_logits_;
  const Model& model_;
  const Tokenizer* tokenizer_;  // null: ids alone
  TokenSink sink_;
  Sampler sampler_;
  Utf8Stream stream_;
  Array<float> logits_;
  DecodeScratch decoding_;
  List<char> bytes_;
  List<char> text_;
};

Status Generator::open(const linnet_generate_options& options) {
  const size_t vocabulary = model_.graph().vocabulary;
  if (!logits_.allocate(vocabulary) || !bytes_.reserve(text_room) || !text_.reserve(text_room) ||
      !decoding_.from.reserve(text_room, 1) || !decoding_.to.reserve(text_room, 1)) {
    return out_of_memory();
  }
  return sampler_.open(static_cast<uint32_t>(vocabulary),
                       {.temperature = options.temperature,
                        .top_k = options.top_k,
                        .top_p = options.top_p,
                        .min_p = options.min_p,
                        .repetition_penalty = options.repetition_penalty,
                        .seed = options.seed});
}

Status Generator::run(std::span<const int32_t> tokens) {
  linnet_message why;
  linnet_status status = LINNET_OK;
  // A session that gives every token's logits must not be asked for more than there is room for.
  const size_t without_logits = gives_all_logits_ ? tokens.size() - 1 : 0;
  if (without_logits > 0)
    status = linnet_run(session_, tokens.data(), without_logits, nullptr, &why);
  if (status == LINNET_OK) {
    status = linnet_run(session_, tokens.data() + without_logits, tokens.size() - without_logits,
                        logits_.data(), &why);
  }
  if (status != LINNET_OK) return Status::error(status, "%s", why.text);
  for (const int32_t token : tokens) sampler_.accept(token);
  return Status::ok();
}

Status Generator::read_prompt(std::string_view prompt, size_t* tokens) {
  List<int32_t> ids;
  if (linnet_session_position(session_) == 0) {
    for (const uint32_t id : model_.tokenizer()->prefix_ids) {
      if (!ids.push(static_cast<int32_t>(id))) return out_of_memory();
    }
  }
  const Status status = tokenizer_->encode(prompt, /*special_tokens=*/false, ids);
  if (status.failed()) return status;
  // Without a prompt, the token that ends a text is also what stands before the next one.
  if (ids.empty() && !model_.generation().end_ids.empty() &&
      !ids.push(static_cast<int32_t>(model_.generation().end_ids[0]))) {
    return out_of_memory();
  }
  if (ids.empty()) return Status::error(LINNET_INVALID_ARGUMENT, "the prompt is empty");
  *tokens = ids.size();
  return run({ids.data(), ids.size()});
}

Status Generator::write(const linnet_generate_options& options, linnet_generated* out) {
  out->stop = LINNET_STOP_MAX_TOKENS;
  bool goes_on = true;
  while (goes_on && out->tokens < options.max_tokens) {
    const int32_t token = sampler_.sample(logits_.span());
    if (!options.ignore_end && is_end(token)) {
      out->stop = LINNET_STOP_END;
      break;
    }
    ++out->tokens;
    Status status = emit(token, &goes_on);
    if (status.failed()) return status;
    if (!goes_on) out->stop = LINNET_STOP_CALLBACK;
    if (!goes_on || out->tokens == options.max_tokens) break;
    status = run({&token, 1});
    if (status.failed()) return status;
  }
  text_.clear();
  const Status status = stream_.finish(text_);
  if (goes_on && !text_.empty() && !hand_over(no_token)) out->stop = LINNET_STOP_CALLBACK;
  return status;
}

Status Generator::emit(int32_t token, bool* goes_on) {
  bytes_.clear();
  text_.clear();
  Status status = Status::ok();
  if (has_text && tokenizer_ != nullptr) status = tokenizer_->decode_next(token, decoding_, bytes_);
  if (!status.failed()) status = stream_.push({bytes_.data(), bytes_.size()}, text_);
  if (!status.failed()) *goes_on = hand_over(token);
  return status;
}

bool Generator::hand_over(int32_t token) {
  if (sink_.callback == nullptr) return true;
  return sink_.callback(token, text_.data(), text_.size(), sink_.context);
}

bool Generator::is_end(int32_t token) const {
  const auto& ends = model_.generation().end_ids;
  return std::find(ends.begin(), ends.end(), static_cast<uint32_t>(token)) != ends.end();
}

}  // namespace

Status generate(Writer writer, const Model& model, const Tokenizer* tokenizer,
                std::string_view prompt, const linnet_generate_options& options, TextSink sink,
                linnet_generated* out) {
  *out = {};
  const linnet_token_callback text_alone = [](int32_t, const char* text, size_t size,
                                              void* context) {
    const auto& to = *static_cast<const TextSink*>(context);
    return size == 0 || to.callback == nullptr || to.callback(text, size, to.context);
  };
  Generator generator(writer, model, tokenizer, {.callback = text_alone, .context = &sink});
  Status status = generator.open(options);
  if (!status.failed()) status = generator.read_prompt(prompt, &out->prompt_tokens);
  return status.failed() ? status : generator.write(options, out);
}

Status generate_ids(Writer writer, const Model& model, const Tokenizer* tokenizer,
                    std::span<const int32_t> prompt, const linnet_generate_options& options,
                    TokenSink sink, linnet_generated* out) {
  *out = {};
  if (prompt.empty()) return Status::error(LINNET_INVALID_ARGUMENT, "the prompt is empty");
  Generator generator(writer, model, tokenizer, sink);
  Status status = generator.open(options);
  if (!status.failed()) status = generator.run(prompt);
  if (status.failed()) return status;
  out->prompt_tokens = prompt.size();
  return generator.write(options, out);
}

}  // namespace linnet
