#pragma once

#include <string_view>

#include "runtime/base/list.h"

// Steps of normalisation that look at one character at a time. Each adds `text` as it makes it to
// `out`; false when memory is not to be had.
namespace linnet {

[[nodiscard]] bool append_lower_case(std::string_view text, List<char>& out);

/// Drops combining marks (general category M).
[[nodiscard]] bool append_without_marks(std::string_view text, List<char>& out);

/// Drops nonspacing marks (Mn), as BERT's tokenizer does after decomposing.
[[nodiscard]] bool append_without_nonspacing_marks(std::string_view text, List<char>& out);

/// Control characters but for tab and line breaks, U+0000 and U+FFFD: what append_bert_clean drops.
bool is_dropped_by_bert_clean(char32_t code_point);

/// Drops those; white space becomes a space.
[[nodiscard]] bool append_bert_clean(std::string_view text, List<char>& out);

/// Puts a space on either side of Chinese characters.
[[nodiscard]] bool append_with_ideographs_apart(std::string_view text, List<char>& out);

/// ASCII's control characters but for tab and line breaks: what append_nmt drops.
bool is_dropped_by_nmt(char32_t code_point);

/// The rules of SentencePiece's "nmt": drops those; others that break or join words become a space.
[[nodiscard]] bool append_nmt(std::string_view text, List<char>& out);

/// Replaces every `pattern`, which is not empty, from the left.
[[nodiscard]] bool append_replaced(std::string_view text, std::string_view pattern,
                                   std::string_view content, List<char>& out);

}  // namespace linnet
