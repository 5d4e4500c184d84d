#include "tools/convert/graph_builder.h"

#include <stdexcept>
#include <utility>

namespace linnet::convert {

using schema::Storage;

GraphBuilder::Scope::Scope(GraphBuilder& builder, const std::string& prefix)
    : builder_(builder), restore_(builder.prefix_.size()) {
  builder_.prefix_ += prefix + ".";
}

const Shape& GraphBuilder::shape(Value value) const {
  return graph_.tensors.at(static_cast<size_t>(value.tensor)).shape;
}

int32_t GraphBuilder::width(Value value) const { return shape(value).back(); }

void GraphBuilder::require(bool condition, const std::string& name, const std::string& why) const {
  if (!condition) throw std::logic_error(prefix_ + name + ": " + why);
}

void GraphBuilder::require_width(const std::string& name, Value x, int64_t expected) const {
  require(width(x) == expected, name,
          "expected " + std::to_string(expected) + " columns, found " + shape_text(shape(x)));
}

Value GraphBuilder::add_tensor(Tensor tensor) {
  tensor.name = prefix_ + tensor.name;
  graph_.tensors.push_back(std::move(tensor));
  return {static_cast<int32_t>(graph_.tensors.size() - 1)};
}

Value GraphBuilder::activation(const std::string& name, Shape shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.shape = std::move(shape);
  return add_tensor(std::move(tensor));
}

Value GraphBuilder::state(const std::string& name, Shape shape) {
  Tensor tensor;
  tensor.name = name;
  tensor.storage = Storage::state;
  tensor.shape = std::move(shape);
  return add_tensor(std::move(tensor));
}

Value GraphBuilder::weight(const std::string& name, const Weight& weight, WeightRole role) {
  Tensor tensor;
  tensor.name = name;
  tensor.storage = Storage::weight;
  tensor.shape = weight.shape;
  tensor.role = role;
  tensor.rows = weight.rows;
  return add_tensor(std::move(tensor));
}

Value GraphBuilder::optional_weight(const std::string& name, const std::optional<Weight>& maybe) {
  return maybe ? weight(name, *maybe) : Value{};
}

void GraphBuilder::add_operator(const std::string& name, Attributes attributes,
                                std::vector<int32_t> inputs, const std::vector<Value>& outputs) {
  Operator op{prefix_ + name, std::move(attributes), std::move(inputs), {}};
  for (Value output : outputs) op.outputs.push_back(output.tensor);
  entry_->operators.push_back(std::move(op));
}

Value GraphBuilder::add_operator(const std::string& name, Attributes attributes,
                                 std::vector<int32_t> inputs, Shape output_shape) {
  const Value output = activation(name, std::move(output_shape));
  add_operator(name, std::move(attributes), std::move(inputs), std::vector<Value>{output});
  return output;
}

void GraphBuilder::begin(EntryKind kind) {
  entry_ = kind == EntryKind::encode ? &graph_.encode : &graph_.decode;
}

Value GraphBuilder::input(const std::string& name) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = schema::DataType::int32;
  tensor.shape = {kTokens};
  const Value made = add_tensor(std::move(tensor));
  entry_->inputs.push_back(made.tensor);
  return made;
}

Value GraphBuilder::input_tokens() { return input("tokens"); }

Value GraphBuilder::input_token_types() {
  require(entry_ == &graph_.encode && entry_->inputs.size() == 1, "token_types",
          "the second input of encode");
  return input("token_types");
}

void GraphBuilder::output(const std::string& name, Value value) {
  entry_->outputs.push_back(value.tensor);
  entry_->output_names.push_back(name);
}

Value GraphBuilder::view(const std::string& name, Value x, int32_t column, int32_t width) {
  require(column >= 0 && width > 0 && column + width <= this->width(x), name,
          "columns " + std::to_string(column) + " + " + std::to_string(width) + " of " +
              shape_text(shape(x)));
  Tensor tensor;
  tensor.name = name;
  tensor.shape = {shape(x)[0], width};
  const Tensor& source = graph_.tensors.at(static_cast<size_t>(x.tensor));
  const bool nested = source.base >= 0;
  tensor.base = nested ? source.base : x.tensor;
  tensor.column = static_cast<uint32_t>(column) + (nested ? source.column : 0);
  return add_tensor(std::move(tensor));
}

