#include "tools/linnet/text_codec.h"

#include <filesystem>
#include <new>
#include <stdexcept>
#include <utility>

#include "runtime/text/tokenizer.h"
#include "tools/convert/tokenizers/hf_tokenizer.h"
#include "tools/convert/tokenizers/rwkv_vocab.h"
#include "tools/linnet/open_model.h"

namespace linnet::cli {
namespace {

/// The tokenizer inside a .linnet file.
class ModelCodec : public TextCodec {
 public:
  explicit ModelCodec(const std::string& path) : model_(open_model(path)) {
    if (model_.describe().has_tokenizer) return;
    throw std::runtime_error(path + " has no tokenizer: convert the model again with --tokenizer");
  }

  std::vector<int32_t> encode(std::string_view text, bool special_tokens) const override {
    std::vector<int32_t> ids;
    require(model_.tokenize(text, special_tokens, &ids));
    return ids;
  }

  std::string decode(std::span<const int32_t> ids, bool special_tokens) const override {
    std::string text;
    require(model_.detokenize(ids, special_tokens, &text));
    return text;
  }

 private:
  Model model_;
};

/// Tables read by the converter, run by the runtime's tokenizer.
class TablesCodec : public TextCodec {
 public:
  explicit TablesCodec(convert::TokenizerTables tables)
      : tables_(std::move(tables)), view_(tables_.view()) {
    check(tokenizer_.open(view_));
  }

  std::vector<int32_t> encode(std::string_view text, bool special_tokens) const override {
    List<int32_t> ids;
    check(tokenizer_.encode(text, special_tokens, ids));
    return {ids.begin(), ids.end()};
  }

  std::string decode(std::span<const int32_t> ids, bool special_tokens) const override {
    List<char> bytes;
    check(tokenizer_.decode(ids, special_tokens, bytes));
    return {bytes.begin(), bytes.end()};
  }

 private:
  static void check(const Status& status) {
    if (status.failed()) throw std::runtime_error(status.message());
  }

  convert::TokenizerTables tables_;
  TokenizerData view_;
  Tokenizer tokenizer_;
};

}  // namespace

std::unique_ptr<TextCodec> open_text_codec(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".json" || convert::has_hf_tokenizer(path)) {
    return std::make_unique<TablesCodec>(convert::read_hf_tokenizer(path));
  }
  if (extension == ".txt") {
    return std::make_unique<TablesCodec>(convert::read_rwkv_vocab(path));
  }
  return std::make_unique<ModelCodec>(path);
}

}  // namespace linnet::cli
