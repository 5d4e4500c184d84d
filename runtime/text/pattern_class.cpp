#include "runtime/text/pattern_class.h"

namespace linnet {
namespace {

constexpr int kMostNestedClasses = 8;

Status no_memory() {
  return Status::error(LINNET_OUT_OF_MEMORY, "no memory for a regular expression");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads at most `most` hexadecimal digits.
Status read_hex(PatternReader& reader, int most, char32_t& out) {
  int count = 0;
  out = 0;
  for (; count < most && hex_digit(reader.peek()) >= 0; ++count) {
    out = out << 4 | static_cast<char32_t>(hex_digit(reader.peek()));
    ++reader.position;
  }
  if (count == 0) return malformed_pattern(reader, "hexadecimal digits are missing");
  if (out > 0x10FFFF) return malformed_pattern(reader, "a code point is above 10FFFF");
  return Status::ok();
}

// The character that \x41, \x{41} or \u0041 stands for, from after the x or u.
Status read_code_point(PatternReader& reader, char letter, char32_t& out) {
  if (letter == 'x' && reader.skip("{")) {
    if (Status status = read_hex(reader, 8, out); status.failed()) return status;
    return reader.skip("}") ? Status::ok() : malformed_pattern(reader, "'}' is missing");
  }
  return read_hex(reader, letter == 'x' ? 2 : 4, out);
}

// The character that a backslash and `c` stand for.
Status read_escaped_character(PatternReader& reader, char32_t c, char32_t& out) {
  const bool ascii_letter_or_digit =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  out = c;
  if (!ascii_letter_or_digit) return Status::ok();
  switch (c) {
    case 'n':
      out = '\n';
      return Status::ok();
    case 'r':
      out = '\r';
      return Status::ok();
    case 't':
      out = '\t';
      return Status::ok();
    case 'f':
      out = '\f';
      return Status::ok();
    case 'v':
      out = '\v';
      return Status::ok();
    case 'a':
      out = '\a';
      return Status::ok();
    case 'e':
      out = 0x1B;
      return Status::ok();
    case 'x':
    case 'u':
      return read_code_point(reader, static_cast<char>(c), out);
    default:
      return unsupported_pattern(reader, "this escape is not supported");
  }
}

// {Name} or {^Name} after \p or \P.
Status read_property(PatternReader& reader, bool negated, CategoryMask& out) {
  if (!reader.skip("{")) return malformed_pattern(reader, "'{' is missing after \\p");
  if (reader.skip("^")) negated = !negated;
  const size_t end = reader.text.find('}', reader.position);
  if (end == std::string_view::npos) return malformed_pattern(reader, "'}' is missing after \\p{");
  const std::string_view name = reader.text.substr(reader.position, end - reader.position);
  const CategoryMask mask = categories_named(name.data(), static_cast<unsigned>(name.size()));
  if (mask == 0) {
    return unsupported_pattern(reader,
                               "only general categories such as L or Lu can stand in \\p{}");
  }
  reader.position = end + 1;
  out = negated ? kAllCategories & ~mask : mask;
  return Status::ok();
}

// Adds the set that a backslash and `c` name; `was_set` is false when it is no set's letter.
Status read_escaped_set(PatternReader& reader, char32_t c, CharSet& set, bool& was_set) {
  was_set = true;
  switch (c) {
    case 's':
      set.white_space = true;
      return Status::ok();
    case 'S':
      set.not_white_space = true;
      return Status::ok();
    case 'w':
      set.word = true;
      return Status::ok();
    case 'W':
      set.not_word = true;
      return Status::ok();
    case 'd':
      set.categories |= categories_named("Nd", 2);
      return Status::ok();
    case 'D':
      set.categories |= kAllCategories & ~categories_named("Nd", 2);
      return Status::ok();
    case 'p':
    case 'P': {
      CategoryMask mask = 0;
      if (Status status = read_property(reader, c == 'P', mask); status.failed()) return status;
      set.categories |= mask;
      return Status::ok();
    }
    default:
      was_set = false;
      return Status::ok();
  }
}

// One character of a bracket expression, or a set within it.
Status read_member(PatternReader& reader, CharSet& set, char32_t& out, bool& was_set) {
  was_set = false;
  out = reader.take();
  if (out != '\\') return Status::ok();
  if (reader.at_end()) return malformed_pattern(reader, "a backslash ends it");
  const char32_t c = reader.take();
  if (c == 'b') {  // between brackets a backspace, not a word's edge
    out = '\b';
    return Status::ok();
  }
  if (Status status = read_escaped_set(reader, c, set, was_set); status.failed() || was_set) {
    return status;
  }
  return read_escaped_character(reader, c, out);
}

// A range's last character, from after the '-'.
Status read_range_end(PatternReader& reader, CharSet& set, CharRange& range) {
  bool was_set = false;
  if (Status status = read_member(reader, set, range.last, was_set); status.failed()) return status;
  if (was_set) return malformed_pattern(reader, "a range can't end in a set");
  if (range.last < range.first) return malformed_pattern(reader, "a range runs backwards");
  return Status::ok();
}

Status read_members(PatternReader& reader, int depth, CharSet& set, PatternProgram& program);

// [...] inside [...]: its members join the outer ones.
Status read_nested_class(PatternReader& reader, int depth, CharSet& set, PatternProgram& program) {
  if (reader.peek() == ':') return unsupported_pattern(reader, "[:name:] is not supported");
  if (reader.peek() == '^') return unsupported_pattern(reader, "[^ inside [ is not supported");
  if (depth == kMostNestedClasses) return unsupported_pattern(reader, "'[' is nested too deeply");
  return read_members(reader, depth + 1, set, program);
}

Status read_members(PatternReader& reader, int depth, CharSet& set, PatternProgram& program) {
  bool first = true;
  while (!reader.at_end()) {
    if (reader.peek() == ']' && !first) {
      ++reader.position;
      return Status::ok();
    }
    first = false;
    if (reader.skip("[")) {
      if (Status s = read_nested_class(reader, depth, set, program); s.failed()) return s;
      continue;
    }
    if (reader.text.substr(reader.position).starts_with("&&")) {
      return unsupported_pattern(reader, "&& is not supported");
    }
    CharRange range = {};
    bool was_set = false;
    if (Status s = read_member(reader, set, range.first, was_set); s.failed()) return s;
    if (was_set) continue;
    range.last = range.first;
    if (reader.peek() == '-' && reader.peek(1) != ']' && reader.peek(1) != '\0') {
      ++reader.position;
      if (Status s = read_range_end(reader, set, range); s.failed()) return s;
    }
    if (!program.ranges.push(range)) return no_memory();
  }
  return malformed_pattern(reader, "']' is missing");
}

}  // namespace

Atom atom_of(char32_t code_point, bool folded) {
  if (!folded) return {AtomKind::character, code_point};
  return {AtomKind::folded_character, fold_case(code_point)};
}

Status add_set(CharSet set, PatternProgram& program, Atom& out) {
  set.seal(program.ranges.span());
  out = {AtomKind::set, static_cast<uint32_t>(program.sets.size())};
  return program.sets.push(set) ? Status::ok() : no_memory();
}

Status read_escape(PatternReader& reader, bool folded, PatternProgram& program, Atom& out) {
  if (reader.at_end()) return malformed_pattern(reader, "a backslash ends it");
  const char32_t c = reader.take();
  CharSet set;
  set.folded = folded;
  bool was_set = false;
  if (Status status = read_escaped_set(reader, c, set, was_set); status.failed()) return status;
  if (was_set) return add_set(set, program, out);
  char32_t code_point = 0;
  if (Status status = read_escaped_character(reader, c, code_point); status.failed()) return status;
  out = atom_of(code_point, folded);
  return Status::ok();
}

Status read_class(PatternReader& reader, bool folded, PatternProgram& program, Atom& out) {
  CharSet set;
  set.folded = folded;
  set.negated = reader.skip("^");
  set.first_range = static_cast<uint32_t>(program.ranges.size());
  if (Status status = read_members(reader, 0, set, program); status.failed()) return status;
  set.range_count = static_cast<uint32_t>(program.ranges.size()) - set.first_range;
  return add_set(set, program, out);
}

}  // namespace linnet