Value GraphBuilder::embedding(const std::string& name, Value tokens, Value table) {
  return add_operator(name, Embedding{}, {tokens.tensor, table.tensor}, {kTokens, width(table)});
}

Value GraphBuilder::linear(const std::string& name, Value x, Value weight,
                           const LinearOptions& options) {
  require_width(name, x, width(weight));
  const int32_t outputs = shape(weight)[0];
  const Value bias = optional_weight(name + ".bias", options.bias);
  if (options.bias) require_width(name + ".bias", bias, outputs);
  return add_operator(name, Linear{options.activation}, {x.tensor, weight.tensor, bias.tensor},
                      {shape(x)[0], outputs});
}

Value GraphBuilder::linear(const std::string& name, Value x, const Weight& matrix,
                           const LinearOptions& options) {
  return linear(name, x, weight(name + ".weight", matrix, options.role), options);
}

Value GraphBuilder::last_rows(const std::string& name, Value x) {
  return add_operator(name, LastRows{}, {x.tensor}, {kLogitRows, width(x)});
}

Value GraphBuilder::pool(const std::string& name, Value x, const Pool& attributes) {
  require(attributes.recent == 0 || attributes.chunk > 0, name,
          "a chunk for recent rows to begin at");
  return add_operator(name, attributes, {x.tensor}, {kTexts, width(x)});
}

Value GraphBuilder::lstm(const std::string& name, Value gates, const Weight& recurrent) {
  const int32_t hidden = recurrent.size(1);
  require(recurrent.shape == Shape{4 * hidden, hidden}, name,
          "a recurrent matrix [4 * width, width], not " + shape_text(recurrent.shape));
  require_width(name, gates, 4 * hidden);
  const Value matrix = weight(name + ".recurrent", recurrent, WeightRole::recurrent);
  const Value kept = entry_ == &graph_.decode ? state(name + ".state", {2, hidden}) : Value{};
  return add_operator(name, Lstm{}, {gates.tensor, matrix.tensor, kept.tensor}, {kTokens, hidden});
}

Value GraphBuilder::concatenate(const std::string& name, const std::vector<Value>& parts) {
  std::vector<int32_t> inputs;
  int32_t columns = 0;
  for (Value part : parts) {
    require(shape(part)[0] == shape(parts.front())[0], name, "parts of the same rows");
    inputs.push_back(part.tensor);
    columns += width(part);
  }
  return add_operator(name, Concatenate{}, std::move(inputs), {shape(parts.front())[0], columns});
}

Value GraphBuilder::store(const std::string& name, Value x) {
  require(entry_ == &graph_.encode, name, "a place in encode");
  const Value kept = state(name, {kSource, width(x)});
  add_operator(name + ".store", Store{}, {x.tensor, kept.tensor}, std::vector<Value>{});
  return kept;
}

Value GraphBuilder::position_embedding(const std::string& name, Value x, const Weight& table,
                                       uint32_t offset) {
  const Value rows = weight(name + ".table", table);
  require_width(name, rows, width(x));
  require(offset < static_cast<uint32_t>(table.size(0)), name, "a table that ends at its offset");
  return add_operator(name, PositionEmbedding{offset}, {x.tensor, rows.tensor}, shape(x));
}

Value GraphBuilder::head_linear(const std::string& name, Value x, const Weight& matrix) {
  const int32_t inputs = matrix.size(1);
  require(width(x) % inputs == 0, name, "heads of " + shape_text(shape(x)));
  // f32 always: a few KB that every feature of every head goes through.
  const Value weight_value = weight(name + ".weight", transposed(matrix));
  return add_operator(name, HeadLinear{}, {x.tensor, weight_value.tensor},
                      {shape(x)[0], width(x) / inputs * matrix.size(0)});
}

Value GraphBuilder::query_features(const std::string& name, Value u, Value half_norms,
                                   float epsilon) {
  const int32_t heads = width(half_norms);
  require(width(u) % heads == 0, name, "heads of " + shape_text(shape(u)));
  return add_operator(
      name, SoftmaxFeatures{static_cast<uint32_t>(heads), schema::FeatureSide::query, epsilon},
      {u.tensor, half_norms.tensor, -1}, {shape(u)[0], width(u) + heads});
}

