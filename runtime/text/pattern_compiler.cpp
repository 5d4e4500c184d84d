#include "runtime/text/pattern_compiler.h"

#include "runtime/text/pattern_parser.h"

namespace linnet {
namespace {

constexpr size_t kMostPatternBytes = 16384;
constexpr size_t kMostInstructions = 16384;

/// Walks the tree and writes code. Its recursion is as deep as the groups nest.
class Compiler {
 public:
  Compiler(const PatternTree& tree, PatternProgram& program) : tree_(tree), program_(program) {}

  Status compile() {
    if (Status status = emit(tree_.root); status.failed()) return status;
    return add({Op::accept});
  }

 private:
  Status emit(uint32_t node);
  Status emit_once(uint32_t node);
  Status emit_sequence(uint32_t first);
  Status emit_alternation(uint32_t first);
  Status emit_block(Op op, uint32_t child);
  Status emit_repeated(uint32_t node);
  Status emit_loop(uint32_t node);
  Status emit_options(uint32_t node, uint32_t count);

  bool may_be_empty(uint32_t node) const;
  bool may_be_empty_once(uint32_t node) const;

  Status add(Instruction instruction);
  uint32_t here() const { return static_cast<uint32_t>(program_.code.size()); }
  // A split that prefers the code right after it, or with `lazy` the place set later.
  Status add_split(bool lazy, uint32_t& out) {
    out = here();
    const uint32_t next = out + 1;
    return add({Op::split, Greed::greedy, {}, lazy ? 0 : next, lazy ? next : 0});
  }
  void set_split_target(uint32_t split, bool lazy) {
    (lazy ? program_.code[split].first : program_.code[split].second) = here();
  }

