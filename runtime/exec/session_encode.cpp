// Whole texts through the encode entry point.

#include <algorithm>

#include "runtime/exec/session.h"

namespace linnet {
namespace {

bool is_padding(const linnet_texts& texts, size_t index) {
  return texts.mask != nullptr && texts.mask[index] == 0;
}

}  // namespace

Status Session::encode(const linnet_texts& texts) {
  const EntryPoint& entry = model_.graph().encode;
  if (!entry.exists()) {
    return Status::error(LINNET_UNSUPPORTED, "the model has no encoder, it decodes alone");
  }
  size_t tokens = 0;
  Status status = measure_texts(texts, &tokens);
  if (status.failed()) return status;
  if (model_.graph().decode.exists()) reset();
  take_texts(texts);
  encoded_ = {};
  const Chunk chunk = {
      .extents = {.tokens = tokens, .texts = texts.count, .source = tokens},
      .texts = {texts_.data(), texts.count},
  };
  status = run_operators(entry, chunk);
  if (status.failed()) return status;
  encoded_ = chunk.extents;
  if (model_.graph().decode.exists()) source_tokens_ = tokens;
  return report_progress(tokens, tokens);
}

/// Checks a batch, and notes how many of its tokens run.
Status Session::measure_texts(const linnet_texts& texts, size_t* tokens) {
  if (texts.count == 0) return Status::error(LINNET_INVALID_ARGUMENT, "there is no text to encode");
  if (model_.graph().decode.exists() && texts.count != 1) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "a decoder follows one encoded text, not a batch of %zu", texts.count);
  }
  size_t first = 0;
  size_t all = 0;
  for (size_t i = 0; i < texts.count; ++i) {
    size_t kept = 0;
    const Status status = measure_text(texts, first, texts.lengths[i], &kept);
    if (status.failed()) return status.within("text %zu: ", i);
    all += kept;
    first += texts.lengths[i];
  }
  if (all > plan_.largest.tokens) {
    return Status::error(LINNET_INVALID_ARGUMENT,
                         "an encoder reads texts as a whole: %zu tokens need a chunk of %zu, this "
                         "session's is %zu",
                         all, all, plan_.largest.tokens);
  }
  *tokens = all;
  return Status::ok();
}

Status Session::measure_text(const linnet_texts& texts, size_t first, size_t length,
                             size_t* kept) const {
  for (size_t i = first; i < first + length; ++i) {
    if (is_padding(texts, i)) continue;
    const Status status = encode_limits_.check_tokens({texts.tokens + i, 1});
    if (status.failed()) return status;
    const int32_t type = texts.token_types != nullptr ? texts.token_types[i] : 0;
    const size_t types = std::max<size_t>(encode_limits_.token_types, 1);
    if (type < 0 || static_cast<size_t>(type) >= types) {
      return Status::error(LINNET_INVALID_ARGUMENT,
                           "token type %d at index %zu is not one of the model's %zu", type, i,
                           types);
    }
    ++*kept;
  }
  if (*kept == 0) return Status::error(LINNET_INVALID_ARGUMENT, "it has no token");
  if (encode_limits_.positions != 0 && *kept > encode_limits_.positions) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the model has positions for %zu tokens, not %zu",
                         encode_limits_.positions, *kept);
  }
  return Status::ok();
}

/// The tokens that run, one text behind another, to where the operators read them.
void Session::take_texts(const linnet_texts& texts) {
  const EntryPoint& entry = model_.graph().encode;
  const auto input = [&](int32_t tensor) {
    return tensor < 0 ? nullptr
                      : reinterpret_cast<int32_t*>(addresses_[static_cast<size_t>(tensor)]);
  };
  int32_t* tokens = input(entry.tokens);
  int32_t* token_types = input(entry.token_types);
  size_t index = 0;
  size_t row = 0;
  for (size_t text = 0; text < texts.count; ++text) {
    texts_[text].first = row;
    for (const size_t end = index + texts.lengths[text]; index < end; ++index) {
      if (is_padding(texts, index)) continue;
      tokens[row] = texts.tokens[index];
      if (token_types != nullptr) {
        token_types[row] = texts.token_types != nullptr ? texts.token_types[index] : 0;
      }
      ++row;
    }
    texts_[text].count = row - texts_[text].first;
  }
}

/// One text through a model that has an encoder alone, for linnet_run.
Status Session::encode_one(std::span<const int32_t> tokens, float* rows) {
  const Output& first = model_.graph().encode.outputs[0];
  if (model_.graph().tensors[static_cast<size_t>(first.tensor)].rows().kind() !=
      Dimension::Kind::tokens) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the model gives '%s' for a text, not for its tokens: call linnet_encode",
                         first.name);
  }
  const size_t length = tokens.size();
  Status status = encode({.tokens = tokens.data(),
                          .token_types = nullptr,
                          .mask = nullptr,
                          .lengths = &length,
                          .count = 1});
  if (status.failed() || rows == nullptr) return status;
  linnet_output output = {};
  status = this->output(0, &output);
  if (status.failed()) return status;
  std::copy_n(output.values, output.rows * output.columns, rows);
  return Status::ok();
}

Status Session::output(size_t index, linnet_output* out) const {
  const Array<Output>& outputs = model_.graph().encode.outputs;
  if (index >= outputs.size()) {
    return Status::error(LINNET_INVALID_ARGUMENT, "the model's encoder has no output %zu, but %zu",
                         index, outputs.size());
  }
  if (encoded_.tokens == 0) {
    return Status::error(LINNET_INVALID_ARGUMENT, "no text was encoded since the session last ran");
  }
  const Output& output = outputs[index];
  const Tensor& tensor = model_.graph().tensors[static_cast<size_t>(output.tensor)];
  *out = {.name = output.name,
          .values = reinterpret_cast<const float*>(addresses_[static_cast<size_t>(output.tensor)]),
          .rows = tensor.rows().in(encoded_),
          .columns = tensor.columns().number(),
          .per_text = tensor.rows().kind() == Dimension::Kind::texts};
  return Status::ok();
}

}  // namespace linnet
