#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/list.h"
#include "runtime/base/status.h"
#include "runtime/text/pattern_program.h"
#include "runtime/text/utf8.h"

namespace linnet {

constexpr uint32_t kNoNode = UINT32_MAX;

enum class NodeKind : uint8_t {
  sequence,     ///< the children, one after another
  alternation,  ///< the first child that lets the rest match
  atom,
  assertion,  ///< `op`, a condition on the place
  group       ///< the child, under `op`: look, look_not or atomic
};

/// A part of a pattern, repeated `minimum` to `maximum` times. Children are linked by `next`.
struct PatternNode {
  NodeKind kind = NodeKind::sequence;
  Op op = Op::accept;
  Atom atom = {};
  uint32_t first_child = kNoNode;
  uint32_t next = kNoNode;
};

/// How often a node occurs. A node that is not repeated has none of these around it.
struct PatternRepeat {
  uint32_t minimum = 1;
  uint32_t maximum = 1;
  Greed greed = Greed::greedy;
};

/// A pattern as a tree. Node i is repeated as repeats[i] says.
struct PatternTree {
  List<PatternNode> nodes;
  List<PatternRepeat> repeats;
  uint32_t root = kNoNode;
};

/// A place in the text of a pattern.
struct PatternReader {
  std::string_view text;
  size_t position = 0;

  bool at_end() const { return position == text.size(); }
  char peek(size_t ahead = 0) const {
    return position + ahead < text.size() ? text[position + ahead] : '\0';
  }
  bool skip(std::string_view prefix) {
    if (!text.substr(position).starts_with(prefix)) return false;
    position += prefix.size();
    return true;
  }
  /// The next character, which there must be.
  char32_t take() {
    const Utf8Character character = decode_utf8(text, position);
    position += character.size;
    return character.code_point;
  }
};

/// "character 12 of the pattern: …", for what is written wrongly there.
Status malformed_pattern(const PatternReader& reader, const char* what);

/// The same for what is right but not built in.
Status unsupported_pattern(const PatternReader& reader, const char* what);

}  // namespace linnet
