#pragma once

#include <cstddef>

namespace linnet::kernels {

/// Rows of floats in memory: row r is data[r * stride .. r * stride + width), the width being said
/// by the kernel. A stride of 0 repeats one row for every r. Nothing is owned.
template <typename T>
struct Rows {
  T* data = nullptr;
  size_t stride = 0;

  T* operator[](size_t row) const { return data + row * stride; }
  explicit operator bool() const { return data != nullptr; }
};

using ConstRows = Rows<const float>;
using MutableRows = Rows<float>;

}  // namespace linnet::kernels