  const PatternTree& tree_;
  PatternProgram& program_;
  size_t visits_ = 0;
};

Status Compiler::add(Instruction instruction) {
  if (program_.code.size() == kMostInstructions) {
    return Status::error(LINNET_UNSUPPORTED, "the regular expression is too large");
  }
  return program_.code.push(instruction)
             ? Status::ok()
             : Status::error(LINNET_OUT_OF_MEMORY, "no memory for a regular expression");
}

Status Compiler::emit(uint32_t node) {
  // Counts copies of groups that hold no code, too.
  if (++visits_ > 4 * kMostInstructions) {
    return Status::error(LINNET_UNSUPPORTED, "the regular expression is too large");
  }
  const PatternRepeat& repeat = tree_.repeats[node];
  const bool once = repeat.minimum == 1 && repeat.maximum == 1;
  if (once) return emit_once(node);
  const PatternNode& part = tree_.nodes[node];
  if (part.kind == NodeKind::atom) {
    return add({Op::repeat, repeat.greed, part.atom, repeat.minimum, repeat.maximum});
  }
  if (repeat.greed != Greed::possessive) return emit_repeated(node);
  const uint32_t start = here();
  if (Status status = add({Op::atomic}); status.failed()) return status;
  if (Status status = emit_repeated(node); status.failed()) return status;
  if (Status status = add({Op::accept}); status.failed()) return status;
  program_.code[start].first = here();
  return Status::ok();
}

Status Compiler::emit_once(uint32_t node) {
  const PatternNode& part = tree_.nodes[node];
  switch (part.kind) {
    case NodeKind::sequence:
      return emit_sequence(part.first_child);
    case NodeKind::alternation:
      return emit_alternation(part.first_child);
    case NodeKind::atom:
      return add({Op::atom, Greed::greedy, part.atom});
    case NodeKind::assertion:
      return add({part.op});
    case NodeKind::group:
      return emit_block(part.op, part.first_child);
  }
  return Status::error(LINNET_INTERNAL, "a regular expression's tree holds an unknown node");
}

Status Compiler::emit_sequence(uint32_t first) {
  for (uint32_t node = first; node != kNoNode; node = tree_.nodes[node].next) {
    if (Status status = emit(node); status.failed()) return status;
  }
  return Status::ok();
}

// split A, B; A; jump end; B: split B, C; …
Status Compiler::emit_alternation(uint32_t first) {
  uint32_t previous_jump = kNoNode;  // jumps to the end are linked through their targets until then
  for (uint32_t node = first; node != kNoNode; node = tree_.nodes[node].next) {
    const bool last = tree_.nodes[node].next == kNoNode;
    uint32_t split = 0;
    if (!last) {
      if (Status status = add_split(false, split); status.failed()) return status;
    }
    if (Status status = emit(node); status.failed()) return status;
    if (last) break;
    const uint32_t jump = here();
    if (Status status = add({Op::jump}); status.failed()) return status;
    program_.code[jump].first = previous_jump;
    previous_jump = jump;
    set_split_target(split, false);
  }
  while (previous_jump != kNoNode) {
    const uint32_t next = program_.code[previous_jump].first;
    program_.code[previous_jump].first = here();
    previous_jump = next;
  }
  return Status::ok();
}

Status Compiler::emit_block(Op op, uint32_t child) {
  const uint32_t start = here();
  if (Status status = add({op}); status.failed()) return status;
  if (Status status = emit(child); status.failed()) return status;
  if (Status status = add({Op::accept}); status.failed()) return status;
  program_.code[start].first = here();
  return Status::ok();
}

Status Compiler::emit_repeated(uint32_t node) {
  const PatternRepeat& repeat = tree_.repeats[node];
  for (uint32_t i = 0; i < repeat.minimum; ++i) {
    if (++visits_ > 4 * kMostInstructions) {
      return Status::error(LINNET_UNSUPPORTED, "the regular expression is too large");
    }
    if (Status status = emit_once(node); status.failed()) return status;
  }
  if (repeat.maximum == kUnbounded) return emit_loop(node);
  return emit_options(node, repeat.maximum - repeat.minimum);
}

// L: split body, end; body; jump L; end:
Status Compiler::emit_loop(uint32_t node) {
  if (may_be_empty_once(node)) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the regular expression repeats without bound what can match nothing");
  }
  const bool lazy = tree_.repeats[node].greed == Greed::lazy;
  uint32_t split = 0;
  if (Status status = add_split(lazy, split); status.failed()) return status;
  if (Status status = emit_once(node); status.failed()) return status;
  if (Status status = add({Op::jump, Greed::greedy, {}, split}); status.failed()) return status;
  set_split_target(split, lazy);
  return Status::ok();
}

// split body, end; body; split body, end; body; … end:
Status Compiler::emit_options(uint32_t node, uint32_t count) {
  const bool lazy = tree_.repeats[node].greed == Greed::lazy;
  uint32_t previous_split = kNoNode;  // linked through their targets, as above
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t split = 0;
    if (Status status = add_split(lazy, split); status.failed()) return status;
    Instruction& code = program_.code[split];
    (lazy ? code.first : code.second) = previous_split;
    previous_split = split;
    if (Status status = emit_once(node); status.failed()) return status;
  }
  while (previous_split != kNoNode) {
    const Instruction& code = program_.code[previous_split];
    const uint32_t next = lazy ? code.first : code.second;
    set_split_target(previous_split, lazy);
    previous_split = next;
  }
  return Status::ok();
}

bool Compiler::may_be_empty(uint32_t node) const {
  return tree_.repeats[node].minimum == 0 || may_be_empty_once(node);
}

bool Compiler::may_be_empty_once(uint32_t node) const {
  const PatternNode& part = tree_.nodes[node];
  switch (part.kind) {
    case NodeKind::atom:
      return false;
    case NodeKind::assertion:
      return true;
    case NodeKind::group:
      return part.op != Op::atomic || may_be_empty(part.first_child);
    case NodeKind::sequence:
      for (uint32_t i = part.first_child; i != kNoNode; i = tree_.nodes[i].next) {
        if (!may_be_empty(i)) return false;
      }
      return true;
    case NodeKind::alternation:
      for (uint32_t i = part.first_child; i != kNoNode; i = tree_.nodes[i].next) {
        if (may_be_empty(i)) return true;
      }
      return false;
  }
  return true;
}

}  // namespace

Status compile_pattern(std::string_view text, PatternProgram& program) {
  if (text.size() > kMostPatternBytes) {
    return Status::error(LINNET_UNSUPPORTED,
                         "the regular expression has %zu bytes, %zu are allowed", text.size(),
                         kMostPatternBytes);
  }
  if (find_malformed_utf8(text) != text.size()) {
    return Status::error(LINNET_INVALID_MODEL, "the regular expression is not UTF-8");
  }
  PatternTree tree;
  if (Status status = parse_pattern(text, tree, program); status.failed()) return status;
  return Compiler(tree, program).compile();
}

}  // namespace linnet
