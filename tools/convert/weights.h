#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/graph.h"

namespace linnet::convert {

/// A weight to be: its shape, and how to make any of its rows from the checkpoint.
struct Weight {
  Shape shape;
  RowProducer rows;

  int32_t size(size_t dimension) const { return shape.at(dimension); }
};

/// Hands out the tensors of a checkpoint by name and keeps count of which were asked for.
class WeightReader {
 public:
  explicit WeightReader(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  bool contains(const std::string& name) const { return checkpoint_.contains(name); }

  /// Tensor `name`, which must be there and have `shape` but for dimensions of 1, which are dropped
  /// or added as `shape` wants. Throws std::runtime_error naming file, tensor, expected and found.
  Weight operator()(const std::string& name, const Shape& shape);

  /// The sizes of tensor `name`, which must have two dimensions; for checkpoints without a config.
  Shape matrix_shape(const std::string& name) const;

  /// One more than the largest N of tensors named "<prefix>N.…".
  int32_t count_layers(const std::string& prefix) const;

  /// Marks a tensor as known though the graph has no use for it.
  void ignore(const std::string& name) { used_.insert(name); }

  /// Throws if the checkpoint has tensors that were never asked for and that `known` doesn't know:
  /// a variant of the architecture, which this one would run wrongly without a word.
  void require_all_used(const std::function<bool(const std::string& name)>& known) const;

 private:
  std::string file_of(const std::string& name) const;

  const Checkpoint& checkpoint_;
  std::set<std::string> used_;
};

/// A weight with values that are at hand.
Weight constant(Shape shape, std::vector<float> values);

/// f of each value.
Weight mapped(Weight weight, std::function<float(float)> function);

/// The same values, row-major, in another shape.
Weight reshaped(Weight weight, Shape shape);

/// [a, b] -> [b, a]. Reads the whole weight for every block of rows: for small ones.
Weight transposed(Weight weight);

/// Row `index` of a matrix, as a vector.
Weight row(Weight weight, int32_t index);

/// Rows [first, first + count) of the weight.
Weight row_range(Weight weight, int32_t first, int32_t count);

/// The rows of all, which have the same row shape, one weight below another.
Weight stacked(std::vector<Weight> weights);

/// Value by value the sum of two weights of one shape.
Weight sum(Weight a, Weight b);

/// Whether two weights of one shape have the same values; reads both, some rows at a time.
bool same_values(const Weight& a, const Weight& b);

/// `row_count` rows, of which row i is row source(i) of the weight.
Weight selected_rows(Weight weight, int32_t row_count, std::function<uint64_t(uint64_t)> source);

/// Row i is row source(i) of the weight.
Weight permuted_rows(Weight weight, std::function<uint64_t(uint64_t)> source);

/// Every head's rows, one after another, `times` times: a key head for each of its query heads.
Weight repeated_heads(Weight weight, int32_t heads, int32_t times);

/// [heads * a, c], the matrix `outer` [a, b] times every head's rows of `inner` [heads * b, c].
Weight composed_heads(Weight outer, Weight inner, int32_t heads);

/// [times * a, times * b] of a square or other matrix [a, b]: the same block for every head.
Weight block_diagonal(Weight block, int32_t times);

/// All rows of the weight `times` times, one after another.
Weight tiled(Weight weight, int32_t times);

/// Row i times factor(i).
Weight scaled_rows(Weight weight, std::function<float(uint64_t)> factor);

}  // namespace linnet::convert
