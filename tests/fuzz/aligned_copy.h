#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace linnet::fuzz {

/// Bytes in a heap block of just their size, aligned as a model file must be: a sanitizer sees
/// every read behind it.
class AlignedCopy {
 public:
  AlignedCopy(const void* bytes, size_t size) : size_(size) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, size + (size == 0 ? 1 : 0)) != 0) throw std::bad_alloc();
    bytes_.reset(static_cast<std::byte*>(memory));
    if (size > 0) std::memcpy(memory, bytes, size);
  }

  std::byte* data() { return bytes_.get(); }
  size_t size() const { return size_; }
  std::span<const std::byte> span() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  std::unique_ptr<std::byte, Free> bytes_;
  size_t size_;
};

}  // namespace linnet::fuzz
