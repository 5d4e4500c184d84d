#include "tools/convert/weights.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <utility>

#include "tools/convert/formats/checked_math.h"

namespace linnet::convert {
namespace {

// Far above every model; products of two sizes stay in range of 64 bits.
constexpr uint64_t kLargestSize = 1 << 24;
constexpr int32_t kMostLayers = 1 << 16;
constexpr uint64_t kComparedValues = 1 << 20;  // at a time: a few megabytes

/// Values in a row, which is all but dimension 0.
uint64_t row_values(const Shape& shape) { return element_count({shape.begin() + 1, shape.end()}); }

template <typename Sizes>
std::vector<uint64_t> without_ones(const Sizes& shape) {
  std::vector<uint64_t> kept;
  for (auto size : shape) {
    if (size != 1) kept.push_back(static_cast<uint64_t>(size));
  }
  return kept;
}

std::vector<float> read_whole(const Weight& weight) {
  std::vector<float> values(memory_size(element_count(weight.shape)));
  weight.rows(0, static_cast<uint64_t>(weight.size(0)), values);
  return values;
}

/// Rows of a tensor whose stored shape differs from `shape` in dimensions of 1 only.
RowProducer stored_rows(const Checkpoint& checkpoint, const std::string& name, const Shape& shape) {
  const StoredTensor& stored = checkpoint.tensor(name);
  const uint64_t stored_rows = stored.shape.empty() ? 1 : stored.shape[0];
  if (stored_rows == static_cast<uint64_t>(shape[0])) {
    return [&checkpoint, name](uint64_t first, uint64_t count, std::span<float> out) {
      checkpoint.read_rows(name, first, count, out);
    };
  }
  // A leading 1, as in RWKV's [1, 1, width]: dimension 0 of the file isn't ours.
  return [&checkpoint, name, width = row_values(shape)](uint64_t first, uint64_t count,
                                                        std::span<float> out) {
    const std::vector<float> values = checkpoint.read(name);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(first * width), count * width, out.begin());
  };
}

}  // namespace

std::string WeightReader::file_of(const std::string& name) const {
  return checkpoint_.files().at(checkpoint_.tensor(name).file);
}

Weight WeightReader::operator()(const std::string& name, const Shape& shape) {
  const StoredTensor& stored = checkpoint_.tensor(name);
  if (without_ones(stored.shape) != without_ones(shape)) {
    throw std::runtime_error(file_of(name) + ": tensor '" + name + "' should have the shape " +
                             shape_text(shape) + ", found " + stored.shape_text());
  }
  used_.insert(name);
  return {shape, stored_rows(checkpoint_, name, shape)};
}

Shape WeightReader::matrix_shape(const std::string& name) const {
  const StoredTensor& stored = checkpoint_.tensor(name);
  const auto is_size = [](uint64_t size) { return size > 0 && size <= kLargestSize; };
  if (stored.shape.size() != 2 || !is_size(stored.shape[0]) || !is_size(stored.shape[1])) {
    throw std::runtime_error(file_of(name) + ": tensor '" + name +
                             "' should be a matrix, found the shape " + stored.shape_text());
  }
  return {static_cast<int32_t>(stored.shape[0]), static_cast<int32_t>(stored.shape[1])};
}

int32_t WeightReader::count_layers(const std::string& prefix) const {
  int32_t layers = 0;
  for (const auto& [name, stored] : checkpoint_.tensors()) {
    if (!name.starts_with(prefix)) continue;
    int32_t index = 0;
    const char* const begin = name.data() + prefix.size();
    const auto parsed = std::from_chars(begin, name.data() + name.size(), index);
    if (parsed.ec == std::errc() && index >= layers && index < kMostLayers) layers = index + 1;
  }
  return layers;
}

void WeightReader::require_all_used(const std::function<bool(const std::string&)>& known) const {
  size_t count = 0;
  std::string example;
  for (const auto& [name, stored] : checkpoint_.tensors()) {
    if (used_.count(name) != 0 || known(name)) continue;
    if (count++ == 0) example = name;
  }
  if (count == 0) return;
  throw std::runtime_error(file_of(example) + ": " + std::to_string(count) +
                           (count == 1 ? " tensor has" : " tensors have") +
                           " no place in this architecture, which would run wrongly without: '" +
                           example + "'" + (count == 1 ? "" : " and others"));
}

