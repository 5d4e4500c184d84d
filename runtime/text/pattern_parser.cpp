#include "runtime/text/pattern_parser.h"

#include "runtime/text/pattern_class.h"

namespace linnet {

Status malformed_pattern(const PatternReader& reader, const char* what) {
  return Status::error(LINNET_INVALID_MODEL, "character %zu of the regular expression: %s",
                       reader.position, what);
}

Status unsupported_pattern(const PatternReader& reader, const char* what) {
  return Status::error(LINNET_UNSUPPORTED, "character %zu of the regular expression: %s",
                       reader.position, what);
}

namespace {

constexpr int kMostNestedGroups = 16;
constexpr int kMostQuantifiersOfOneTerm = 2;
constexpr uint32_t kMostRepeats = 100000;  // as Oniguruma has it

/// Recursive descent: alternation > sequence > quantified term > group.
class Parser {
 public:
  Parser(std::string_view text, PatternTree& tree, PatternProgram& program)
      : reader_{text}, tree_(tree), program_(program) {}

  Status parse() {
    if (Status status = read_alternation(tree_.root); status.failed()) return status;
    return reader_.at_end() ? Status::ok() : malformed_pattern(reader_, "')' without its '('");
  }

 private:
  Status read_alternation(uint32_t& out);
  Status read_sequence(uint32_t& out);
  Status read_quantified(uint32_t& out);
  Status read_term(uint32_t& out);
  Status read_group(uint32_t& out);
  Status read_group_kind(Op& op, bool& ends_here);
  Status read_flags(bool& ends_here);
  Status read_quantifier(PatternRepeat& repeat, bool& found);
  bool read_interval(PatternRepeat& repeat);
  bool read_number(uint32_t& out);

  Status add(PatternNode node, uint32_t& out);
  Status add_atom(Atom atom, uint32_t& out) {
    return add({NodeKind::atom, Op::atom, atom, kNoNode, kNoNode}, out);
  }
  Status add_assertion(Op op, uint32_t& out) {
    return add({NodeKind::assertion, op, {}, kNoNode, kNoNode}, out);
  }

