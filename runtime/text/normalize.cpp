#include "runtime/text/normalize.h"

#include <utf8proc.h>

#include <cstdint>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

constexpr size_t kMostDecomposed = 32;  // the longest decomposition has 18
constexpr size_t kCombiningClasses = 256;

Status no_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory to normalise a text"); }

uint8_t combining_class_of(int32_t code_point) {
  return static_cast<uint8_t>(utf8proc_get_property(code_point)->combining_class);
}

bool composes(NormalForm form) { return form == NormalForm::nfc || form == NormalForm::nfkc; }

utf8proc_option_t decomposition_of(NormalForm form) {
  const bool compatible = form == NormalForm::nfkc || form == NormalForm::nfkd;
  return static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
}

// Adds the decomposition of every character.
bool decompose(std::string_view text, NormalForm form, List<int32_t>& out) {
  const utf8proc_option_t options = decomposition_of(form);
  utf8proc_int32_t parts[kMostDecomposed];
  int boundary = 0;
  for (size_t position = 0; position < text.size();) {
    const Utf8Character character = decode_utf8(text, position);
    position += character.size;
    const auto code_point = static_cast<utf8proc_int32_t>(character.code_point);
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(code_point, parts, kMostDecomposed, options, &boundary);
    const bool usable = count > 0 && static_cast<size_t>(count) <= kMostDecomposed;
    if (!usable) parts[0] = code_point;
    if (!out.append(parts, usable ? static_cast<size_t>(count) : 1)) return false;
  }
  return true;
}

// Sorts a run of combining marks by class, keeping the order within one. Counting, because a
// hostile text may consist of marks alone.
bool sort_marks(int32_t* marks, size_t count, List<int32_t>& scratch) {
  size_t starts[kCombiningClasses + 1] = {};
  for (size_t i = 0; i < count; ++i) ++starts[combining_class_of(marks[i]) + 1];
  for (size_t i = 0; i < kCombiningClasses; ++i) starts[i + 1] += starts[i];
  scratch.clear();
  if (!scratch.append(marks, count)) return false;
  for (size_t i = 0; i < count; ++i) {
    marks[starts[combining_class_of(scratch[i])]++] = scratch[i];
  }
  return true;
}

bool sort_all_marks(List<int32_t>& characters) {
  List<int32_t> scratch;
  for (size_t i = 0; i < characters.size();) {
    size_t end = i;
    bool sorted = true;
    for (; end < characters.size() && combining_class_of(characters[end]) != 0; ++end) {
      sorted &= end == i ||
                combining_class_of(characters[end - 1]) <= combining_class_of(characters[end]);
    }
    if (!sorted && !sort_marks(&characters[i], end - i, scratch)) return false;
    i = end + 1;
  }
  return true;
}

// Composes in place; `count` is how many characters there are then.
Status compose(List<int32_t>& characters, size_t& count) {
  const utf8proc_ssize_t composed =
      utf8proc_normalize_utf32(characters.data(), static_cast<utf8proc_ssize_t>(characters.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (composed < 0) return Status::error(LINNET_INTERNAL, "%s", utf8proc_errmsg(composed));
  count = static_cast<size_t>(composed);
  return Status::ok();
}

}  // namespace

bool is_surely_normal(std::string_view text, NormalForm form) {
  const uint8_t first_that_may_change = form == NormalForm::nfc ? 0xCC : 0x80;  // U+0300 is CC 80
  for (const char c : text) {
    if (static_cast<uint8_t>(c) >= first_that_may_change) return false;
  }
  return true;
}

Status append_normalized(std::string_view text, NormalForm form, List<char>& out) {
  if (is_surely_normal(text, form)) {
    return out.append(text.data(), text.size()) ? Status::ok() : no_memory();
  }
  List<int32_t> characters;
  if (!characters.reserve(text.size()) || !decompose(text, form, characters) ||
      !sort_all_marks(characters)) {
    return no_memory();
  }
  size_t count = characters.size();
  if (composes(form)) {
    if (Status status = compose(characters, count); status.failed()) return status;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!append_utf8(static_cast<char32_t>(characters[i]), out)) return no_memory();
  }
  return Status::ok();
}

}  // namespace linnet