KeyFeatures GraphBuilder::key_features(const std::string& name, Value u, Value half_norms,
                                       KeyMaximum maximum) {
  const int32_t heads = width(half_norms);
  require(width(u) % heads == 0, name, "heads of " + shape_text(shape(u)));
  const Shape shape = {this->shape(u)[0], width(u) + heads};
  const SoftmaxFeatures attributes = {.heads = static_cast<uint32_t>(heads),
                                      .side = schema::FeatureSide::key,
                                      .running = maximum == KeyMaximum::running};
  const Value largest =
      maximum == KeyMaximum::of_text ? Value{} : state(name + ".maximum", {heads});
  KeyFeatures features = {activation(name, shape), {}};
  std::vector<Value> outputs = {features.key};
  if (attributes.running) {
    features.decay = activation(name + ".decay", shape);
    outputs.push_back(features.decay);
  }
  add_operator(name, attributes, {u.tensor, half_norms.tensor, largest.tensor}, outputs);
  return features;
}

Value GraphBuilder::dpfp(const std::string& name, Value x, const Dpfp& attributes) {
  require(width(x) % static_cast<int32_t>(attributes.heads) == 0, name,
          "heads of " + shape_text(shape(x)));
  return add_operator(name, attributes, {x.tensor},
                      {shape(x)[0], 2 * width(x) * static_cast<int32_t>(attributes.rolls)});
}

Value GraphBuilder::norm(const std::string& name, Value x, const Norm& attributes,
                         const std::optional<Weight>& weight, const std::optional<Weight>& bias) {
  const auto groups = static_cast<int32_t>(attributes.groups);
  require(groups > 0 && width(x) % groups == 0, name,
          std::to_string(groups) + " groups of " + shape_text(shape(x)));
  const Value weight_value = optional_weight(name + ".weight", weight);
  const Value bias_value = optional_weight(name + ".bias", bias);
  for (Value value : {weight_value, bias_value}) {
    require(value.tensor < 0 || width(value) == width(x) || width(value) == width(x) / groups, name,
            "its weight or bias does not fit the columns");
  }
  return add_operator(name, attributes, {x.tensor, weight_value.tensor, bias_value.tensor},
                      shape(x));
}

Value GraphBuilder::group_sum(const std::string& name, Value x, int32_t groups) {
  require(width(x) % groups == 0, name,
          std::to_string(groups) + " groups of " + shape_text(shape(x)));
  return add_operator(name, GroupSum{}, {x.tensor}, {shape(x)[0], groups});
}

std::vector<Value> GraphBuilder::token_shift(const std::string& name, Value x,
                                             const std::vector<std::string>& outputs,
                                             const std::vector<Weight>& mixes) {
  require(outputs.size() == mixes.size(), name, "a mix for every output");
  std::vector<int32_t> inputs = {x.tensor, state(name + ".last", {width(x)}).tensor};
  std::vector<Value> values;
  for (size_t i = 0; i < mixes.size(); ++i) {
    const Value mix = weight(name + "." + outputs[i], mixes[i]);
    require_width(name, mix, width(x));
    inputs.push_back(mix.tensor);
    values.push_back(activation(name + ".to_" + outputs[i], shape(x)));
  }
  add_operator(name, TokenShift{}, std::move(inputs), values);
  return values;
}

Value GraphBuilder::causal_conv(const std::string& name, Value x, const Weight& kernel,
                                schema::Activation activation, const std::optional<Weight>& bias) {
  const Value weight_value = weight(name + ".weight", kernel, WeightRole::convolution);
  require_width(name, weight_value, width(x));
  const Value bias_value = optional_weight(name + ".bias", bias);
  if (bias) require_width(name + ".bias", bias_value, width(x));
  const Value tail = state(name + ".tail", {kernel.size(0) - 1, width(x)});
  return add_operator(name, CausalConv{activation},
                      {x.tensor, weight_value.tensor, bias_value.tensor, tail.tensor}, shape(x));
}

Value GraphBuilder::rotary(const std::string& name, Value x, Value frequencies,
                           const Rotary& attributes) {
  require(width(x) % static_cast<int32_t>(attributes.heads) == 0, name,
          "heads of " + shape_text(shape(x)));
  require_width(name, frequencies, attributes.dimensions / 2);
  return add_operator(name, attributes, {x.tensor, frequencies.tensor}, shape(x));
}

