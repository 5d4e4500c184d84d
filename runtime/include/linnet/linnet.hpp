// Linnet for C++20: owners of the C interface's handles, and nothing else. Header-only, throws
// nothing of its own; linnet.h says what every call does and what its options mean.
//
//   linnet::Model model;
//   linnet::Session session;
//   if (auto opened = model.open("model.linnet"); !opened.ok()) return fail(opened.message());
//   if (auto opened = session.open(model); !opened.ok()) return fail(opened.message());
//   session.generate("Call me", options, [](std::string_view text) { return print(text); });
#pragma once

#include <linnet/linnet.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace linnet {

// Inline, so that these names stay apart from the runtime's own classes when both are linked.
inline namespace cpp {

/// What became of a call: a status and, for a failure, one line that says why.
struct [[nodiscard]] Result {
  linnet_status status = LINNET_OK;
  linnet_message why = {};

  bool ok() const { return status == LINNET_OK; }
  const char* message() const { return why.text; }
};

/// The immutable weights and graph of one file. Must outlive its sessions.
class Model {
 public:
  /// Opens a file in place of whatever was open; `options` may be null.
  Result open(const char* path, const linnet_model_options* options = nullptr) {
    return take([&](linnet_model** out, linnet_message* why) {
      return linnet_model_open(path, options, out, why);
    });
  }

  /// The same for `size` bytes from `offset` of an open file; size 0 means up to its end.
  Result open_fd(int fd, uint64_t offset, uint64_t size,
                 const linnet_model_options* options = nullptr) {
    return take([&](linnet_model** out, linnet_message* why) {
      return linnet_model_open_fd(fd, offset, size, options, out, why);
    });
  }

  /// The same for 64-byte aligned bytes that outlive the model unchanged.
  Result borrow(std::span<const std::byte> bytes, const linnet_model_options* options = nullptr) {
    return take([&](linnet_model** out, linnet_message* why) {
      return linnet_model_borrow(bytes.data(), bytes.size(), options, out, why);
    });
  }

  linnet_model_info describe() const {
    linnet_model_info info = {};
    linnet_model_describe(get(), &info);
    return info;
  }

  /// Label number `index` of a classifier; null: there is none.
  const char* label(size_t index) const { return linnet_model_label(get(), index); }

  /// What a row of a classifier's logits says of each label; both have as many floats as labels.
  void label_scores(std::span<const float> logits, std::span<float> scores) const {
    linnet_model_label_scores(get(), logits.data(), scores.data());
  }

  linnet_generate_options generate_defaults() const {
    return linnet_generate_options_defaults(get());
  }

  linnet_translate_options translate_defaults() const {
    return linnet_translate_options_defaults(get());
  }

  /// The exact memory of a session with these options.
  Result session_bytes(const linnet_session_options& options, linnet_memory* out) const {
    Result result;
    result.status = linnet_session_bytes(get(), &options, out, &result.why);
    return result;
  }

  /// Replaces `ids` by the token ids of a text.
  Result tokenize(std::string_view text, bool special_tokens, std::vector<int32_t>* ids) const {
    Result result;
    size_t count = text.size() + 8;  // nearly always enough: a token is seldom less than a byte
    do {
      ids->resize(count);
      result.status = linnet_tokenize(get(), text.data(), text.size(), special_tokens, ids->data(),
                                      ids->size(), &count, &result.why);
    } while (result.ok() && count > ids->size());
    ids->resize(result.ok() ? count : 0);
    return result;
  }

  /// Replaces `ids` and `types` by the token ids, and the token type of each, of a text or, with
  /// `second`, a pair; see linnet_tokenize_pair.
  Result tokenize_pair(std::string_view first, const std::string_view* second, bool special_tokens,
                       std::vector<int32_t>* ids, std::vector<int32_t>* types) const {
    Result result;
    const std::string_view other = second != nullptr ? *second : std::string_view();
    const char* other_text = other.data() != nullptr ? other.data() : "";
    size_t count = first.size() + other.size() + 8;
    do {
      ids->resize(count);
      types->resize(count);
      result.status = linnet_tokenize_pair(
          get(), first.data(), first.size(), second != nullptr ? other_text : nullptr, other.size(),
          special_tokens, ids->data(), types->data(), ids->size(), &count, &result.why);
    } while (result.ok() && count > ids->size());
    ids->resize(result.ok() ? count : 0);
    types->resize(ids->size());
    return result;
  }

  /// Replaces `text` by the bytes that ids stand for.
  Result detokenize(std::span<const int32_t> ids, bool special_tokens, std::string* text) const {
    Result result;
    size_t size = ids.size() * 8;
    do {
      text->resize(size);
      result.status = linnet_detokenize(get(), ids.data(), ids.size(), special_tokens, text->data(),
                                        text->size(), &size, &result.why);
    } while (result.ok() && size > text->size());
    text->resize(result.ok() ? size : 0);
    return result;
  }

  linnet_model* get() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(linnet_model* model) const { linnet_model_close(model); }
  };

  template <typename Open>
  Result take(Open open) {
    Result result;
    linnet_model* opened = nullptr;
    result.status = open(&opened, &result.why);
    if (result.ok()) handle_.reset(opened);
    return result;
  }

  std::unique_ptr<linnet_model, Close> handle_;
};

