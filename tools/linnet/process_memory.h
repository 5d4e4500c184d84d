#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace linnet::cli {

/// What this process holds of the machine's memory right now.
struct ProcessMemory {
  uint64_t resident_bytes = 0;  ///< all of its pages that are in memory
  uint64_t private_bytes = 0;   ///< anonymous ones: heap, stacks, packed weights, state, arena
};

/// Counted page by page by the kernel (Linux: /proc/self/smaps_rollup, or else /proc/self/status).
/// Empty where the system does not tell.
std::optional<ProcessMemory> process_memory();

/// Private memory in anonymous mappings, without the heap and malloc's own blocks: packed weights,
/// a session's block, stacks of threads, and a few pages of the program's zeroed data. (Linux with
/// glibc: /proc/self/smaps, mallinfo2.) Empty where the system does not tell.
std::optional<uint64_t> private_mapping_bytes();

/// How a mapped file lies in this process.
struct MappedFile {
  uint64_t mapped_bytes = 0;    ///< address space, in whole pages
  uint64_t resident_bytes = 0;  ///< of that, in memory
};

/// Of all mappings of `path` (Linux: /proc/self/smaps). Empty where the system does not tell.
std::optional<MappedFile> mapped_file(const std::string& path);

/// Gives back to the system what the heap has free, so that differences of process_memory() show
/// what is held, not what once was.
void release_free_heap();

/// Whole pages of memory of our own, untouched until they are used, so that those in use can be
/// counted. Throws std::runtime_error when memory is not to be had.
class CountedPages {
 public:
  explicit CountedPages(size_t bytes);
  ~CountedPages();
  CountedPages(const CountedPages&) = delete;
  CountedPages& operator=(const CountedPages&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }

  /// Bytes of the pages that are in use. Empty where the system does not tell.
  std::optional<uint64_t> bytes_in_use() const;

 private:
  void* data_ = nullptr;
  size_t size_ = 0;  // whole pages
};

}  // namespace linnet::cli
