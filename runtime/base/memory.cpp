#include "runtime/base/memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "platforms/platform.h"

namespace linnet {
namespace {

constexpr size_t block_alignment = 64;

/// Stands right before every block.
struct alignas(std::max_align_t) Origin {
  void* memory;                                  ///< what the allocator gave
  size_t bytes;                                  ///< that whoever took it may use
  void (*release)(void* memory, void* context);  ///< null: the C library's free
  void* context;
};

constinit thread_local const linnet_allocator* in_scope = nullptr;

bool is_callers() { return in_scope != nullptr && in_scope->allocate != nullptr; }

Origin* origin_of(void* memory) { return static_cast<Origin*>(memory) - 1; }

}  // namespace

AllocatorScope::AllocatorScope(const linnet_allocator* allocator) : outer_(in_scope) {
  in_scope = allocator;
}

AllocatorScope::~AllocatorScope() { in_scope = outer_; }

const linnet_allocator* AllocatorScope::current() { return in_scope; }

void* allocate_memory(size_t bytes, size_t alignment) {
  // An allocator gives memory for any object; a larger boundary is found within a larger block.
  const size_t slack = alignment > alignof(std::max_align_t) ? alignment : 0;
  if (bytes > SIZE_MAX - sizeof(Origin) - slack) return nullptr;
  const size_t whole = sizeof(Origin) + slack + bytes;
  void* memory = is_callers() ? in_scope->allocate(whole, in_scope->context) : std::malloc(whole);
  if (memory == nullptr) return nullptr;
  std::byte* first = static_cast<std::byte*>(memory) + sizeof(Origin);
  if (slack > 0) first += (slack - reinterpret_cast<uintptr_t>(first) % slack) % slack;
  new (first - sizeof(Origin)) Origin{.memory = memory,
                                      .bytes = bytes,
                                      .release = is_callers() ? in_scope->release : nullptr,
                                      .context = is_callers() ? in_scope->context : nullptr};
  return first;
}

void* resize_memory(void* memory, size_t bytes) {
  void* moved = allocate_memory(bytes);
  if (moved == nullptr || memory == nullptr) return moved;
  std::memcpy(moved, memory, std::min(bytes, origin_of(memory)->bytes));
  release_memory(memory);
  return moved;
}

void release_memory(void* memory) {
  if (memory == nullptr) return;
  const Origin origin = *origin_of(memory);
  if (origin.release != nullptr) {
    origin.release(origin.memory, origin.context);
  } else {
    std::free(origin.memory);
  }
}

Block::~Block() {
  if (is_mapped_) {
    platform::release_pages(data_, size_);
  } else {
    release_memory(data_);
  }
}

bool Block::allocate(size_t bytes) {
  is_mapped_ = !is_callers();
  if (is_mapped_) {
    const size_t page = platform::page_bytes();
    if (bytes > SIZE_MAX - page) return false;
    size_ = (bytes + page - 1) / page * page;
    data_ = static_cast<std::byte*>(platform::allocate_pages(size_));
  } else {
    size_ = bytes;
    data_ = static_cast<std::byte*>(allocate_memory(bytes, block_alignment));
    if (data_ != nullptr) std::memset(data_, 0, bytes);
  }
  if (data_ == nullptr) size_ = 0;
  return data_ != nullptr;
}

void Block::expect(size_t bytes) const {
  if (is_mapped_) platform::expect_pages(data_, bytes);
}

}  // namespace linnet
