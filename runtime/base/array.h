#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "runtime/base/memory.h"

namespace linnet {

/// A heap array whose size is set once and whose allocation may fail without an exception:
/// the runtime's only owning container. Elements are value-initialised.
template <typename T>
class Array {
 public:
  Array() = default;
  Array(Array&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    if (this != &other) {
      clear();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { clear(); }

  /// Replaces the content by `size` new elements; false, and empty, when memory is not to be had.
  [[nodiscard]] bool allocate(size_t size) {
    clear();
    if (size == 0) return true;
    if (size > std::numeric_limits<size_t>::max() / sizeof(T)) return false;
    void* memory = allocate_memory(size * sizeof(T));
    if (memory == nullptr) return false;
    data_ = static_cast<T*>(memory);
    for (; size_ < size; ++size_) new (data_ + size_) T();
    return true;
  }

  void clear() {
    while (size_ > 0) data_[--size_].~T();
    release_memory(std::exchange(data_, nullptr));
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  static_assert(alignof(T) <= alignof(std::max_align_t));

  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace linnet
