#include "tools/convert/passes/encode_rows.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

#include "tools/convert/passes/quantize_row.h"

namespace linnet::convert {
namespace {

using schema::DataType;

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

uint64_t value_bits(DataType type) {
  switch (type) {
    case DataType::f16:
    case DataType::bf16:
      return 16;
    case DataType::int8:
      return 8;
    case DataType::int4:
      return 4;
    default:
      return 32;
  }
}

uint64_t scale_bytes_per_row(const Tensor& weight, uint64_t width) {
  if (weight.scales < 0) return 0;
  if (weight.block == 0) return sizeof(float);
  if (weight.type == DataType::int4) return width / weight.block * sizeof(uint16_t);
  return (width + weight.block - 1) / weight.block * sizeof(float);
}

template <typename T>
std::span<T> as(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// False if the row has values that the type cannot hold.
bool encode_row(const Tensor& weight, std::span<const float> row, std::span<std::byte> values,
                std::span<std::byte> scales) {
  switch (weight.type) {
    case DataType::f16:
      return to_f16(row, as<uint16_t>(values));
    case DataType::int8:
      return weight.block == 0 ? quantize_int8(row, as<int8_t>(values), as<float>(scales)[0])
                               : quantize_int8_blocks(row, as<int8_t>(values), as<float>(scales));
    case DataType::int4:
      return weight.block == 0
                 ? quantize_int4_row(row, as<uint8_t>(values), as<float>(scales)[0])
                 : quantize_int4_blocks(row, as<uint8_t>(values), as<uint16_t>(scales));
    default:
      std::memcpy(values.data(), row.data(), row.size_bytes());
      return true;
  }
}

/// Calls body(row) for every row, on all cores if there is enough to do.
template <typename Body>
void for_each_row(uint64_t rows, uint64_t values, const Body& body) {
  constexpr uint64_t kWorthAThread = 1 << 16;
  const uint64_t threads = std::clamp<uint64_t>(
      std::min<uint64_t>(std::thread::hardware_concurrency(), values / kWorthAThread), 1, rows);
  std::atomic<uint64_t> next = 0;
  const auto work = [&] {
    for (uint64_t row = next++; row < rows; row = next++) body(row);
  };
  std::vector<std::jthread> others;
  for (uint64_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
}

}  // namespace

uint64_t stored_bytes(const Tensor& weight) {
  return element_count(weight.shape) * value_bits(weight.type) / 8;
}

EncodedRows encode_rows(const Tensor& weight, uint64_t first, uint64_t width,
                        std::span<const float> values) {
  const uint64_t rows = values.size() / width;
  const uint64_t value_bytes = width * value_bits(weight.type) / 8;
  const uint64_t scale_bytes = scale_bytes_per_row(weight, width);
  EncodedRows encoded;
  encoded.values.resize(rows * value_bytes);
  encoded.scales.resize(rows * scale_bytes);
  std::atomic<uint64_t> bad = kNone;
  for_each_row(rows, values.size(), [&](uint64_t row) {
    const bool held = encode_row(weight, values.subspan(row * width, width),
                                 std::span(encoded.values).subspan(row * value_bytes, value_bytes),
                                 std::span(encoded.scales).subspan(row * scale_bytes, scale_bytes));
    if (!held) bad = std::min(bad.load(), row);
  });
  if (bad == kNone) return encoded;
  throw std::runtime_error("tensor '" + weight.name + "': row " + std::to_string(first + bad) +
                           " has a value that is not a finite number" +
                           (weight.type == DataType::f16 ? " or too large for f16" : ""));
}

}  // namespace linnet::convert
