#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tools/convert/formats/input_file.h"

namespace linnet::convert {

/// The directory of a zip file (with or without zip64) whose wanted entries are stored, not
/// compressed, so that an entry is a range of the file. The file must outlive it.
/// Every member throws std::runtime_error with the path in the message.
class ZipArchive {
 public:
  /// Where an entry's bytes lie in the file.
  struct Range {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  explicit ZipArchive(const InputFile& file);

  bool contains(const std::string& name) const { return entries_.count(name) != 0; }

  /// The one entry called `name` in a folder of the archive's top level, with its folder; an empty
  /// text where there is none.
  std::string find_in_top_folder(std::string_view name) const;

  /// Checks the entry's own header too.
  Range locate(const std::string& name) const;

 private:
  struct Entry {
    uint16_t flags = 0;
    uint16_t method = 0;
    uint64_t compressed = 0;
    uint64_t size = 0;
    uint64_t header = 0;  ///< offset of the entry's own header
  };
  struct Directory {
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t entries = 0;
  };

  Directory find_directory() const;
  void read_zip64(uint64_t end_record, Directory* directory) const;
  void read_entries(const Directory& directory);
  void read_zip64_extra(std::string_view extra, Entry* entry) const;
  [[noreturn]] void fail(const std::string& why) const;

  const InputFile& file_;
  uint64_t data_end_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace linnet::convert
