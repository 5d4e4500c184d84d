#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "schema/linnet_generated.h"

namespace linnet::convert {

/// Symbolic dimensions: symbols[-1 - d] of the graph.
inline constexpr int32_t kTokens = -1;     ///< "T"
inline constexpr int32_t kLogitRows = -2;  ///< "L"
inline constexpr int32_t kContext = -3;    ///< "C"
inline constexpr int32_t kTexts = -4;      ///< "B"
inline constexpr int32_t kSource = -5;     ///< "S"

using Shape = std::vector<int32_t>;

/// "[T, 64]"
std::string shape_text(const Shape& shape);

/// The product of all dimensions, which must be numbers.
uint64_t element_count(const Shape& shape);

/// Fills `out` with rows [first, first + count) of a weight as f32; a row is all but dimension 0.
/// A weight is made when it is written, a few rows at a time, so that no model is ever in memory.
using RowProducer = std::function<void(uint64_t first, uint64_t count, std::span<float> out)>;

/// What a weight does in the model; passes/quantize.cpp decides by it in which type it is stored.
enum class WeightRole : uint8_t {
  projection,  ///< a matrix of an attention, fast-weight or feed-forward layer
  embedding,   ///< the token table, and with it a head that shares it
  head,        ///< hidden state -> logits
  gate,        ///< a projection to a few numbers per token: decay, write strength
  low_rank,    ///< half of a low-rank path, unless that makes a decay
  decay,       ///< half of a low-rank path that makes a decay
  recurrent,   ///< what an LSTM multiplies its own last output by
  vector,      ///< norms, biases, mixes, decays
  convolution,
  scales,  ///< of a quantised weight; its values come into being with those
};

struct Tensor {
  std::string name;
  schema::DataType type = schema::DataType::f32;
  schema::Storage storage = schema::Storage::activation;
  Shape shape;
  WeightRole role = WeightRole::vector;
  RowProducer rows;     ///< weights, but for those that are scales
  int32_t scales = -1;  ///< int8, int4 weights: the tensor that holds the scales
  uint32_t block = 0;   ///< int8, int4 weights: values per scale along a row; 0: one per row
  int32_t base = -1;    ///< an activation that is columns [column, column + width) of `base`
  uint32_t column = 0;
};

// The attributes of operators, as in schema/linnet.fbs.

struct Linear {
  schema::Activation activation = schema::Activation::none;
};
struct Embedding {};
struct Quantize {};
struct LastRows {};
struct Norm {
  schema::NormKind kind = schema::NormKind::layer;
  uint32_t groups = 1;
  float epsilon = 0;
};
struct Elementwise {
  std::vector<schema::ElementwiseStep> steps;
};
struct GroupSum {};
struct TokenShift {};
struct CausalConv {
  schema::Activation activation = schema::Activation::none;
};
struct Rotary {
  uint32_t heads = 0;
  uint32_t dimensions = 0;
  schema::RotaryStyle style = schema::RotaryStyle::halves;
  float scale = 1;
};
struct SoftmaxAttention {
  uint32_t heads = 0;
  uint32_t key_value_heads = 0;
  float scale = 1;
  schema::AttentionMask mask = schema::AttentionMask::causal;
  uint32_t window = 0;
  uint32_t segment = 0;
  bool clamps_distance = false;
};
struct FastWeight {
  uint32_t heads = 0;
  uint32_t key_heads = 0;
  schema::DecayKind decay = schema::DecayKind::none;
  schema::WriteRule rule = schema::WriteRule::additive;
  bool correct_before_decay = false;
  schema::ReadOrder read = schema::ReadOrder::after_write;
  float scale = 1;
  schema::Squash squash = schema::Squash::none;
  bool normalize = false;
  float normalizer_epsilon = 0;
  float normalizer_query_epsilon = 0;
};
struct Wkv {};
struct SelectiveScan {
  schema::ScanInput input = schema::ScanInput::step;
};
struct GroupedLinear {
  uint32_t groups = 0;
  schema::Activation activation = schema::Activation::none;
};
struct MixtureOfExperts {
  uint32_t experts = 0;
  uint32_t experts_per_token = 0;
  bool normalize = false;
  schema::Activation activation = schema::Activation::none;
};
struct StabilizedGates {};
struct PositionEmbedding {
  uint32_t offset = 0;
};
struct HeadLinear {};
struct SoftmaxFeatures {
  uint32_t heads = 0;
  schema::FeatureSide side = schema::FeatureSide::query;
  float epsilon = 0;
  bool running = false;
};
struct Dpfp {
  uint32_t heads = 0;
  uint32_t rolls = 0;
};
struct Store {};
struct Pool {
  schema::PoolKind kind = schema::PoolKind::first;
  uint32_t recent = 0;
  uint32_t chunk = 0;
};
struct Lstm {};

struct Concatenate {};

using Attributes =
    std::variant<Linear, Embedding, Quantize, LastRows, Norm, Elementwise, GroupSum, TokenShift,
                 CausalConv, Rotary, SoftmaxAttention, FastWeight, Wkv, SelectiveScan,
                 GroupedLinear, MixtureOfExperts, StabilizedGates, PositionEmbedding, HeadLinear,
                 SoftmaxFeatures, Dpfp, Store, Pool, Lstm, Concatenate>;

struct Operator {
  std::string name;
  Attributes attributes;
  std::vector<int32_t> inputs;  ///< tensor indices; -1 where an optional one is absent
  std::vector<int32_t> outputs;
};

struct EntryPoint {
  std::string name;
  std::vector<int32_t> inputs = {};
  std::vector<int32_t> outputs = {};
  std::vector<std::string> output_names = {};
  std::vector<Operator> operators = {};  ///< in the order of execution
};

enum class EntryKind : uint8_t { encode, decode };

/// What the columns of a classifier's logits stand for.
struct Labels {
  std::vector<std::string> names = {};
  schema::LabelFunction function = schema::LabelFunction::softmax;
};

/// A model before it is written.
struct Graph {
  std::vector<std::string> symbols = {"T", "L", "C", "B", "S"};
  std::vector<Tensor> tensors;
  EntryPoint encode = {.name = "encode"};
  EntryPoint decode = {.name = "decode"};

  /// Those that the model has, in the order in which they run.
  std::vector<EntryPoint*> entry_points();
  std::vector<const EntryPoint*> entry_points() const;

  /// Whether an operator makes a tensor, or the one that it is columns of.
  bool makes(const Operator& op, int32_t tensor) const;

  uint32_t vocabulary = 0;
  uint32_t context = 0;  ///< positions the model was trained for; 0: unbounded
  Labels labels = {};    ///< without names: no classifier
};

/// Drops tensors that no operator uses, and puts the rest in the order in which they are first
/// used: so that a token reads the file from its beginning to its end.
void order_tensors(Graph& graph);

}  // namespace linnet::convert