/// One stream of tokens through a model; used by one thread at a time.
class Session {
 public:
  /// Opens a session with empty state in place of whatever was open. `memory`, if not null, is the
  /// caller's own block of session_bytes' total.
  Result open(const Model& model,
              const linnet_session_options& options = linnet_session_options_defaults(),
              void* memory = nullptr) {
    Result result;
    linnet_session* opened = nullptr;
    result.status = linnet_session_open(model.get(), &options, memory, &opened, &result.why);
    if (result.ok()) handle_.reset(opened);
    return result;
  }

  /// Opens this as another session at the same point of `other`'s stream.
  Result fork(const Session& other, void* memory = nullptr) {
    Result result;
    linnet_session* opened = nullptr;
    result.status = linnet_session_fork(other.get(), memory, &opened, &result.why);
    if (result.ok()) handle_.reset(opened);
    return result;
  }

  void close() { handle_.reset(); }

  /// Runs tokens; `logits`, if not null, has room for what linnet_run writes.
  Result run(std::span<const int32_t> tokens, float* logits = nullptr) {
    Result result;
    result.status = linnet_run(get(), tokens.data(), tokens.size(), logits, &result.why);
    return result;
  }

  /// Runs an encoder over a batch of texts.
  Result encode(const linnet_texts& texts) {
    Result result;
    result.status = linnet_encode(get(), &texts, &result.why);
    return result;
  }

  /// Runs a token of each hypothesis; `logits` has room for as many rows.
  Result run_beams(std::span<const int32_t> tokens, std::span<const uint32_t> parents,
                   float* logits) {
    Result result;
    result.status =
        linnet_run_beams(get(), tokens.data(), parents.data(), tokens.size(), logits, &result.why);
    return result;
  }

  /// Replaces `ids` by what the model makes of a source text.
  Result translate(std::span<const int32_t> source, const linnet_translate_options& options,
                   std::vector<int32_t>* ids, linnet_translated* out = nullptr) {
    linnet_translated translated = {};
    ids->resize(options.max_tokens);
    Result result;
    result.status = linnet_translate_ids(get(), source.data(), source.size(), &options, ids->data(),
                                         ids->size(), &translated, &result.why);
    ids->resize(translated.tokens);
    if (out != nullptr) *out = translated;
    return result;
  }

  /// What the encoder made of it; the values stay until the session runs again.
  Result output(size_t index, linnet_output* out) const {
    Result result;
    result.status = linnet_session_output(get(), index, out, &result.why);
    return result;
  }

  /// Replaces `text` by what the model makes of a source text, through its tokenizer.
  Result translate(std::string_view source, const linnet_translate_options& options,
                   std::string* text, linnet_translated* out = nullptr) {
    const linnet_text_callback take = [](const char* bytes, size_t size, void* context) {
      static_cast<std::string*>(context)->assign(bytes, size);
      return true;
    };
    text->clear();
    Result result;
    result.status = linnet_translate(get(), source.data(), source.size(), &options, take, text, out,
                                     &result.why);
    return result;
  }