Weight constant(Shape shape, std::vector<float> values) {
  if (element_count(shape) != values.size()) throw std::logic_error("constant: shape and values");
  const uint64_t width = row_values(shape);
  auto shared = std::make_shared<const std::vector<float>>(std::move(values));
  return {std::move(shape), [shared, width](uint64_t first, uint64_t count, std::span<float> out) {
            const auto start = shared->begin() + static_cast<ptrdiff_t>(first * width);
            std::copy_n(start, count * width, out.begin());
          }};
}

Weight mapped(Weight weight, std::function<float(float)> function) {
  auto rows = [source = std::move(weight.rows), function = std::move(function)](
                  uint64_t first, uint64_t count, std::span<float> out) {
    source(first, count, out);
    for (float& value : out) value = function(value);
  };
  return {std::move(weight.shape), std::move(rows)};
}

Weight reshaped(Weight weight, Shape shape) {
  if (element_count(weight.shape) != element_count(shape)) {
    throw std::logic_error("reshaped: " + shape_text(weight.shape) + " to " + shape_text(shape));
  }
  const uint64_t width = row_values(shape);
  auto rows = [weight = std::move(weight), width](uint64_t first, uint64_t count,
                                                  std::span<float> out) {
    const std::vector<float> values = read_whole(weight);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(first * width), count * width, out.begin());
  };
  return {std::move(shape), std::move(rows)};
}

Weight transposed(Weight weight) {
  const Shape shape = {weight.size(1), weight.size(0)};
  auto rows = [weight = std::move(weight)](uint64_t first, uint64_t count, std::span<float> out) {
    const std::vector<float> values = read_whole(weight);
    const auto height = static_cast<uint64_t>(weight.size(0));
    const auto width = static_cast<uint64_t>(weight.size(1));
    for (uint64_t r = 0; r < count; ++r) {
      for (uint64_t c = 0; c < height; ++c) out[r * height + c] = values[c * width + first + r];
    }
  };
  return {shape, std::move(rows)};
}

Weight row(Weight weight, int32_t index) {
  const Shape shape(weight.shape.begin() + 1, weight.shape.end());
  const uint64_t width = row_values(shape);
  auto rows = [weight = std::move(weight), index, width](uint64_t first, uint64_t count,
                                                         std::span<float> out) {
    std::vector<float> values(memory_size(row_values(weight.shape)));
    weight.rows(static_cast<uint64_t>(index), 1, values);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(first * width), count * width, out.begin());
  };
  return {shape, std::move(rows)};
}

Weight row_range(Weight weight, int32_t first, int32_t count) {
  if (first < 0 || count < 0 || first + count > weight.size(0)) {
    throw std::logic_error("row_range: " + std::to_string(count) + " rows of " +
                           shape_text(weight.shape));
  }
  Shape shape = weight.shape;
  shape[0] = count;
  const auto skipped = static_cast<uint64_t>(first);
  return {std::move(shape),
          [rows = std::move(weight.rows), skipped](uint64_t at, uint64_t n, std::span<float> out) {
            rows(skipped + at, n, out);
          }};
}

Weight stacked(std::vector<Weight> weights) {
  Shape shape = weights.at(0).shape;
  const uint64_t width = row_values(shape);
  shape[0] = 0;
  for (const Weight& weight : weights) {
    if (row_values(weight.shape) != width) throw std::logic_error("stacked: rows of many sizes");
    shape[0] += weight.size(0);
  }
  auto rows = [weights = std::move(weights), width](uint64_t first, uint64_t count,
                                                    std::span<float> out) {
    uint64_t begin = 0;
    for (const Weight& weight : weights) {
      const uint64_t end = begin + static_cast<uint64_t>(weight.size(0));
      const uint64_t from = std::max(first, begin);
      const uint64_t to = std::min(first + count, end);
      if (from < to) {
        weight.rows(from - begin, to - from,
                    out.subspan((from - first) * width, (to - from) * width));
      }
      begin = end;
    }
  };
  return {std::move(shape), std::move(rows)};
}

Weight sum(Weight a, Weight b) {
  if (a.shape != b.shape) {
    throw std::logic_error("sum: " + shape_text(a.shape) + " and " + shape_text(b.shape));
  }
  auto rows = [a_rows = std::move(a.rows), b_rows = std::move(b.rows)](
                  uint64_t first, uint64_t count, std::span<float> out) {
    a_rows(first, count, out);
    std::vector<float> addend(out.size());
    b_rows(first, count, addend);
    for (size_t i = 0; i < out.size(); ++i) out[i] += addend[i];
  };
  return {std::move(a.shape), std::move(rows)};
}

