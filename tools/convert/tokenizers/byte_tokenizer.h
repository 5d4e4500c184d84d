#pragma once

#include "tools/convert/tokenizers/tokenizer_tables.h"

namespace linnet::convert {

/// 256 tokens, one per byte.
TokenizerTables byte_tokenizer();

}  // namespace linnet::convert
