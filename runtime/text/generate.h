#pragma once

#include <linnet/linnet.h>

#include <span>
#include <string_view>

#include "runtime/base/status.h"
#include "runtime/model/model.h"
#include "runtime/text/tokenizer.h"

namespace linnet {

/// Where generated text goes.
struct TextSink {
  linnet_text_callback callback = nullptr;  ///< null: the text is dropped
  void* context = nullptr;
};

/// Where generated tokens go, with the text that each makes certain.
struct TokenSink {
  linnet_token_callback callback = nullptr;  ///< null: they are dropped
  void* context = nullptr;
};

/// The session that writes; `gives_all_logits` as its options say.
struct Writer {
  linnet_session* session = nullptr;
  bool gives_all_logits = false;
};

/// Continues the session with a prompt and streams the model's text to `sink`. Allocates before the
/// first token only. `tokenizer` is not null. See linnet_generate.
Status generate(Writer writer, const Model& model, const Tokenizer* tokenizer,
                std::string_view prompt, const linnet_generate_options& options, TextSink sink,
                linnet_generated* out);

/// The same from ids to ids, which a null tokenizer gives no text to. See linnet_generate_ids.
Status generate_ids(Writer writer, const Model& model, const Tokenizer* tokenizer,
                    std::span<const int32_t> prompt, const linnet_generate_options& options,
                    TokenSink sink, linnet_generated* out);

}  // namespace linnet