Value GraphBuilder::softmax_attention(const std::string& name, const AttentionInputs& in,
                                      const SoftmaxAttention& attributes) {
  const auto heads = static_cast<int32_t>(attributes.heads);
  const auto key_value_heads = static_cast<int32_t>(attributes.key_value_heads);
  require_width(name + ".query", in.query, int64_t{heads} * in.head_dim);
  require_width(name + ".key", in.key, int64_t{key_value_heads} * in.head_dim);
  require_width(name + ".value", in.value, int64_t{key_value_heads} * in.value_dim);
  if (in.bias.tensor >= 0) require(shape(in.bias)[0] == heads, name, "a row of bias per head");
  if (in.position_query.tensor >= 0) {
    require_width(name + ".position_query", in.position_query, int64_t{heads} * in.head_dim);
    require_width(name + ".position_keys", in.position_keys, int64_t{heads} * in.head_dim);
  }
  if (in.type_scores.tensor >= 0)
    require_width(name + ".types", in.type_scores, int64_t{heads} * 2);
  Value key = in.key;
  Value value = in.value;
  Value keys, values;
  if (attributes.mask == schema::AttentionMask::cross) {
    keys = std::exchange(key, {});
    values = std::exchange(value, {});
  } else if (attributes.mask == schema::AttentionMask::causal) {
    const int32_t capacity = in.window > 0 ? in.window : kContext;
    keys = state(name + ".keys", {capacity, width(key)});
    values = state(name + ".values", {capacity, width(value)});
  }
  std::vector<int32_t> inputs = {in.query.tensor, key.tensor, value.tensor, keys.tensor,
                                 values.tensor};
  for (const Value more :
       {in.bias, in.position_query, in.position_keys, in.token_types, in.type_scores}) {
    inputs.push_back(more.tensor);
  }
  while (inputs.size() > 5 && inputs.back() < 0) inputs.pop_back();
  return add_operator(name, attributes, std::move(inputs), {kTokens, heads * in.value_dim});
}

namespace {

/// Numbers of the decay per head.
int32_t decay_width(schema::DecayKind kind, const FastWeightInputs& in) {
  if (kind == schema::DecayKind::per_key_channel) return in.key_dim;
  return kind == schema::DecayKind::per_value_channel ? in.value_dim : 1;
}

}  // namespace

Value GraphBuilder::fast_weight(const std::string& name, const FastWeightInputs& in,
                                const FastWeight& attributes) {
  const auto heads = static_cast<int32_t>(attributes.heads);
  const auto key_heads = static_cast<int32_t>(attributes.key_heads);
  const auto check = [&](const char* what, Value value, int64_t columns) {
    if (value.tensor >= 0) require_width(name + "." + what, value, columns);
  };
  check("query", in.query, int64_t{key_heads} * in.key_dim);
  check("key", in.key, int64_t{key_heads} * in.key_dim);
  check("value", in.value, int64_t{heads} * in.value_dim);
  check("beta", in.beta, heads);
  check("decay", in.decay, int64_t{heads} * decay_width(attributes.decay, in));
  for (Value vector : {in.correct, in.write, in.bonus}) {
    check("vector", vector, int64_t{heads} * in.key_dim);
  }
  const bool remembers = attributes.read != schema::ReadOrder::after_all;
  Value memory, keys;
  if (remembers) memory = state(name + ".memory", {heads, in.key_dim, in.value_dim});
  if (remembers && attributes.normalize) keys = state(name + ".key_sum", {heads, in.key_dim});
  std::vector<int32_t> inputs = {
      in.query.tensor,   in.key.tensor,   in.value.tensor, in.decay.tensor, in.beta.tensor,
      in.correct.tensor, in.write.tensor, in.bonus.tensor, memory.tensor,   keys.tensor};
  check("floor", in.floor, heads);
  if (in.floor.tensor >= 0) inputs.push_back(in.floor.tensor);
  return add_operator(name, attributes, std::move(inputs), {kTokens, heads * in.value_dim});
}

