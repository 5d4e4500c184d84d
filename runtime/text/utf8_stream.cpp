#include "runtime/text/utf8_stream.h"

#include <cstring>

#include "runtime/text/utf8.h"

namespace linnet {
namespace {

Status no_memory() { return Status::error(LINNET_OUT_OF_MEMORY, "no memory for text"); }

// Adds every character that is certain; returns how many bytes at the end are not.
bool append_certain(std::string_view text, List<char>& out, size_t& unfinished) {
  unfinished = 0;
  while (!text.empty()) {
    const size_t good = find_malformed_utf8(text);
    if (!out.append(text.data(), good)) return false;
    text.remove_prefix(good);
    if (text.empty()) break;
    const Utf8Character character = decode_utf8(text, 0);
    if (character.form == Utf8Form::unfinished) {
      unfinished = text.size();
      break;
    }
    if (!append_utf8(kReplacementCharacter, out)) return false;
    text.remove_prefix(character.size);
  }
  return true;
}

}  // namespace

Status Utf8Stream::push(std::string_view bytes, List<char>& out) {
  size_t unfinished = 0;
  while (held_size_ > 0 && !bytes.empty()) {  // byte by byte until the held character is decided
    held_[held_size_++] = bytes[0];
    bytes.remove_prefix(1);
    const std::string_view held(held_, held_size_);
    if (!append_certain(held, out, unfinished)) return no_memory();
    std::memmove(held_, held_ + held_size_ - unfinished, unfinished);
    held_size_ = unfinished;
  }
  if (bytes.empty()) return Status::ok();
  if (!append_certain(bytes, out, unfinished)) return no_memory();
  std::memcpy(held_, bytes.data() + bytes.size() - unfinished, unfinished);
  held_size_ = unfinished;
  return Status::ok();
}

Status Utf8Stream::finish(List<char>& out) {
  const bool added = held_size_ == 0 || append_utf8(kReplacementCharacter, out);
  held_size_ = 0;
  return added ? Status::ok() : no_memory();
}

}  // namespace linnet
