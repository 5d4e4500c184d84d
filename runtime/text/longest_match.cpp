#include "runtime/text/longest_match.h"

namespace linnet {

bool encode_longest(const SortedTokens& tokens, std::string_view text, List<int32_t>& ids) {
  while (!text.empty()) {
    size_t used = 1;
    const size_t index = tokens.find_longest(text);
    if (index != SortedTokens::kNone) {
      if (!ids.push(static_cast<int32_t>(tokens.id(index)))) return false;
      used = tokens.bytes(index).size();
    }
    text.remove_prefix(used);
  }
  return true;
}

}  // namespace linnet
