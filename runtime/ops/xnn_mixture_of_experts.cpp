#include "runtime/ops/xnn_mixture_of_experts.h"

#include <algorithm>
#include <cstring>

#include "runtime/kernels/elementwise.h"
#include "runtime/ops/parallel.h"

namespace linnet {
namespace {

enum Input : size_t { value, gate_and_up, down, router, input_count };

/// So that the choices of the largest chunk can be counted in 32 bits.
constexpr size_t most_experts = 1 << 15;

}  // namespace

Status MixtureOfExperts::check(const Site& site) {
  Status status = site.expect_counts(input_count, 1);
  if (status.failed()) return status;
  const auto& attributes = site.attributes<MixtureOfExpertsAttributes>();
  const Tensor* x = site.input(value);
  const Tensor* first = site.input(gate_and_up);
  const Tensor* second = site.input(down);
  const size_t experts = attributes.experts;
  if (experts > most_experts) return site.fail("has more than 32768 experts");
  if (experts == 0 || attributes.experts_per_token == 0 || attributes.experts_per_token > experts) {
    return site.fail("has no experts, or more per token than there are");
  }
  if (x == nullptr || first == nullptr || second == nullptr || second->rank != 2 ||
      !second->shape[0].is_number() || !second->shape[1].is_number()) {
    return site.fail("needs an activation and the matrices of its experts");
  }
  const Dimension tokens(Dimension::Kind::tokens);
  const size_t width = site.output(0).columns().number();
  const size_t hidden = second->shape[1].number();
  if (width == 0 || hidden == 0 || second->shape[0].number() / width != experts ||
      second->shape[0].number() % width != 0) {
    return site.fail("has matrices that its experts do not divide");
  }
  if (hidden > SIZE_MAX / 2 / experts || width > SIZE_MAX / experts)
    return site.fail("has too large experts");
  status = MatrixProduct::check(site, first, "gate and up", experts * 2 * hidden, width);
  if (!status.failed())
    status = MatrixProduct::check(site, second, "down", experts * width, hidden);
  if (!status.failed())
    status = site.expect_activation(site.input(router), "router", tokens, experts);
  if (!status.failed()) status = site.expect_activation(&site.output(0), "output", tokens, width);
  if (!status.failed()) status = MatrixProduct::check_input(site, x, first->type, width);
  if (status.failed()) return status;
  return x->rows() == tokens ? Status::ok() : site.fail("has an input of other rows than tokens");
}

MixtureOfExperts::Sizes MixtureOfExperts::sizes_of(const MixtureOfExpertsAttributes& attributes,
                                                   DataType inputs, const Tensor& gate_and_up,
                                                   const Tensor& down, size_t largest_tokens) {
  return {.width = gate_and_up.columns().number(),
          .hidden = down.columns().number(),
          .experts = attributes.experts,
          .per_token = attributes.experts_per_token,
          .tokens = largest_tokens,
          .inputs = inputs,
          .between = QuantizedRows::type_for(down.type)};
}

MixtureOfExperts::Scratch MixtureOfExperts::lay_out(const Sizes& sizes, std::byte* memory) {
  constexpr size_t alignment = 64;
  Scratch scratch;
  const auto take = [&](size_t bytes) {
    std::byte* place = memory == nullptr ? nullptr : memory + scratch.bytes;
    // XNNPACK may read, but does not use, a few bytes behind the last row.
    scratch.bytes += (bytes + XNN_EXTRA_BYTES + alignment - 1) / alignment * alignment;
    return place;
  };
  const auto take_floats = [&](size_t count) {
    return reinterpret_cast<float*>(take(count * sizeof(float)));
  };
  const size_t shares = sizes.tokens * sizes.per_token;
  scratch.shares =
      reinterpret_cast<kernels::ExpertShare*>(take(shares * sizeof(kernels::ExpertShare)));
  scratch.assignments = reinterpret_cast<Assignment*>(take(shares * sizeof(Assignment)));
  scratch.ends = reinterpret_cast<uint32_t*>(take(sizes.experts * sizeof(uint32_t)));
  scratch.inputs = take(sizes.inputs == DataType::f32
                            ? sizes.tokens * sizes.width * sizeof(float)
                            : QuantizedRows::bytes(sizes.inputs, sizes.tokens, sizes.width));
  scratch.hidden = take_floats(sizes.tokens * 2 * sizes.hidden);
  if (sizes.between != DataType::f32)
    scratch.quantized = take(QuantizedRows::bytes(sizes.between, sizes.tokens, sizes.hidden));
  scratch.outputs = take_floats(sizes.tokens * sizes.width);
  return scratch;
}

size_t MixtureOfExperts::scratch_bytes(const Site& site, const Extents& largest) {
  const Sizes sizes =
      sizes_of(site.attributes<MixtureOfExpertsAttributes>(), site.input(value)->type,
               *site.input(gate_and_up), *site.input(down), largest.tokens);
  return lay_out(sizes, nullptr).bytes;
}

Status MixtureOfExperts::prepare(const Bindings& bindings) {
  const auto& attributes = *std::get_if<MixtureOfExpertsAttributes>(&bindings.op().attributes);
  sizes_ =
      sizes_of(attributes, bindings.input_tensor(value).type, bindings.input_tensor(gate_and_up),
               bindings.input_tensor(down), bindings.largest().tokens);
  scratch_ = lay_out(sizes_, bindings.scratch());
  normalize_ = attributes.normalize;
  activation_ = attributes.activation;
  threads_ = bindings.threads();
  router_ = bindings.input_rows(router);
  y_ = bindings.output_rows(0);
  if (sizes_.inputs == DataType::f32) {
    x_ = bindings.input_rows(value);
  } else {
    quantized_x_ =
        QuantizedRows(sizes_.inputs, bindings.input<std::byte>(value), sizes_.tokens, sizes_.width);
    quantized_inputs_ = QuantizedRows(sizes_.inputs, scratch_.inputs, sizes_.tokens, sizes_.width);
  }
  if (sizes_.between != DataType::f32) {
    quantized_hidden_ =
        QuantizedRows(sizes_.between, scratch_.quantized, sizes_.tokens, sizes_.hidden);
  }
  if (!products_.allocate(2 * sizes_.experts)) {
    return Status::error(LINNET_OUT_OF_MEMORY, "no memory for %zu experts", sizes_.experts);
  }
  for (size_t i = 0; i < products_.size(); ++i) {
    const bool is_down = i % 2 == 1;
    const Status status = products_[i].prepare(
        bindings, MatrixPlace::of(bindings.op(), i), Activation::none,
        is_down ? 2 * sizes_.hidden : sizes_.width, is_down ? sizes_.width : 2 * sizes_.hidden);
    if (status.failed()) return status;
  }
  return Status::ok();
}

/// Chooses every token's experts, then sorts the choices by expert; an expert's tokens stay in
/// their order.
void MixtureOfExperts::route(size_t tokens) {
  std::fill_n(scratch_.ends, sizes_.experts, 0);
  for (size_t t = 0; t < tokens; ++t) {
    const std::span<kernels::ExpertShare> shares(scratch_.shares + t * sizes_.per_token,
                                                 sizes_.per_token);
    kernels::choose_experts({router_[t], sizes_.experts}, normalize_, shares);
    for (const kernels::ExpertShare& share : shares) ++scratch_.ends[share.expert];
  }
  // Counts become starts, which move to the ends as the assignments are put in place.
  uint32_t next = 0;
  for (size_t expert = 0; expert < sizes_.experts; ++expert) {
    const uint32_t count = scratch_.ends[expert];
    scratch_.ends[expert] = next;
    next += count;
  }
  for (size_t i = 0; i < tokens * sizes_.per_token; ++i) {
    const kernels::ExpertShare& share = scratch_.shares[i];
    scratch_.assignments[scratch_.ends[share.expert]++] = {
        static_cast<uint32_t>(i / sizes_.per_token), share.weight};
  }
}

void MixtureOfExperts::gather(std::span<const Assignment> assignments) {
  const size_t width = sizes_.width;
  if (sizes_.inputs == DataType::f32) {
    auto* rows = reinterpret_cast<float*>(scratch_.inputs);
    for (size_t i = 0; i < assignments.size(); ++i)
      std::copy_n(x_[assignments[i].token], width, rows + i * width);
    return;
  }
  for (size_t i = 0; i < assignments.size(); ++i)
    quantized_inputs_.copy_row(quantized_x_, assignments[i].token, i);
  quantized_inputs_.finish(assignments.size());
}

/// hidden = activation(gate) * up, in the place of the gate.
void MixtureOfExperts::activate(size_t rows) {
  const size_t stride = 2 * sizes_.hidden;
  parallel_for(threads_, rows, rows * sizes_.hidden * 8, [&](size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      float* gate = scratch_.hidden + row * stride;
      kernels::activate(activation_, gate, sizes_.hidden);
      const kernels::ElementwiseStep multiply = {.function = ElementwiseFunction::multiply,
                                                 .operand = {gate + sizes_.hidden, stride}};
      kernels::elementwise(1, sizes_.hidden, {gate, stride}, {&multiply, 1}, {gate, stride});
    }
  });
}

