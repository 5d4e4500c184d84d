#include "tools/convert/formats/strided_read.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>

#include "tools/convert/formats/half.h"

namespace linnet::convert {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};
struct Boolean {
  uint8_t bits;
};

float decode(Half value) { return f16_to_f32(value.bits); }
float decode(Brain value) { return bf16_to_f32(value.bits); }
float decode(float value) { return value; }
float decode(double value) { return static_cast<float>(value); }
int64_t decode(Boolean value) { return value.bits != 0; }
template <std::integral Integer>
int64_t decode(Integer value) {
  return static_cast<int64_t>(value);
}

template <typename Out>
using Convert = void (*)(const std::byte* source, uint64_t source_stride, Out* target,
                         uint64_t target_stride, uint64_t count);

template <typename Stored, typename Out>
void convert_run(const std::byte* source, uint64_t source_stride, Out* target,
                 uint64_t target_stride, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, source + i * source_stride, sizeof(value));
    target[i * target_stride] = decode(value);
  }
}

template <typename Out>
Convert<Out> find_convert(StoredType type);

template <>
Convert<float> find_convert<float>(StoredType type) {
  switch (type) {
    case StoredType::f32:
      return convert_run<float, float>;
    case StoredType::f16:
      return convert_run<Half, float>;
    case StoredType::bf16:
      return convert_run<Brain, float>;
    case StoredType::f64:
      return convert_run<double, float>;
    default:
      return nullptr;
  }
}

template <>
Convert<int64_t> find_convert<int64_t>(StoredType type) {
  switch (type) {
    case StoredType::i64:
      return convert_run<int64_t, int64_t>;
    case StoredType::i32:
      return convert_run<int32_t, int64_t>;
    case StoredType::i16:
      return convert_run<int16_t, int64_t>;
    case StoredType::i8:
      return convert_run<int8_t, int64_t>;
    case StoredType::u8:
      return convert_run<uint8_t, int64_t>;
    case StoredType::boolean:
      return convert_run<Boolean, int64_t>;
    default:
      return nullptr;
  }
}

/// Outermost first in the file's order, neighbours that are one run in both file and memory merged.
std::vector<Axis> in_file_order(std::vector<Axis> axes) {
  std::erase_if(axes, [](const Axis& axis) { return axis.size == 1; });
  std::stable_sort(axes.begin(), axes.end(),
                   [](const Axis& a, const Axis& b) { return a.source_stride > b.source_stride; });
  std::vector<Axis> merged;
  for (const Axis& axis : axes) {
    if (!merged.empty() && merged.back().source_stride == axis.size * axis.source_stride &&
        merged.back().target_stride == axis.size * axis.target_stride) {
      merged.back() = {merged.back().size * axis.size, axis.source_stride, axis.target_stride};
    } else {
      merged.push_back(axis);
    }
  }
  if (merged.empty()) merged.push_back({1, 0, 0});
  return merged;
}

/// How many bytes are worth reading at once: the extent of the inner axes up to the first one that
/// leaves gaps which cost more to read than to skip.
uint64_t dense_extent(const std::vector<Axis>& axes, uint64_t element_bytes) {
  constexpr uint64_t kGap = 4096;
  uint64_t extent = element_bytes;
  for (size_t i = axes.size(); i-- > 0;) {
    if (axes[i].source_stride > extent + kGap) break;
    extent += (axes[i].size - 1) * axes[i].source_stride;
  }
  return extent;
}

/// A piece of a file that moves to where it is wanted.
class Window {
 public:
  Window(const InputFile& file, uint64_t end, uint64_t bytes)
      : file_(file), end_(end), room_(bytes) {}

  /// At least `bytes` bytes from `offset`, and as many more as there are.
  std::span<const std::byte> at(uint64_t offset, uint64_t bytes) {
    if (offset < begin_ || offset + bytes > begin_ + bytes_.size()) {
      bytes_.resize(std::min(room_, end_ - offset));
      file_.read_at(offset, bytes_);
      begin_ = offset;
    }
    return std::span(bytes_).subspan(offset - begin_);
  }

 private:
  const InputFile& file_;
  uint64_t end_;
  uint64_t room_;
  uint64_t begin_ = 0;
  std::vector<std::byte> bytes_;
};

template <typename Out>
void read_run(Window& window, Convert<Out> convert, uint64_t element_bytes, uint64_t offset,
              const Axis& axis, Out* out) {
  for (uint64_t done = 0; done < axis.size;) {
    const auto bytes = window.at(offset + done * axis.source_stride, element_bytes);
    uint64_t count = axis.size - done;
    if (axis.source_stride != 0) {
      count = std::min(count, (bytes.size() - element_bytes) / axis.source_stride + 1);
    }
    convert(bytes.data(), axis.source_stride, out + done * axis.target_stride, axis.target_stride,
            count);
    done += count;
  }
}

}  // namespace

template <typename Out>
bool reads_as(StoredType type) {
  return find_convert<Out>(type) != nullptr;
}

template <typename Out>
void read_strided(const InputFile& file, StoredType type, uint64_t offset, std::vector<Axis> axes,
                  Out* out) {
  const uint64_t element_bytes = stored_type_bytes(type);
  axes = in_file_order(std::move(axes));
  uint64_t end = offset + element_bytes;
  for (const Axis& axis : axes) end += (axis.size - 1) * axis.source_stride;
  Window window(file, end, std::min<uint64_t>(kReadPiece, dense_extent(axes, element_bytes)));

  const Axis inner = axes.back();
  axes.pop_back();
  std::vector<uint64_t> index(axes.size(), 0);
  while (true) {
    read_run(window, find_convert<Out>(type), element_bytes, offset, inner, out);
    size_t i = axes.size();
    for (; i > 0; --i) {
      const Axis& axis = axes[i - 1];
      offset += axis.source_stride;
      out += axis.target_stride;
      if (++index[i - 1] < axis.size) break;
      offset -= axis.size * axis.source_stride;
      out -= axis.size * axis.target_stride;
      index[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

template bool reads_as<float>(StoredType type);
template bool reads_as<int64_t>(StoredType type);
template void read_strided<float>(const InputFile& file, StoredType type, uint64_t offset,
                                  std::vector<Axis> axes, float* out);
template void read_strided<int64_t>(const InputFile& file, StoredType type, uint64_t offset,
                                    std::vector<Axis> axes, int64_t* out);

}  // namespace linnet::convert
