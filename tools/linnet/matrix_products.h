#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/linnet/model_file.h"

namespace linnet::cli {

/// An operator that multiplies by matrices, by what it costs.
struct MatrixProduct {
  size_t index = 0;               ///< among the entry point's operators, in the order of execution
  uint64_t multiply_adds = 0;     ///< per row
  uint64_t bytes = 0;             ///< of what a row meets of the matrices, with scales, as stored
  double most_times = 1;          ///< of `bytes`: what all rows meet, other experts than the first
  bool wanted_rows_only = false;  ///< runs for the rows whose logits are wanted, not for all tokens
};

/// The entry point that runs: "decode" before "encode". Throws std::runtime_error when there is
/// none.
const schema::EntryPoint& main_entry(const ModelFile& file);

/// Whether operators of a kind multiply by matrices.
bool multiplies(schema::Attributes kind);

/// Every such operator of the main entry point, in order.
std::vector<MatrixProduct> matrix_products(const ModelFile& file);

/// How often the matrix products run in a run of tokens.
struct RunShape {
  size_t tokens = 0;
  size_t chunks = 0;       ///< all but the vocabulary head run once in each
  size_t wanted_rows = 0;  ///< tokens whose logits are wanted; the head runs for each by itself

  static RunShape prefill(size_t tokens, size_t chunk) {
    return {tokens, (tokens + chunk - 1) / chunk, 1};
  }
  static RunShape decode(size_t tokens) { return {tokens, tokens, tokens}; }
};

/// Operations of a product in such a run; a multiply-add is two.
double operations(const MatrixProduct& product, const RunShape& run);
double operations(const std::vector<MatrixProduct>& products, const RunShape& run);

/// Bytes of its matrices that such a run reads, once for every time that it runs; of a mixture
/// those of as many experts as its tokens can choose.
double bytes_read(const MatrixProduct& product, const RunShape& run);

/// Whether the first dimension of a shape is the symbol "L", the rows whose logits are wanted.
bool has_wanted_rows(const ModelFile& file, const schema::Tensor& tensor);

/// The matrix that an operator's first input meets, an input of [outputs, inputs].
const schema::Tensor& first_matrix(const ModelFile& file, const schema::Operator& op);

}  // namespace linnet::cli
