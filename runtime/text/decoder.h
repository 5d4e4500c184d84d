#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"
#include "runtime/model/tokenizer_data.h"

namespace linnet {

/// Texts that lie one after another.
class TextList {
 public:
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }
  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  [[nodiscard]] bool reserve(size_t bytes, size_t texts) {
    return bytes_.reserve(bytes) && ends_.reserve(texts);
  }

  /// Adds to the text that is being written, and ends it. False when memory is not to be had.
  [[nodiscard]] bool write(std::string_view part) {
    return bytes_.append(part.data(), part.size());
  }
  [[nodiscard]] bool end() { return ends_.push(bytes_.size()); }
  [[nodiscard]] bool add(std::string_view text) { return write(text) && end(); }

  /// The text that is being written, and taking it back.
  std::string_view written() const { return bytes().substr(ends_.empty() ? 0 : ends_.back()); }
  void take_back() { bytes_.truncate(bytes_.size() - written().size()); }

 private:
  List<char> bytes_;
  List<size_t> ends_;
};

/// Memory of decoding, to be used again.
struct DecodeScratch {
  TextList from;
  TextList to;
};

/// Turns the texts of a row of tokens into one text: the steps of a tokenizer, one after another,
/// as Hugging Face's tokenizers define them. A view of the tables.
class Decoder {
 public:
  void open(const TokenizerData& data) { steps_ = data.decoders.span(); }

  bool empty() const { return steps_.empty(); }

  /// Decodes what stands in `scratch.from`; the result stands there afterwards. `beginning`: the
  /// tokens begin a text. If not, they go on with one, of which more may follow: the first is
  /// treated like any other, and bytes that make no character yet stay as they are. False when
  /// memory is not to be had, or the text grows beyond longest_after_steps.
  [[nodiscard]] bool run(DecodeScratch& scratch, bool beginning) const;

 private:
  std::span<const DecoderStep> steps_;
};

}  // namespace linnet