bool same_values(const Weight& a, const Weight& b) {
  if (a.shape != b.shape) return false;
  const uint64_t width = row_values(a.shape);
  const auto rows = static_cast<uint64_t>(a.size(0));
  const uint64_t step = std::max<uint64_t>(1, kComparedValues / std::max<uint64_t>(1, width));
  std::vector<float> a_values;
  std::vector<float> b_values;
  for (uint64_t first = 0; first < rows; first += step) {
    const uint64_t count = std::min(step, rows - first);
    a_values.resize(count * width);
    b_values.resize(count * width);
    a.rows(first, count, a_values);
    b.rows(first, count, b_values);
    if (a_values != b_values) return false;
  }
  return true;
}

Weight selected_rows(Weight weight, int32_t row_count, std::function<uint64_t(uint64_t)> source) {
  const uint64_t width = row_values(weight.shape);
  auto rows = [inner = std::move(weight.rows), source = std::move(source), width](
                  uint64_t first, uint64_t count, std::span<float> out) {
    // Neighbours that stay neighbours are read together.
    for (uint64_t done = 0; done < count;) {
      const uint64_t start = source(first + done);
      uint64_t run = 1;
      while (done + run < count && source(first + done + run) == start + run) ++run;
      inner(start, run, out.subspan(done * width, run * width));
      done += run;
    }
  };
  weight.shape[0] = row_count;
  return {std::move(weight.shape), std::move(rows)};
}

Weight permuted_rows(Weight weight, std::function<uint64_t(uint64_t)> source) {
  const int32_t rows = weight.size(0);
  return selected_rows(std::move(weight), rows, std::move(source));
}

Weight repeated_heads(Weight weight, int32_t heads, int32_t times) {
  const int32_t rows = weight.size(0);
  const auto head = static_cast<uint64_t>(rows / heads);
  return selected_rows(std::move(weight), rows * times,
                       [head, times = static_cast<uint64_t>(times)](uint64_t row) {
                         return row / head / times * head + row % head;
                       });
}

Weight composed_heads(Weight outer, Weight inner, int32_t heads) {
  const Shape shape = {heads * outer.size(0), inner.size(1)};
  const auto outer_rows = static_cast<uint64_t>(outer.size(0));
  const auto inner_rows = static_cast<uint64_t>(outer.size(1));
  const auto width = static_cast<uint64_t>(inner.size(1));
  auto rows = [=, outer = std::move(outer), inner = std::move(inner)](
                  uint64_t first, uint64_t count, std::span<float> out) {
    std::vector<float> factors(inner_rows), head(memory_size(inner_rows * width));
    std::vector<double> sums(width);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t index = (first + i) / outer_rows;
      if (i == 0 || (first + i) % outer_rows == 0) inner.rows(index * inner_rows, inner_rows, head);
      outer.rows((first + i) % outer_rows, 1, factors);
      std::fill(sums.begin(), sums.end(), 0.0);
      for (uint64_t k = 0; k < inner_rows; ++k) {
        const double factor = factors[k];
        for (uint64_t c = 0; c < width; ++c) sums[c] += factor * head[k * width + c];
      }
      std::copy(sums.begin(), sums.end(), out.begin() + static_cast<ptrdiff_t>(i * width));
    }
  };
  return {shape, std::move(rows)};
}

Weight block_diagonal(Weight block, int32_t times) {
  const Shape shape = {times * block.size(0), times * block.size(1)};
  const auto height = static_cast<uint64_t>(block.size(0));
  const auto width = static_cast<uint64_t>(block.size(1));
  auto rows = [block = std::move(block), height, width, times](uint64_t first, uint64_t count,
                                                               std::span<float> out) {
    const uint64_t stride = width * static_cast<uint64_t>(times);
    std::fill(out.begin(), out.end(), 0.0f);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t row = first + i;
      block.rows(row % height, 1, out.subspan(i * stride + row / height * width, width));
    }
  };
  return {shape, std::move(rows)};
}

Weight scaled_rows(Weight weight, std::function<float(uint64_t)> factor) {
  const uint64_t width = row_values(weight.shape);
  auto rows = [source = std::move(weight.rows), factor = std::move(factor), width](
                  uint64_t first, uint64_t count, std::span<float> out) {
    source(first, count, out);
    for (uint64_t i = 0; i < count * width; ++i) out[i] *= factor(first + i / width);
  };
  return {std::move(weight.shape), std::move(rows)};
}

Weight tiled(Weight weight, int32_t times) {
  const int32_t size = weight.size(0);
  return selected_rows(std::move(weight), size * times,
                       [size](uint64_t row) { return row % static_cast<uint64_t>(size); });
}

}  // namespace linnet::convert