Status MixtureOfExperts::multiply_inputs(MatrixProduct& product, size_t rows) {
  if (sizes_.inputs == DataType::f32)
    return product.run(rows, reinterpret_cast<const float*>(scratch_.inputs), scratch_.hidden);
  return product.run(rows, quantized_inputs_, scratch_.hidden);
}

Status MixtureOfExperts::multiply_hidden(MatrixProduct& product, size_t rows) {
  if (sizes_.between == DataType::f32) return product.run(rows, scratch_.hidden, scratch_.outputs);
  parallel_for(threads_, rows, rows * sizes_.hidden * 2, [&](size_t first, size_t count) {
    quantized_hidden_.quantize({scratch_.hidden, 2 * sizes_.hidden}, sizes_.hidden, first, count);
  });
  quantized_hidden_.finish(rows);
  return product.run(rows, quantized_hidden_, scratch_.outputs);
}

Status MixtureOfExperts::run_expert(size_t expert, std::span<const Assignment> assignments) {
  const size_t rows = assignments.size();
  gather(assignments);
  Status status = multiply_inputs(products_[2 * expert], rows);
  if (status.failed()) return status;
  activate(rows);
  status = multiply_hidden(products_[2 * expert + 1], rows);
  if (status.failed()) return status;
  for (size_t i = 0; i < rows; ++i) {
    kernels::add_share(assignments[i].weight, scratch_.outputs + i * sizes_.width,
                       y_[assignments[i].token], sizes_.width);
  }
  return Status::ok();
}

Status MixtureOfExperts::run(const Chunk& chunk) {
  const size_t tokens = chunk.extents.tokens;
  route(tokens);
  for (size_t t = 0; t < tokens; ++t) std::fill_n(y_[t], sizes_.width, 0.0f);
  uint32_t begin = 0;
  for (size_t expert = 0; expert < sizes_.experts; ++expert) {
    const uint32_t end = scratch_.ends[expert];
    if (end > begin) {
      const Status status = run_expert(expert, {scratch_.assignments + begin, end - begin});
      if (status.failed()) return status;
    }
    begin = end;
  }
  return Status::ok();
}

}  // namespace linnet
