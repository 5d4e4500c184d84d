#pragma once

#include "runtime/base/array.h"
#include "runtime/kernels/mixture_of_experts.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/quantized_rows.h"
#include "runtime/ops/xnn_matrix_product.h"

namespace linnet {

/// Sparsely activated feed-forward layers (Shazeer et al. 2017). The tokens of a chunk are grouped
/// by expert, so that each expert in use multiplies its matrices once, and the others' weights are
/// not read.
class MixtureOfExperts final : public Operation {
 public:
  static Status check(const Site& site);
  static size_t scratch_bytes(const Site& site, const Extents& largest);

  Status prepare(const Bindings& bindings) override;
  Status run(const Chunk& chunk) override;

 private:
  /// A token that an expert works on.
  struct Assignment {
    uint32_t token;
    float weight;
  };

  struct Sizes {
    size_t width = 0;
    size_t hidden = 0;
    size_t experts = 0;
    size_t per_token = 0;
    size_t tokens = 0;                 ///< the most there are
    DataType inputs = DataType::f32;   ///< the rows that the gates and ups are multiplied by
    DataType between = DataType::f32;  ///< those that the downs are
  };

  /// Where everything lies in the scratch memory.
  struct Scratch {
    kernels::ExpertShare* shares = nullptr;  ///< [tokens, per_token]
    Assignment* assignments = nullptr;       ///< [tokens * per_token], by expert
    uint32_t* ends = nullptr;                ///< [experts]: where an expert's assignments end
    std::byte* inputs = nullptr;             ///< the expert's rows of x
    float* hidden = nullptr;                 ///< [tokens, 2 * hidden]
    std::byte* quantized = nullptr;          ///< [tokens, hidden], if any
    float* outputs = nullptr;                ///< [tokens, width]
    size_t bytes = 0;
  };

  static Sizes sizes_of(const MixtureOfExpertsAttributes& attributes, DataType inputs,
                        const Tensor& gate_and_up, const Tensor& down, size_t largest_tokens);
  static Scratch lay_out(const Sizes& sizes, std::byte* memory);

  void route(size_t tokens);
  Status run_expert(size_t expert, std::span<const Assignment> assignments);
  void gather(std::span<const Assignment> assignments);
  void activate(size_t rows);
  Status multiply_inputs(MatrixProduct& product, size_t rows);
  Status multiply_hidden(MatrixProduct& product, size_t rows);

  Sizes sizes_;
  Scratch scratch_;
  bool normalize_ = false;
  Activation activation_ = Activation::none;
  Array<MatrixProduct> products_;   ///< two per expert: gate and up, then down
  QuantizedRows quantized_hidden_;  ///< what is between the matrices
  QuantizedRows quantized_inputs_;  ///< the expert's rows of x
  kernels::ConstRows x_;
  QuantizedRows quantized_x_;
  kernels::ConstRows router_;
  kernels::MutableRows y_;
  pthreadpool_t threads_ = nullptr;
};

}  // namespace linnet
