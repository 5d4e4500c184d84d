#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/pattern.h"
#include "runtime/text/tokenizer.h"
#include "tools/convert/tokenizers/hf_tokenizer.h"
#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::test {

/// A tokenizer together with the tables it stands on.
class OpenTokenizer {
 public:
  explicit OpenTokenizer(convert::TokenizerTables tables)
      : tables_(std::move(tables)), data_(tables_.view()) {
    const Status status = tokenizer_.open(data_);
    INFO(status.message());
    REQUIRE(!status.failed());
  }
  explicit OpenTokenizer(const std::string& tokenizer_json)
      : OpenTokenizer(convert::parse_hf_tokenizer(tokenizer_json, "tokenizer.json")) {}

  std::vector<int32_t> encode(std::string_view text, bool special_tokens = false) const {
    List<int32_t> ids;
    REQUIRE(!tokenizer_.encode(text, special_tokens, ids).failed());
    std::vector<int32_t> all;
    for (const int32_t id : ids) all.push_back(id);
    return all;
  }

  std::string decode(const std::vector<int32_t>& ids, bool special_tokens = true) const {
    List<char> bytes;
    REQUIRE(!tokenizer_.decode(ids, special_tokens, bytes).failed());
    return {bytes.begin(), bytes.end()};
  }

  /// The text of each token by itself.
  std::vector<std::string> pieces(std::string_view text) const {
    std::vector<std::string> out;
    for (const int32_t id : encode(text)) out.push_back(decode({id}));
    return out;
  }

  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  convert::TokenizerTables tables_;
  TokenizerData data_;
  Tokenizer tokenizer_;
};

/// A tokenizer.json with a few letters, the space (Ġ), a few merges, and the sections given.
inline std::string small_tokenizer_json(const std::string& sections) {
  return R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "Ġ": 4, "ab": 5,
    "cd": 6, "abcd": 7, "Ġa": 8, "bc": 9, "Ã": 10, "©": 11, "Ã©": 12, "Ċ": 13},
    "merges": ["a b", "c d", "ab cd", "Ġ a", "b c", "Ã ©"]})" +
         (sections.empty() ? "" : ", " + sections) + "}";
}

inline std::string byte_level_section() {
  return R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false})";
}

/// The pieces that a pattern cuts a text into.
inline std::vector<std::string> split(std::string_view pattern, std::string_view text) {
  Pattern compiled;
  const Status status = compiled.compile(pattern);
  INFO(status.message());
  REQUIRE(!status.failed());
  List<PatternChoice> choices;
  PatternSplitter splitter(compiled, text, choices);
  std::vector<std::string> pieces;
  for (Piece piece; splitter.next(piece);) {
    pieces.emplace_back(text.substr(piece.begin, piece.end - piece.begin));
  }
  return pieces;
}

}  // namespace linnet::test
