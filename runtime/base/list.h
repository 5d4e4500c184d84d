#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "runtime/base/memory.h"

namespace linnet {

/// A growable heap array of plain values whose growth may fail without an exception. Emptying it
/// keeps its memory, so that scratch is allocated once and used again.
template <typename T>
class List {
 public:
  List() = default;
  List(List&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  List& operator=(List&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { release_memory(data_); }

  /// Makes room for `capacity` elements in all; false, and unchanged, when memory is not to be had.
  [[nodiscard]] bool reserve(size_t capacity) {
    if (capacity <= capacity_) return true;
    if (capacity > std::numeric_limits<size_t>::max() / sizeof(T)) return false;
    void* memory = resize_memory(data_, capacity * sizeof(T));
    if (memory == nullptr) return false;
    data_ = static_cast<T*>(memory);
    capacity_ = capacity;
    return true;
  }

  /// Adds one element at the end; false, and unchanged, when memory is not to be had.
  [[nodiscard]] bool push(T value) {
    if (size_ == capacity_ && !grow(1)) return false;
    data_[size_++] = value;
    return true;
  }

  /// Adds `count` elements at the end; false, and unchanged, when memory is not to be had.
  [[nodiscard]] bool append(const T* values, size_t count) {
    if (count > capacity_ - size_ && !grow(count)) return false;
    if (count > 0) std::memcpy(data_ + size_, values, count * sizeof(T));
    size_ += count;
    return true;
  }

  /// Adds `count` copies of `value` at the end; false, and unchanged, when memory is not to be had.
  [[nodiscard]] bool append_copies(size_t count, T value) {
    if (count > capacity_ - size_ && !grow(count)) return false;
    for (size_t i = 0; i < count; ++i) data_[size_++] = value;
    return true;
  }

  /// Drops the elements from `size` on, which must not exceed size().
  void truncate(size_t size) { size_ = size; }
  void clear() { size_ = 0; }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  static_assert(std::is_trivially_copyable_v<T>);

  bool grow(size_t extra) {
    if (extra > std::numeric_limits<size_t>::max() / 2 - size_) return false;
    const size_t wanted = size_ + extra;
    const size_t doubled = capacity_ < 8 ? 16 : capacity_ * 2;
    return reserve(wanted > doubled ? wanted : doubled);
  }

  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace linnet