  PatternReader reader_;
  PatternTree& tree_;
  PatternProgram& program_;
  bool folded_ = false;  // (?i) holds here
  int depth_ = 0;
};

Status Parser::add(PatternNode node, uint32_t& out) {
  out = static_cast<uint32_t>(tree_.nodes.size());
  if (!tree_.nodes.push(node) || !tree_.repeats.push({})) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a regular expression");
  }
  return Status::ok();
}

Status Parser::read_alternation(uint32_t& out) {
  if (Status status = add({NodeKind::alternation}, out); status.failed()) return status;
  uint32_t last = kNoNode;
  do {
    uint32_t child = kNoNode;
    if (Status status = read_sequence(child); status.failed()) return status;
    (last == kNoNode ? tree_.nodes[out].first_child : tree_.nodes[last].next) = child;
    last = child;
  } while (reader_.skip("|"));
  return Status::ok();
}

Status Parser::read_sequence(uint32_t& out) {
  if (Status status = add({NodeKind::sequence}, out); status.failed()) return status;
  uint32_t last = kNoNode;
  while (!reader_.at_end() && reader_.peek() != '|' && reader_.peek() != ')') {
    uint32_t child = kNoNode;
    if (Status status = read_quantified(child); status.failed()) return status;
    if (child == kNoNode) continue;  // flags only
    (last == kNoNode ? tree_.nodes[out].first_child : tree_.nodes[last].next) = child;
    last = child;
  }
  return Status::ok();
}

Status Parser::read_quantified(uint32_t& out) {
  if (Status status = read_term(out); status.failed() || out == kNoNode) return status;
  for (int count = 0;; ++count) {
    PatternRepeat repeat;
    bool found = false;
    if (Status status = read_quantifier(repeat, found); status.failed() || !found) return status;
    if (count == kMostQuantifiersOfOneTerm)
      return unsupported_pattern(reader_, "too many quantifiers");
    if (count > 0) {  // a quantifier of a quantified term: the term becomes a group
      const uint32_t inner = out;
      PatternNode group = {NodeKind::sequence};
      group.first_child = inner;
      if (Status status = add(group, out); status.failed()) return status;
    }
    tree_.repeats[out] = repeat;
  }
}

Status Parser::read_term(uint32_t& out) {
  if (reader_.skip("(")) return read_group(out);
  if (reader_.skip("^")) return add_assertion(Op::line_begin, out);
  if (reader_.skip("$")) return add_assertion(Op::line_end, out);
  if (reader_.skip("\\A")) return add_assertion(Op::text_begin, out);
  if (reader_.skip("\\z")) return add_assertion(Op::text_end, out);
  Atom atom;
  Status status = Status::ok();
  if (reader_.skip("[")) {
    status = read_class(reader_, folded_, program_, atom);
  } else if (reader_.skip("\\")) {
    status = read_escape(reader_, folded_, program_, atom);
  } else if (reader_.skip(".")) {
    CharSet anything_but_newline;
    anything_but_newline.negated = true;
    anything_but_newline.first_range = static_cast<uint32_t>(program_.ranges.size());
    anything_but_newline.range_count = 1;
    if (!program_.ranges.push({'\n', '\n'})) {
      return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a regular expression");
    }
    status = add_set(anything_but_newline, program_, atom);
  } else if (reader_.peek() == '*' || reader_.peek() == '+' || reader_.peek() == '?') {
    return malformed_pattern(reader_, "a quantifier has nothing before it");
  } else {
    atom = atom_of(reader_.take(), folded_);
  }
  return status.failed() ? status : add_atom(atom, out);
}

Status Parser::read_group(uint32_t& out) {
  if (depth_ == kMostNestedGroups) {
    return unsupported_pattern(reader_, "groups are nested too deeply");
  }
  const bool folded_outside = folded_;
  Op op = Op::accept;
  bool ends_here = false;
  if (Status status = read_group_kind(op, ends_here); status.failed()) return status;
  if (ends_here) {  // (?i) holds from here to the end of the group around it
    out = kNoNode;
    return Status::ok();
  }
  ++depth_;
  uint32_t inside = kNoNode;
  if (Status status = read_alternation(inside); status.failed()) return status;
  --depth_;
  folded_ = folded_outside;
  if (!reader_.skip(")")) return malformed_pattern(reader_, "')' is missing");
  PatternNode group = {op == Op::accept ? NodeKind::sequence : NodeKind::group, op};
  group.first_child = inside;
  return add(group, out);
}

// What stands between '(' and the group's content; `op` stays as it is for a plain group.
Status Parser::read_group_kind(Op& op, bool& ends_here) {
  if (!reader_.skip("?")) return Status::ok();
  if (reader_.skip(":")) return Status::ok();
  if (reader_.skip("=")) {
    op = Op::look;
  } else if (reader_.skip("!")) {
    op = Op::look_not;
  } else if (reader_.skip(">")) {
    op = Op::atomic;
  } else if (reader_.skip("<=") || reader_.skip("<!")) {
    return unsupported_pattern(reader_, "looking behind is not supported");
  } else if (reader_.peek() == '<') {
    const size_t end = reader_.text.find('>', reader_.position);
    if (end == std::string_view::npos) return malformed_pattern(reader_, "'>' is missing");
    reader_.position = end + 1;  // a named group: the name means nothing here
  } else {
    return read_flags(ends_here);
  }
  return Status::ok();
}

Status Parser::read_flags(bool& ends_here) {
  const size_t group_start = reader_.position - 2;  // of "(?"
  bool on = true;
  for (;;) {
    if (reader_.skip(":")) return Status::ok();
    if (reader_.skip(")")) break;
    if (reader_.skip("-")) {
      on = false;
    } else if (reader_.skip("i")) {
      folded_ = on;
    } else {
      return unsupported_pattern(reader_, "only the flag i is supported in (?…)");
    }
  }
  // Elsewhere it would take the alternatives after it into its scope.
  const char before = group_start == 0 ? '(' : reader_.text[group_start - 1];
  if (before != '(' && before != ':') {
    return unsupported_pattern(reader_, "(?i) is supported at the start of a group only");
  }
  ends_here = true;
  return Status::ok();
}

Status Parser::read_quantifier(PatternRepeat& repeat, bool& found) {
  found = true;
  if (reader_.skip("?")) {
    repeat = {0, 1, Greed::greedy};
  } else if (reader_.skip("*")) {
    repeat = {0, kUnbounded, Greed::greedy};
  } else if (reader_.skip("+")) {
    repeat = {1, kUnbounded, Greed::greedy};
  } else if (read_interval(repeat)) {
    const bool fixed = repeat.minimum == repeat.maximum;
    if (repeat.maximum != kUnbounded && repeat.maximum > kMostRepeats) {
      return unsupported_pattern(reader_, "an interval is too large");
    }
    if (repeat.minimum > repeat.maximum) return malformed_pattern(reader_, "an interval is empty");
    // {n}? means "n or none", and {m,n}+ is not possessive: the sign is a quantifier of its own.
    if (!fixed && reader_.skip("?")) repeat.greed = Greed::lazy;
    return Status::ok();
  } else {
    found = false;
    return Status::ok();
  }
  if (reader_.skip("+")) {
    repeat.greed = Greed::possessive;
  } else if (reader_.skip("?")) {
    repeat.greed = Greed::lazy;
  }
  return Status::ok();
}

// {m}, {m,}, {m,n} or {,n}; anything else in braces is plain text.
bool Parser::read_interval(PatternRepeat& repeat) {
  const size_t start = reader_.position;
  if (!reader_.skip("{")) return false;
  uint32_t minimum = 0;
  uint32_t maximum = 0;
  const bool has_minimum = read_number(minimum);
  bool has_maximum = has_minimum;
  if (reader_.skip(",")) {
    has_maximum = read_number(maximum);
    if (!has_maximum) maximum = kUnbounded;
  } else {
    maximum = minimum;
  }
  if ((!has_minimum && !has_maximum) || !reader_.skip("}")) {
    reader_.position = start;
    return false;
  }
  repeat = {minimum, maximum, Greed::greedy};
  return true;
}

bool Parser::read_number(uint32_t& out) {
  const size_t start = reader_.position;
  out = 0;
  while (reader_.peek() >= '0' && reader_.peek() <= '9') {
    out = out > kMostRepeats ? out : out * 10 + static_cast<uint32_t>(reader_.peek() - '0');
    ++reader_.position;
  }
  return reader_.position > start;
}

}  // namespace

Status parse_pattern(std::string_view text, PatternTree& tree, PatternProgram& program) {
  return Parser(text, tree, program).parse();
}

}  // namespace linnet
