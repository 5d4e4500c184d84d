#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linnet::cli {

/// Text to token ids and back. Every member throws std::runtime_error with a message that says what
/// to do.
class TextCodec {
 public:
  virtual ~TextCodec() = default;

  /// `special_tokens`: put the begin-of-text and the like around the text.
  virtual std::vector<int32_t> encode(std::string_view text, bool special_tokens) const = 0;

  /// `special_tokens`: print special tokens too.
  virtual std::string decode(std::span<const int32_t> ids, bool special_tokens) const = 0;
};

/// The tokenizer of a .linnet file, or a tokenizer by itself: tokenizer.json or another file that
/// 'linnet convert --tokenizer' reads.
std::unique_ptr<TextCodec> open_text_codec(const std::string& path);

}  // namespace linnet::cli
