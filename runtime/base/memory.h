#pragma once

#include <linnet/linnet.h>

#include <cstddef>
#include <new>

namespace linnet {

/// While it lives, this thread takes memory from a model's allocator. Scopes nest, as when a
/// callback of one model calls another; what is taken outside any comes from the C library.
class AllocatorScope {
 public:
  /// `allocator` must outlive the scope; null, or without an `allocate` of its own, it stands for
  /// the C library's.
  explicit AllocatorScope(const linnet_allocator* allocator);
  AllocatorScope(const AllocatorScope&) = delete;
  AllocatorScope& operator=(const AllocatorScope&) = delete;
  ~AllocatorScope();

  /// The innermost scope's, for other threads that work for this one; null: there is none.
  static const linnet_allocator* current();

 private:
  const linnet_allocator* outer_;
};

/// Memory from this thread's allocator on a boundary of `alignment`, a power of two; null when
/// there is none. A block knows where it came from, so that it may be released in any scope.
[[nodiscard]] void* allocate_memory(size_t bytes, size_t alignment = alignof(std::max_align_t));

/// The block moved to one of `bytes` with what fits of its content; null, and the block as it was,
/// when there is no memory. `memory` may be null.
[[nodiscard]] void* resize_memory(void* memory, size_t bytes);

/// Null is allowed.
void release_memory(void* memory);

/// Makes a class's objects come from allocate_memory: `new (std::nothrow)`, `delete`.
class FromAllocator {
 public:
  static void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_memory(bytes);
  }
  static void operator delete(void* memory) noexcept { release_memory(memory); }
  static void operator delete(void* memory, const std::nothrow_t&) noexcept {
    release_memory(memory);
  }
};

/// One large zeroed block on a 64-byte boundary: whole pages straight from the system, or memory of
/// this thread's allocator where that is the caller's.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();

  /// False, and empty, when there is no memory. Only of an empty block.
  [[nodiscard]] bool allocate(size_t bytes);

  /// Says that its first `bytes` will all be used.
  void expect(size_t bytes) const;

  std::byte* data() const { return data_; }
  /// Bytes that the block takes, which may be more than were asked for.
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  bool is_mapped_ = false;
};

}  // namespace linnet
