#include "tools/convert/tokenizers/byte_tokenizer.h"

namespace linnet::convert {

TokenizerTables byte_tokenizer() {
  std::vector<std::string> tokens;
  std::vector<uint32_t> ids;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    tokens.emplace_back(1, static_cast<char>(byte));
    ids.push_back(byte);
  }
  TokenizerTables tables;
  tables.kind = TokenizerKind::bytes;
  tables.set_tokens(tokens);
  tables.set_findable(ids);
  return tables;
}

}  // namespace linnet::convert
