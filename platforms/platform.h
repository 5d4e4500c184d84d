#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/status.h"

namespace linnet::platform {

/// What the start of a mapping within its file must be a multiple of.
inline constexpr size_t mapping_alignment = 64;

/// A read-only view of a file, shared with every process that maps it. Unmaps itself.
class FileMapping {
 public:
  FileMapping() = default;
  FileMapping(FileMapping&& other) noexcept;
  FileMapping& operator=(FileMapping&& other) noexcept;
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;
  ~FileMapping();

  /// Maps the whole of a regular file.
  static Status open(const char* path, FileMapping* out);

  /// Maps `size` bytes from `offset`, a multiple of mapping_alignment, of an open file, or up to
  /// its end if `size` is 0. The descriptor stays the caller's and may be closed afterwards.
  static Status open(int descriptor, uint64_t offset, uint64_t size, FileMapping* out);

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

  /// Says that all of a part of the mapping will be read: the system may do so, and map it, in huge
  /// pages, of which a walk through the weights faults for fewer.
  void expect(const void* first, size_t bytes) const;

  /// Lets go of the memory behind a part of the mapping; it is read from the file again if touched.
  void give_back(const void* first, size_t bytes) const;

 private:
  void* base_ = nullptr;  // on a page boundary, at or before data_
  size_t mapped_ = 0;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// A file that appears whole or not at all: bytes go to a partial one beside it, which commit puts
/// in its place. Without a commit the partial file goes with this object.
class NewFile {
 public:
  NewFile() = default;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  /// `path` must live as long as this object.
  Status create(const char* path);
  Status write(const void* bytes, size_t size);

  /// Once the bytes are safely on disk. Nothing may be written after.
  Status commit();

 private:
  Status fail(const char* action) const;

  const char* path_ = nullptr;
  char partial_path_[4096] = {};
  int descriptor_ = -1;
};

/// Zeroed memory in whole pages straight from the system; null when there is none.
void* allocate_pages(size_t bytes);

/// Says that all of a part of such memory, from the start of a page, will be used: it may be in
/// huge pages.
void expect_pages(void* first, size_t bytes);

void release_pages(void* pages, size_t bytes);

size_t page_bytes();

/// Processors this process may run on, at least 1.
unsigned processor_count();

/// Those of them that are fast, where a machine has slow ones beside them: at least 1.
unsigned fast_processor_count();

}  // namespace linnet::platform
