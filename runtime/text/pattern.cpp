#include "runtime/text/pattern.h"

#include "runtime/text/pattern_compiler.h"
#include "runtime/text/text_selection.h"
#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr uint64_t kStepsPerByte = 512;
constexpr uint64_t kStepsAtLeast = 1 << 16;
constexpr size_t kMostChoices = 1 << 16;

}  // namespace

Status Pattern::compile(std::string_view text) {
  if (!has_patterns) return left_out("a tokenizer with", "patterns");
  program_ = PatternProgram();
  return compile_pattern(text, program_);
}

PatternSplitter::PatternSplitter(const Pattern& pattern, std::string_view text,
                                 List<PatternChoice>& choices)
    : program_(pattern.program()),
      text_(text),
      choices_(choices),
      steps_left_(kStepsAtLeast + kStepsPerByte * text.size()) {}

bool PatternSplitter::next(Piece& out) {
  if (!has_patterns) return false;  // nothing has been compiled
  for (;;) {
    if (pending_.begin < pending_.end) {
      out = pending_;
      emitted_ = pending_.end;
      pending_ = {};
      return true;
    }
    Piece match = {text_.size(), text_.size(), false};
    if (emitted_ == text_.size()) return false;
    find(match);
    // An empty match is no piece, but it ends the one before it.
    pending_ = match;
    if (emitted_ < match.begin) {
      out = {emitted_, match.begin, false};
      emitted_ = match.begin;
      return true;
    }
  }
}

/// The next match from search_from_ on. One that is empty right after another match doesn't count.
bool PatternSplitter::find(Piece& match) {
  for (size_t start = search_from_; start < text_.size(); start = after_character(start)) {
    size_t end = start;
    const Outcome outcome = exhausted_ ? Outcome::gave_up : this->match(0, start, end);
    if (outcome == Outcome::failed) continue;
    if (outcome == Outcome::gave_up) {
      end = after_character(start);
    } else if (end == start && start == last_match_end_) {
      continue;
    }
    match = {start, end, true};
    search_from_ = end;
    last_match_end_ = end;
    return true;
  }
  search_from_ = text_.size();
  return false;
}

size_t PatternSplitter::after_character(size_t position) const {
  return position + decode_utf8(text_, position).size;
}

/// Runs the code from `instruction` to its accept. Recursion is as deep as look-aheads nest.
PatternSplitter::Outcome PatternSplitter::match(uint32_t instruction, size_t position,
                                                size_t& end) {
  const size_t base = choices_.size();
  bool gave_up = false;
  while (!gave_up) {
    if (steps_left_ == 0) {
      exhausted_ = true;
      break;
    }
    --steps_left_;
    if (program_.code[instruction].op == Op::accept) {
      choices_.truncate(base);
      end = position;
      return Outcome::matched;
    }
    if (!execute(instruction, position, gave_up) && !gave_up &&
        !backtrack(base, instruction, position, gave_up)) {
      return gave_up ? Outcome::gave_up : Outcome::failed;
    }
  }
  choices_.truncate(base);
  return Outcome::gave_up;
}

/// One instruction: goes on to the next, or returns false where it fails.
bool PatternSplitter::execute(uint32_t& instruction, size_t& position, bool& gave_up) {
  const Instruction& code = program_.code[instruction];
  switch (code.op) {
    case Op::atom:
      ++instruction;
      return step(code.atom, position);
    case Op::repeat:
      return repeat(instruction, position, gave_up);
    case Op::split:
      if (fails_at_once(program_.code[code.first], position)) {
        instruction = code.second;
        return true;
      }
      instruction = code.first;
      gave_up = !save({code.second, 0, position, position});
      return !gave_up;
    case Op::jump:
      instruction = code.first;
      return true;
    case Op::look:
    case Op::look_not:
    case Op::atomic:
      return look(instruction, position, gave_up);
    case Op::line_begin:
    case Op::line_end:
    case Op::text_begin:
    case Op::text_end:
      ++instruction;
      return holds(code.op, position);
    case Op::accept:
      break;
  }
  return false;
}

/// True when the next character already rules this instruction out: most alternatives go so, and
/// cost no saved choice.
bool PatternSplitter::fails_at_once(const Instruction& code, size_t position) const {
  const bool needs_one = code.op == Op::atom || (code.op == Op::repeat && code.first > 0);
  return needs_one && !step(code.atom, position);
}

bool PatternSplitter::look(uint32_t& instruction, size_t& position, bool& gave_up) {
  const Instruction& code = program_.code[instruction];
  size_t end = position;
  const Outcome outcome = match(instruction + 1, position, end);
  gave_up = outcome == Outcome::gave_up;
  if (gave_up) return false;
  instruction = code.first;
  if (code.op == Op::atomic) position = end;
  return (outcome == Outcome::matched) == (code.op != Op::look_not);
}

