#include "tools/convert/formats/zip_archive.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tools/convert/formats/checked_math.h"

namespace linnet::convert {
namespace {

// PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3, has these layouts.
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
constexpr uint64_t kLocalBytes = 30;
constexpr uint64_t kEntryBytes = 46;
constexpr uint64_t kEndBytes = 22;
constexpr uint64_t kZip64EndBytes = 56;
constexpr uint64_t kZip64LocatorBytes = 20;
constexpr uint64_t kMaxCommentBytes = 0xffff;
constexpr uint64_t kMaxDirectoryBytes = 256u << 20;
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kZip64Extra = 1;

template <typename T>
T number_at(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

uint16_t u16(std::string_view bytes, size_t offset) { return number_at<uint16_t>(bytes, offset); }
uint32_t u32(std::string_view bytes, size_t offset) { return number_at<uint32_t>(bytes, offset); }
uint64_t u64(std::string_view bytes, size_t offset) { return number_at<uint64_t>(bytes, offset); }

}  // namespace

ZipArchive::ZipArchive(const InputFile& file) : file_(file) {
  const Directory directory = find_directory();
  if (!range_fits(directory.offset, directory.size, file_.size())) {
    fail("the zip directory lies outside the file; is it complete?");
  }
  if (directory.size > kMaxDirectoryBytes) fail("the zip directory is too large");
  data_end_ = directory.offset;
  read_entries(directory);
}

void ZipArchive::fail(const std::string& why) const { fail_file(file_.path(), why); }

ZipArchive::Directory ZipArchive::find_directory() const {
  const uint64_t tail_bytes = std::min(file_.size(), kEndBytes + kMaxCommentBytes);
  const uint64_t tail_offset = file_.size() - tail_bytes;
  const std::string tail = file_.read_text(tail_offset, tail_bytes);
  for (uint64_t at = tail_bytes < kEndBytes ? 0 : tail_bytes - kEndBytes + 1; at-- > 0;) {
    if (u32(tail, at) != kEndSignature) continue;
    if (at + kEndBytes + u16(tail, at + 20) != tail_bytes) continue;
    Directory directory{u32(tail, at + 16), u32(tail, at + 12), u16(tail, at + 10)};
    read_zip64(tail_offset + at, &directory);
    return directory;
  }
  fail("has no zip directory; is it complete?");
}

void ZipArchive::read_zip64(uint64_t end_record, Directory* directory) const {
  if (end_record < kZip64LocatorBytes) return;
  const std::string locator = file_.read_text(end_record - kZip64LocatorBytes, kZip64LocatorBytes);
  if (u32(locator, 0) != kZip64LocatorSignature) return;
  const uint64_t offset = u64(locator, 8);
  if (!range_fits(offset, kZip64EndBytes, end_record)) fail("a zip64 offset lies outside the file");
  const std::string record = file_.read_text(offset, kZip64EndBytes);
  if (u32(record, 0) != kZip64EndSignature) fail("the zip64 directory's end is damaged");
  *directory = {u64(record, 48), u64(record, 40), u64(record, 32)};
}

void ZipArchive::read_entries(const Directory& directory) {
  const std::string text = file_.read_text(directory.offset, directory.size);
  std::string_view rest = text;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kEntryBytes || u32(rest, 0) != kEntrySignature) {
      fail("entry " + std::to_string(i) + " of the zip directory is damaged");
    }
    const size_t name_bytes = u16(rest, 28);
    const size_t extra_bytes = u16(rest, 30);
    const size_t entry_bytes = kEntryBytes + name_bytes + extra_bytes + u16(rest, 32);
    if (entry_bytes > rest.size()) {
      fail("entry " + std::to_string(i) + " of the zip directory is cut off");
    }
    Entry entry{u16(rest, 8), u16(rest, 10), u32(rest, 20), u32(rest, 24), u32(rest, 42)};
    read_zip64_extra(rest.substr(kEntryBytes + name_bytes, extra_bytes), &entry);
    const std::string name(rest.substr(kEntryBytes, name_bytes));
    if (!entries_.emplace(name, entry).second) fail("has the zip entry '" + name + "' twice");
    rest.remove_prefix(entry_bytes);
  }
}

void ZipArchive::read_zip64_extra(std::string_view extra, Entry* entry) const {
  while (extra.size() >= 4) {
    const size_t bytes = u16(extra, 2);
    if (bytes > extra.size() - 4) return;  // other writers' padding; sizes are checked later
    std::string_view field = extra.substr(4, bytes);
    if (u16(extra, 0) == kZip64Extra) {
      for (uint64_t* value : {&entry->size, &entry->compressed, &entry->header}) {
        if (*value != 0xffffffffu) continue;
        if (field.size() < 8) fail("a zip64 field is cut off");
        *value = u64(field, 0);
        field.remove_prefix(8);
      }
      return;
    }
    extra.remove_prefix(4 + bytes);
  }
}

std::string ZipArchive::find_in_top_folder(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [entry_name, entry] : entries_) {
    const size_t slash = entry_name.find('/');
    if (slash == std::string::npos) continue;
    if (std::string_view(entry_name).substr(slash + 1) == name) found.push_back(entry_name);
  }
  if (found.size() > 1) fail("has both '" + found[0] + "' and '" + found[1] + "'");
  return found.empty() ? "" : found[0];
}

ZipArchive::Range ZipArchive::locate(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail("has no zip entry '" + name + "'");
  const Entry& entry = found->second;
  const std::string where = "zip entry '" + name + "' ";
  if ((entry.flags & kEncrypted) != 0) fail(where + "is encrypted");
  if (entry.method != 0 || entry.compressed != entry.size) {
    fail(where + "is compressed, which torch.save never does; re-save it with torch.save");
  }
  if (!range_fits(entry.header, kLocalBytes, data_end_)) fail(where + "lies outside the file");
  const std::string local = file_.read_text(entry.header, kLocalBytes);
  const uint64_t name_bytes = u16(local, 26);
  if (u32(local, 0) != kLocalSignature || name_bytes != name.size() ||
      !range_fits(entry.header + kLocalBytes, name_bytes, data_end_) ||
      file_.read_text(entry.header + kLocalBytes, name_bytes) != name) {
    fail(where + "does not start where the directory says");
  }
  const Range range{entry.header + kLocalBytes + name_bytes + u16(local, 28), entry.size};
  if (!range_fits(range.offset, range.size, data_end_)) fail(where + "lies outside the file");
  return range;
}

}  // namespace linnet::convert
