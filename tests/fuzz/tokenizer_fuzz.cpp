// A tokenizer.json or, where the input does not begin as JSON does, a vocabulary of RWKV World;
// then texts through the tokenizer and back.
#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "runtime/text/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/convert/tokenizers/hf_tokenizer.h"
#include "tools/convert/tokenizers/rwkv_vocab.h"

namespace {

using linnet::List;
using linnet::Tokenizer;
using linnet::convert::TokenizerTables;

TokenizerTables parse(std::string_view text) {
  return text.starts_with('{') ? linnet::convert::parse_hf_tokenizer(text, "tokenizer.json")
                               : linnet::convert::parse_rwkv_vocab(text, "vocabulary");
}

void encode_and_decode(const Tokenizer& tokenizer, std::string_view text) {
  List<int32_t> ids;
  List<int32_t> types;
  List<char> bytes;
  const linnet::TextPair pair = {.first = text, .second = "b a", .has_second = true};
  if (tokenizer.encode(text, true, ids).failed()) return;
  if (tokenizer.encode_pair(pair, true, ids, types).failed()) return;
  (void)tokenizer.decode({ids.data(), ids.size()}, false, bytes).failed();
}

void decode_all(const Tokenizer& tokenizer, uint32_t vocabulary) {
  constexpr uint32_t most_ids = 512;
  std::vector<int32_t> ids(std::min(vocabulary, most_ids) + 1);
  std::iota(ids.begin(), ids.end(), 0);  // the last one may be outside of the vocabulary
  List<char> bytes;
  (void)tokenizer.decode(ids, true, bytes).failed();
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const TokenizerTables tables = parse(text);
    const linnet::TokenizerData view = tables.view();
    Tokenizer tokenizer;
    if (tokenizer.open(view).failed()) return 0;
    encode_and_decode(tokenizer, "Call me Ishmael, 1851.\n\tWhere\r\n  IT'll é☃ \xf0\x9f\x98\x80");
    encode_and_decode(tokenizer, std::string_view("\0\xff\xc3 a\xed\xa0\x80 bc\xe2\x81", 13));
    encode_and_decode(tokenizer, text.substr(text.size() - std::min<size_t>(text.size(), 64)));
    decode_all(tokenizer, tables.vocabulary);
  } catch (const std::runtime_error&) {  // refused with a message
  }
  return 0;
}