bool PatternSplitter::repeat(uint32_t& instruction, size_t& position, bool& gave_up) {
  const Instruction& code = program_.code[instruction];
  uint32_t count = 0;
  const uint32_t wanted = code.greed == Greed::lazy ? code.first : code.second;
  const size_t limit = position;
  size_t least = limit;  // where the repeat stands after its minimum
  if (code.first > 1 || code.greed == Greed::lazy) {
    least = run_of(code.atom, code.first, position, count);
    if (count < code.first) return false;
    count = 0;
  }
  position = run_of(code.atom, wanted, position, count);
  const uint64_t work = (position - limit) / 4;
  steps_left_ = steps_left_ > work ? steps_left_ - work : 0;
  if (count < code.first) return false;
  if (code.first == 1 && code.greed == Greed::greedy) least = after_character(limit);

  const uint32_t repeat_instruction = instruction++;
  if (code.greed == Greed::lazy && code.second > code.first) {
    gave_up = !save({repeat_instruction, code.second - code.first, position, position});
  } else if (code.greed == Greed::greedy && position > least) {
    gave_up = !save({repeat_instruction, 0, position, least});
  }
  return !gave_up;
}

/// Goes back to the last choice above `base`; false when there is none.
bool PatternSplitter::backtrack(size_t base, uint32_t& instruction, size_t& position,
                                bool& gave_up) {
  while (choices_.size() > base) {
    PatternChoice& choice = choices_.back();
    const Instruction& code = program_.code[choice.instruction];
    if (choice.remaining > 0) {
      const PatternChoice lazy = choice;
      choices_.truncate(choices_.size() - 1);
      if (resume_lazy(lazy, instruction, position, gave_up)) return true;
      if (gave_up) return false;
      continue;
    }
    if (code.op == Op::repeat && choice.position > choice.limit) {
      choice.position = previous_character(text_, choice.position, choice.limit);
      position = choice.position;
      instruction = choice.instruction + 1;
      if (choice.position == choice.limit) choices_.truncate(choices_.size() - 1);
      return true;
    }
    position = choice.position;
    instruction = choice.instruction;
    choices_.truncate(choices_.size() - 1);
    return true;
  }
  return false;
}

/// One more character for a lazy repeat.
bool PatternSplitter::resume_lazy(const PatternChoice& choice, uint32_t& instruction,
                                  size_t& position, bool& gave_up) {
  size_t after = choice.position;
  if (!step(program_.code[choice.instruction].atom, after)) return false;
  const uint32_t remaining = choice.remaining == kUnbounded ? kUnbounded : choice.remaining - 1;
  if (remaining > 0) gave_up = !save({choice.instruction, remaining, after, after});
  position = after;
  instruction = choice.instruction + 1;
  return !gave_up;
}

bool PatternSplitter::save(PatternChoice choice) {
  if (choices_.size() == kMostChoices) return false;
  if (choices_.push(choice)) return true;
  lacks_memory_ = true;
  exhausted_ = true;
  return false;
}

bool PatternSplitter::matches(Atom atom, char32_t c) const {
  switch (atom.kind) {
    case AtomKind::character:
      return c == atom.value;
    case AtomKind::folded_character:
      return fold_case(c) == atom.value;
    case AtomKind::set:
      return program_.sets[atom.value].contains(c, program_.ranges.span());
  }
  return false;
}

bool PatternSplitter::step(Atom atom, size_t& position) const {
  if (position == text_.size()) return false;
  const auto byte = static_cast<uint8_t>(text_[position]);
  if (byte < 0x80) {  // most text: nothing to decode, and sets are looked up
    const bool found = atom.kind == AtomKind::set ? program_.sets[atom.value].contains_low(byte)
                                                  : matches(atom, byte);
    position += found ? 1 : 0;
    return found;
  }
  const Utf8Character character = decode_utf8(text_, position);
  if (!matches(atom, character.code_point)) return false;
  position += character.size;
  return true;
}

/// The end of the longest run of at most `most` characters that match.
size_t PatternSplitter::run_of(Atom atom, uint32_t most, size_t position, uint32_t& count) const {
  while (count < most && position < text_.size() && step(atom, position)) ++count;
  return position;
}

bool PatternSplitter::holds(Op assertion, size_t position) const {
  switch (assertion) {
    case Op::line_begin:
      return position == 0 || text_[position - 1] == '\n';
    case Op::line_end:
      return position == text_.size() || text_[position] == '\n';
    case Op::text_begin:
      return position == 0;
    case Op::text_end:
      return position == text_.size();
    default:
      return false;
  }
}

}  // namespace linnet
