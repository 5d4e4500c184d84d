// Single kernels on one thread: linnet_benchmarks --benchmark_filter=FastWeight
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/fast_weight.h"
#include "runtime/kernels/gather.h"
#include "runtime/kernels/norm.h"
#include "runtime/kernels/rotary.h"
#include "runtime/kernels/softmax_attention.h"
#include "runtime/kernels/time_mix.h"

namespace linnet {
namespace {

using kernels::ConstRows;
using kernels::MutableRows;

std::vector<float> random_values(size_t n, float scale = 1.0f, float offset = 0.0f) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(offset, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

void count_flops(benchmark::State& state, double per_iteration) {
  state.counters["FLOP/s"] =
      benchmark::Counter(per_iteration, benchmark::Counter::kIsIterationInvariantRate);
}

/// A layer of heads over a chunk. Arguments: tokens, heads, key_dim, value_dim.
void run_fast_weight(benchmark::State& state, WriteRule rule, DecayKind decay_kind) {
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto heads = static_cast<size_t>(state.range(1));
  const auto key_dim = static_cast<size_t>(state.range(2));
  const auto value_dim = static_cast<size_t>(state.range(3));
  const size_t key_width = heads * key_dim;
  const size_t value_width = heads * value_dim;
  const auto query = random_values(tokens * key_width);
  const auto key = random_values(tokens * key_width, 0.05f);
  const auto value = random_values(tokens * value_width);
  const auto decay = random_values(tokens * key_width, 0.01f, 0.95f);
  const auto beta = random_values(tokens * heads, 0.1f, 0.5f);
  const auto write = random_values(tokens * key_width, 0.02f);
  std::vector<float> memory(heads * key_dim * value_dim);
  std::vector<float> output(tokens * value_width);
  for (auto _ : state) {
    for (size_t h = 0; h < heads; ++h) {
      kernels::FastWeightHead head;
      head.tokens = tokens;
      head.key_dim = key_dim;
      head.value_dim = value_dim;
      head.query = {query.data() + h * key_dim, key_width};
      head.key = {key.data() + h * key_dim, key_width};
      head.value = {value.data() + h * value_dim, value_width};
      head.decay = {decay.data() + h * key_dim, key_width};
      head.beta = {beta.data() + h, heads};
      head.correct = {key.data() + h * key_dim, key_width};
      head.write = {write.data() + h * key_dim, key_width};
      head.state = {memory.data() + h * key_dim * value_dim, value_dim};
      head.output = {output.data() + h * value_dim, value_width};
      head.decay_kind = decay_kind;
      head.rule = rule;
      head.correct_before_decay = rule == WriteRule::rank_one;
      kernels::fast_weight(head, 0, value_dim);
    }
    benchmark::DoNotOptimize(output.data());
    benchmark::ClobberMemory();
  }
  const double updates = static_cast<double>(tokens * heads * key_dim * value_dim);
  // Decay, recall, write and read of an element: 7 operations, 9 with another rank, 5 without
  // recall.
  const double operations = rule == WriteRule::additive ? 5 : rule == WriteRule::delta ? 7 : 9;
  count_flops(state, updates * operations);
}

void BM_FastWeightGatedDelta(benchmark::State& state) {
  run_fast_weight(state, WriteRule::delta, DecayKind::per_head);
}
void BM_FastWeightKimiDelta(benchmark::State& state) {
  run_fast_weight(state, WriteRule::delta, DecayKind::per_key_channel);
}
void BM_FastWeightRwkv7(benchmark::State& state) {
  run_fast_weight(state, WriteRule::rank_one, DecayKind::per_key_channel);
}
void BM_FastWeightRetention(benchmark::State& state) {
  run_fast_weight(state, WriteRule::additive, DecayKind::per_head);
}
BENCHMARK(BM_FastWeightGatedDelta)
    ->Args({1, 16, 128, 128})
    ->Args({8, 16, 128, 128})
    ->Args({128, 16, 128, 128});
BENCHMARK(BM_FastWeightKimiDelta)->Args({1, 16, 128, 128})->Args({128, 16, 128, 128});
BENCHMARK(BM_FastWeightRwkv7)->Args({1, 32, 64, 64})->Args({128, 32, 64, 64});
BENCHMARK(BM_FastWeightRetention)->Args({1, 16, 128, 128})->Args({128, 16, 128, 128});

/// One key-value head. Arguments: tokens, tokens before them, query heads, head_dim.
void BM_SoftmaxAttention(benchmark::State& state) {
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto before = static_cast<size_t>(state.range(1));
  const auto heads = static_cast<size_t>(state.range(2));
  const auto dim = static_cast<size_t>(state.range(3));
  const size_t capacity = before + tokens;
  const auto query = random_values(tokens * heads * dim);
  const auto key = random_values(tokens * dim);
  auto key_ring = random_values(capacity * dim);
  auto value_ring = random_values(capacity * dim);
  std::vector<float> output(tokens * heads * dim);
  std::vector<float> scratch(kernels::softmax_attention_scratch());
  kernels::SoftmaxAttentionHead head;
  head.position = before;
  head.tokens = tokens;
  head.capacity = capacity;
  head.queries_per_head = heads;
  head.head_dim = dim;
  head.value_dim = dim;
  head.query = {query.data(), heads * dim};
  head.key = {key.data(), dim};
  head.value = {key.data(), dim};
  head.key_ring = {key_ring.data(), dim};
  head.value_ring = {value_ring.data(), dim};
  head.output = {output.data(), heads * dim};
  head.scale = 0.1f;
  head.scratch = scratch.data();
  for (auto _ : state) {
    kernels::softmax_attention(head);
    benchmark::ClobberMemory();
  }
  const double keys = static_cast<double>(tokens) *
                      (static_cast<double>(before) + static_cast<double>(tokens + 1) / 2);
  count_flops(state, 4 * keys * static_cast<double>(heads * dim));
}
BENCHMARK(BM_SoftmaxAttention)
    ->Args({1, 512, 1, 64})
    ->Args({1, 4096, 4, 128})
    ->Args({128, 0, 4, 128})
    ->Args({128, 1024, 1, 64})
    ->Args({128, 1024, 4, 256});

/// Arguments: rows, groups, width.
void BM_Norm(benchmark::State& state) {
  kernels::NormArguments arguments;
  arguments.rows = static_cast<size_t>(state.range(0));
  arguments.groups = static_cast<size_t>(state.range(1));
  arguments.width = static_cast<size_t>(state.range(2));
  const size_t columns = arguments.groups * arguments.width;
  auto x = random_values(arguments.rows * columns);
  const auto weight = random_values(arguments.width);
  arguments.x = {x.data(), columns};
  arguments.y = {x.data(), columns};
  arguments.weight = weight.data();
  arguments.kind = NormKind::rms;
  arguments.epsilon = 1e-6f;
  for (auto _ : state) {
    kernels::norm(arguments);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(2 * 4 * x.size()));
}
BENCHMARK(BM_Norm)->Args({1, 1, 2048})->Args({128, 1, 2048})->Args({128, 16, 128});

/// y = x * silu(z). Arguments: rows, width.
void BM_ElementwiseGate(benchmark::State& state) {
  const auto rows = static_cast<size_t>(state.range(0));
  const auto width = static_cast<size_t>(state.range(1));
  const auto x = random_values(rows * width);
  const auto z = random_values(rows * width);
  std::vector<float> y(rows * width);
  const kernels::ElementwiseStep step = {
      ElementwiseFunction::multiply_silu, {z.data(), width}, 1, 0};
  for (auto _ : state) {
    kernels::elementwise(rows, width, {x.data(), width}, {&step, 1}, {y.data(), width});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(y.size()));
}
BENCHMARK(BM_ElementwiseGate)->Args({1, 6144})->Args({128, 6144});

/// RWKV-7's six mixes of a token with the one before it. Arguments: tokens, width.
void BM_TokenShift(benchmark::State& state) {
  constexpr size_t mixes = 6;
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto width = static_cast<size_t>(state.range(1));
  const auto x = random_values(tokens * width);
  const auto mix = random_values(width);
  const auto last = random_values(width);
  std::vector<float> y(mixes * tokens * width);
  const std::vector<const float*> mix_rows(mixes, mix.data());
  std::vector<MutableRows> outputs;
  for (size_t i = 0; i < mixes; ++i) outputs.push_back({y.data() + i * tokens * width, width});
  const kernels::TokenShiftArguments arguments = {
      width, {x.data(), width}, last.data(), mix_rows, outputs};
  for (auto _ : state) {
    kernels::token_shift(arguments, 0, tokens);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(y.size()));
}
BENCHMARK(BM_TokenShift)->Args({1, 1024})->Args({128, 1024});

/// Arguments: tokens, width, kernel.
void BM_CausalConv(benchmark::State& state) {
  kernels::CausalConvArguments arguments;
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto width = static_cast<size_t>(state.range(1));
  arguments.width = width;
  arguments.kernel = static_cast<size_t>(state.range(2));
  const auto x = random_values(tokens * width);
  const auto weight = random_values(arguments.kernel * width);
  const auto tail = random_values((arguments.kernel - 1) * width);
  std::vector<float> y(x.size());
  arguments.x = {x.data(), width};
  arguments.weight = {weight.data(), width};
  arguments.tail = {tail.data(), width};
  arguments.y = {y.data(), width};
  arguments.activation = Activation::silu;
  for (auto _ : state) {
    kernels::causal_conv(arguments, 0, tokens);
    benchmark::ClobberMemory();
  }
  count_flops(state, static_cast<double>(2 * arguments.kernel * x.size()));
}
BENCHMARK(BM_CausalConv)->Args({1, 6144, 4})->Args({128, 6144, 4});

/// A quarter of each head turns, as in Qwen3.5. Arguments: tokens, heads, head_dim.
void BM_Rotary(benchmark::State& state) {
  kernels::RotaryArguments arguments;
  arguments.tokens = static_cast<size_t>(state.range(0));
  arguments.heads = static_cast<size_t>(state.range(1));
  arguments.head_dim = static_cast<size_t>(state.range(2));
  arguments.pairs = arguments.head_dim / 8;
  const size_t width = arguments.heads * arguments.head_dim;
  auto x = random_values(arguments.tokens * width);
  const auto frequencies = random_values(arguments.pairs);
  std::vector<float> cosines(arguments.tokens * arguments.pairs);
  std::vector<float> sines(cosines.size());
  arguments.cosines = cosines.data();
  arguments.sines = sines.data();
  arguments.x = {x.data(), width};
  arguments.y = {x.data(), width};
  for (auto _ : state) {
    kernels::rotary_table(1000, arguments.tokens, frequencies.data(), arguments.pairs, 1.0f,
                          cosines.data(), sines.data());
    kernels::rotary(arguments);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(arguments.tokens * arguments.heads));
}
BENCHMARK(BM_Rotary)->Args({1, 8, 256})->Args({128, 8, 256});

/// Rows of an int8 embedding. Arguments: tokens, width.
void BM_GatherInt8(benchmark::State& state) {
  constexpr size_t vocabulary = 1 << 15;
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto width = static_cast<size_t>(state.range(1));
  std::mt19937 random(1);
  std::vector<int8_t> table(vocabulary * width);
  for (int8_t& value : table) value = static_cast<int8_t>(random());
  const auto scales = random_values(vocabulary);
  std::vector<int32_t> ids(tokens);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % vocabulary);
  std::vector<float> y(tokens * width);
  for (auto _ : state) {
    kernels::gather_int8(table.data(), scales.data(), /*block=*/width, width, ids.data(), tokens,
                         {y.data(), width});
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(tokens * width));
}
BENCHMARK(BM_GatherInt8)->Args({1, 1024})->Args({128, 1024});

}  // namespace
}  // namespace linnet

BENCHMARK_MAIN();