Value GraphBuilder::selective_scan(const std::string& name, const ScanInputs& in,
                                   const SelectiveScan& attributes) {
  const int32_t states = in.rates.size(0);
  require_width(name + ".step", in.step, width(in.value));
  const Value rates = weight(name + ".rates", in.rates);
  require_width(name + ".rates", rates, width(in.value));
  for (Value vector : {in.write, in.read}) {
    if (vector.tensor >= 0) require_width(name, vector, states);
  }
  const Value skip = optional_weight(name + ".skip", in.skip);
  const Value memory = state(name + ".memory", {states, width(in.value)});
  return add_operator(name, attributes,
                      {in.value.tensor, in.step.tensor, rates.tensor, in.write.tensor,
                       in.read.tensor, skip.tensor, memory.tensor},
                      shape(in.value));
}

StabilizedGateValues GraphBuilder::stabilized_gates(const std::string& name, Value input,
                                                    Value forget) {
  require_width(name, forget, width(input));
  const Value maximum = state(name + ".maximum", {width(input)});
  const StabilizedGateValues gates = {activation(name + ".decay", shape(input)),
                                      activation(name + ".write", shape(input)),
                                      activation(name + ".floor", shape(input))};
  add_operator(name, StabilizedGates{}, {input.tensor, forget.tensor, maximum.tensor},
               std::vector<Value>{gates.decay, gates.write, gates.floor});
  return gates;
}

Value GraphBuilder::grouped_linear(const std::string& name, Value x, const Weight& matrix,
                                   const Weight& bias, const GroupedLinear& attributes) {
  require_width(name, x, int64_t{attributes.groups} * matrix.size(1));
  const Value weight_value = weight(name + ".weight", matrix, WeightRole::gate);
  const Value bias_value = weight(name + ".bias", bias);
  require_width(name + ".bias", bias_value, matrix.size(0));
  return add_operator(name, attributes, {x.tensor, weight_value.tensor, bias_value.tensor},
                      {shape(x)[0], matrix.size(0)});
}

Value GraphBuilder::mixture_of_experts(const std::string& name, Value x, Value router,
                                       const ExpertWeights& weights,
                                       const MixtureOfExperts& attributes) {
  require_width(name + ".router", router, attributes.experts);
  const Value gate_and_up =
      weight(name + ".gate_and_up.weight", weights.gate_and_up, WeightRole::projection);
  require_width(name + ".gate_and_up", gate_and_up, width(x));
  const Value down = weight(name + ".down.weight", weights.down, WeightRole::projection);
  return add_operator(name, attributes, {x.tensor, gate_and_up.tensor, down.tensor, router.tensor},
                      shape(x));
}

Value GraphBuilder::wkv(const std::string& name, Value key, Value value, const Weight& decay,
                        const Weight& bonus) {
  constexpr int32_t kSums = 3;  // of values, of weights, and the unit of both
  const Value decay_value = weight(name + ".decay", decay);
  const Value bonus_value = weight(name + ".bonus", bonus);
  for (Value vector : {value, decay_value, bonus_value}) require_width(name, vector, width(key));
  const Value sums = state(name + ".sums", {kSums, width(key)});
  return add_operator(
      name, Wkv{}, {key.tensor, value.tensor, decay_value.tensor, bonus_value.tensor, sums.tensor},
      shape(key));
}

void GraphBuilder::require_operand(const std::string& name, Value x, Value operand) const {
  // One value per column or per group of columns, in every row or for all rows.
  const bool columns_fit = width(x) % width(operand) == 0;
  const bool rows_fit = shape(operand).size() == 1 || shape(operand)[0] == shape(x)[0];
  require(columns_fit && rows_fit, name,
          "operand " + shape_text(shape(operand)) + " of " + shape_text(shape(x)));
}

ElementwiseChain::ElementwiseChain(GraphBuilder& builder, std::string name, Value x)
    : builder_(builder), name_(std::move(name)), inputs_{x.tensor} {}

ElementwiseChain& ElementwiseChain::step(Function function, Value operand) {
  builder_.require_operand(name_, {inputs_.front()}, operand);
  attributes_.steps.emplace_back(function, static_cast<int8_t>(inputs_.size()), 0.0f);
  inputs_.push_back(operand.tensor);
  return *this;
}

ElementwiseChain& ElementwiseChain::step(Function function, float scalar) {
  attributes_.steps.emplace_back(function, static_cast<int8_t>(-1), scalar);
  return *this;
}

Value ElementwiseChain::end() {
  Shape shape = builder_.shape({inputs_.front()});
  return builder_.add_operator(name_, std::move(attributes_), std::move(inputs_), std::move(shape));
}

}  // namespace linnet::convert