  /// Streams the text that follows `prompt` to `receive`, a bool(std::string_view) that says
  /// whether to go on.
  template <typename Receive>
  Result generate(std::string_view prompt, const linnet_generate_options& options,
                  Receive&& receive, linnet_generated* out = nullptr) {
    using Callable = std::remove_reference_t<Receive>;
    const linnet_text_callback forward = [](const char* text, size_t size, void* context) {
      return static_cast<bool>((*static_cast<Callable*>(context))(std::string_view(text, size)));
    };
    Result result;
    result.status =
        linnet_generate(get(), prompt.data(), prompt.size(), &options, forward,
                        const_cast<void*>(static_cast<const void*>(&receive)), out, &result.why);
    return result;
  }

  /// The same from ids to `receive`, a bool(int32_t id, std::string_view text).
  template <typename Receive>
  Result generate_ids(std::span<const int32_t> prompt, const linnet_generate_options& options,
                      Receive&& receive, linnet_generated* out = nullptr) {
    using Callable = std::remove_reference_t<Receive>;
    const linnet_token_callback forward = [](int32_t id, const char* text, size_t size,
                                             void* context) {
      return static_cast<bool>(
          (*static_cast<Callable*>(context))(id, std::string_view(text, size)));
    };
    Result result;
    result.status = linnet_generate_ids(get(), prompt.data(), prompt.size(), &options, forward,
                                        const_cast<void*>(static_cast<const void*>(&receive)), out,
                                        &result.why);
    return result;
  }

  /// From any thread: stops the call that runs now before its next operator; the state is lost.
  void cancel() { linnet_session_cancel(get()); }

  void on_progress(linnet_run_progress progress, void* context) {
    linnet_session_on_progress(get(), progress, context);
  }

  /// Told after every operator what it took; null: none.
  void on_operator(linnet_operator_callback callback, void* context) {
    linnet_session_on_operator(get(), callback, context);
  }

  /// Notes where the stream stands, for rewind.
  Result checkpoint() {
    Result result;
    result.status = linnet_session_checkpoint(get(), &result.why);
    return result;
  }

  /// Goes back to `position` or, if that cannot be restored, to *replay_from before it; the caller
  /// runs the tokens between them again.
  Result rewind(uint64_t position, uint64_t* replay_from) {
    Result result;
    result.status = linnet_session_rewind(get(), position, replay_from, &result.why);
    return result;
  }

  uint64_t position() const { return linnet_session_position(get()); }
  void reset() { linnet_session_reset(get()); }

  size_t state_bytes() const { return linnet_state_bytes(get()); }

  /// Replaces `bytes` by the state as a value.
  Result save(std::vector<std::byte>* bytes) const {
    bytes->resize(state_bytes());
    Result result;
    result.status = linnet_state_save(get(), bytes->data(), bytes->size(), &result.why);
    return result;
  }

  Result load(std::span<const std::byte> bytes) {
    Result result;
    result.status = linnet_state_load(get(), bytes.data(), bytes.size(), &result.why);
    return result;
  }

  Result save_file(const char* path) const {
    Result result;
    result.status = linnet_state_save_file(get(), path, &result.why);
    return result;
  }

  Result load_file(const char* path) {
    Result result;
    result.status = linnet_state_load_file(get(), path, &result.why);
    return result;
  }

  linnet_session* get() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(linnet_session* session) const { linnet_session_close(session); }
  };

  std::unique_ptr<linnet_session, Close> handle_;
};

/// Runs a token of each session in one pass over the weights; `logits`, if not null, has room for
/// as many rows. See linnet_run_batch.
inline Result run_batch(std::span<linnet_session* const> sessions, std::span<const int32_t> tokens,
                        float* logits = nullptr) {
  Result result;
  result.status =
      linnet_run_batch(sessions.data(), tokens.data(), sessions.size(), logits, &result.why);
  return result;
}

}  // namespace cpp
}  // namespace linnet
