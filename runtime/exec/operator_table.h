#pragma once

#include <cstddef>
#include <iterator>
#include <new>
#include <type_traits>
#include <variant>

#include "runtime/base/selection.h"
#include "runtime/ops/causal_conv.h"
#include "runtime/ops/concatenate.h"
#include "runtime/ops/dpfp.h"
#include "runtime/ops/elementwise.h"
#include "runtime/ops/embedding.h"
#include "runtime/ops/fast_weight.h"
#include "runtime/ops/group_sum.h"
#include "runtime/ops/head_linear.h"
#include "runtime/ops/last_rows.h"
#include "runtime/ops/lstm.h"
#include "runtime/ops/norm.h"
#include "runtime/ops/operation.h"
#include "runtime/ops/pool.h"
#include "runtime/ops/position_embedding.h"
#include "runtime/ops/quantize.h"
#include "runtime/ops/rotary.h"
#include "runtime/ops/row_operation.h"
#include "runtime/ops/selective_scan.h"
#include "runtime/ops/softmax_attention.h"
#include "runtime/ops/softmax_features.h"
#include "runtime/ops/stabilized_gates.h"
#include "runtime/ops/store.h"
#include "runtime/ops/token_shift.h"
#include "runtime/ops/wkv.h"
#include "runtime/ops/xnn_grouped_linear.h"
#include "runtime/ops/xnn_linear.h"
#include "runtime/ops/xnn_mixture_of_experts.h"

namespace linnet {

/// How the executor makes one kind of operator.
struct OperatorEntry {
  const char* name;
  /// Null, as all below: this build leaves the operator out.
  Status (*check)(const Site& site);
  size_t (*scratch_bytes)(const Site& site, const Extents& largest);
  size_t (*rows_before)(const Site& site);  ///< see RowOperation; null: it's none
  size_t object_bytes;
  Operation* (*create)(void* memory);  ///< memory of object_bytes, aligned as malloc aligns
};

template <typename T>
constexpr OperatorEntry entry(const char* name) {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  if (!is_selected(name)) return {name, nullptr, nullptr, nullptr, 0, nullptr};
  size_t (*rows_before)(const Site&) = nullptr;
  if constexpr (std::is_base_of_v<RowOperation, T>) rows_before = T::rows_before;
  return {name,        T::check,  T::scratch_bytes,
          rows_before, sizeof(T), [](void* memory) -> Operation* { return new (memory) T; }};
}

/// Every operator there is, in the order of OperatorAttributes.
inline constexpr OperatorEntry operator_table[] = {
    entry<Linear>("Linear"),
    entry<Embedding>("Embedding"),
    entry<Quantize>("Quantize"),
    entry<LastRows>("LastRows"),
    entry<Norm>("Norm"),
    entry<Elementwise>("Elementwise"),
    entry<GroupSum>("GroupSum"),
    entry<TokenShift>("TokenShift"),
    entry<CausalConv>("CausalConv"),
    entry<Rotary>("Rotary"),
    entry<SoftmaxAttention>("SoftmaxAttention"),
    entry<FastWeight>("FastWeight"),
    entry<Wkv>("Wkv"),
    entry<SelectiveScan>("SelectiveScan"),
    entry<GroupedLinear>("GroupedLinear"),
    entry<MixtureOfExperts>("MixtureOfExperts"),
    entry<StabilizedGates>("StabilizedGates"),
    entry<PositionEmbedding>("PositionEmbedding"),
    entry<HeadLinear>("HeadLinear"),
    entry<SoftmaxFeatures>("SoftmaxFeatures"),
    entry<Dpfp>("Dpfp"),
    entry<Store>("Store"),
    entry<Pool>("Pool"),
    entry<Lstm>("Lstm"),
    entry<Concatenate>("Concatenate"),
};
static_assert(std::size(operator_table) == std::variant_size_v<OperatorAttributes>);

inline const OperatorEntry& entry_of(const Operator& op) {
  return operator_table[op.attributes.index()];
}

}  // namespace linnet
