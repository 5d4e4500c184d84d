#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/convert/graph.h"
#include "tools/convert/weights.h"

namespace linnet::convert {

class GraphBuilder;

/// A tensor of the graph under construction; -1 stands for one that is absent.
struct Value {
  int32_t tensor = -1;
};

struct LinearOptions {
  std::optional<Weight> bias = {};
  schema::Activation activation = schema::Activation::none;
  WeightRole role = WeightRole::projection;
};

/// Names its inputs, so that a model's equations read as such; see schema/linnet.fbs for shapes.
struct FastWeightInputs {
  Value query, key, value;
  Value decay = {}, beta = {}, correct = {}, write = {}, bonus = {};
  int32_t key_dim = 0, value_dim = 0;
  Value floor = {};
};

/// Whose largest projection scales a key; see SoftmaxFeatures in schema/linnet.fbs.
enum class KeyMaximum : uint8_t {
  of_text,  ///< an encoder's whole text
  so_far,   ///< all tokens so far, also for what the layers above have seen of earlier ones
  running,  ///< of all tokens up to the key's own: above it nothing remembers
};

/// What SoftmaxFeatures makes of keys.
struct KeyFeatures {
  Value key;
  Value decay;  ///< of all that was written before; running only
};

/// With the mask cross, key and value are states that `store` has made.
struct AttentionInputs {
  Value query, key, value;
  int32_t head_dim = 0, value_dim = 0;
  /// Causal: tokens that each token sees, itself included; 0: the session's context.
  int32_t window = 0;
  Value bias = {};                                ///< [heads, 2 r + 1], by distance
  Value position_query = {}, position_keys = {};  ///< relative positions, both or none
  Value token_types = {}, type_scores = {};       ///< both or none
};

/// Names as in the schema; absent ones count as 1, an absent skip as 0.
struct ScanInputs {
  Value value, step;
  Weight rates;  ///< [states, width]
  Value write = {}, read = {};
  std::optional<Weight> skip = {};
};

/// [experts * 2 * hidden, width] and [experts * width, hidden], expert by expert.
struct ExpertWeights {
  Weight gate_and_up;
  Weight down;
};

/// What takes the place of exponential gates, see the schema.
struct StabilizedGateValues {
  Value decay, write, floor;
};

/// An elementwise operator in the making: acc = x, then step after step, then end().
class ElementwiseChain {
 public:
  ElementwiseChain(GraphBuilder& builder, std::string name, Value x);

  ElementwiseChain& add(Value y) { return step(Function::add, y); }
  ElementwiseChain& add(float y) { return step(Function::add, y); }
  ElementwiseChain& subtract(Value y) { return step(Function::subtract, y); }
  ElementwiseChain& subtract(float y) { return step(Function::subtract, y); }
  ElementwiseChain& multiply(Value y) { return step(Function::multiply, y); }
  ElementwiseChain& multiply(float y) { return step(Function::multiply, y); }
  ElementwiseChain& multiply_silu(Value y) { return step(Function::multiply_silu, y); }
  ElementwiseChain& multiply_sigmoid(Value y) { return step(Function::multiply_sigmoid, y); }
  ElementwiseChain& minimum(float y) { return step(Function::minimum, y); }
  ElementwiseChain& maximum(float y) { return step(Function::maximum, y); }
  ElementwiseChain& negate() { return step(Function::negate, 0); }
  ElementwiseChain& exp() { return step(Function::exp, 0); }
  ElementwiseChain& softplus() { return step(Function::softplus, 0); }
  ElementwiseChain& sigmoid() { return step(Function::sigmoid, 0); }
  ElementwiseChain& log_sigmoid() { return step(Function::log_sigmoid, 0); }
  ElementwiseChain& tanh() { return step(Function::tanh, 0); }
  ElementwiseChain& silu() { return step(Function::silu, 0); }
  ElementwiseChain& gelu_tanh() { return step(Function::gelu_tanh, 0); }
  ElementwiseChain& relu() { return step(Function::relu, 0); }
  ElementwiseChain& square() { return step(Function::square, 0); }
  ElementwiseChain& elu() { return step(Function::elu, 0); }
  /// Any function of a single value.
  ElementwiseChain& apply(schema::ElementwiseFunction function) { return step(function, 0); }

  /// Adds the operator to the graph.
  Value end();

 private:
  using Function = schema::ElementwiseFunction;

  ElementwiseChain& step(Function function, Value operand);
  ElementwiseChain& step(Function function, float scalar);

  GraphBuilder& builder_;
  std::string name_;
  Elementwise attributes_;
  std::vector<int32_t> inputs_;
};

/// Builds a graph operator by operator, in the order of execution. Names are relative to the scopes
/// that are open. Shapes are checked: std::logic_error naming the operator, since weights have been
/// checked against the checkpoint before and the rest is the family file's fault.
class GraphBuilder {
 public:
  explicit GraphBuilder(Graph& graph) : graph_(graph), entry_(&graph.decode) {}

  /// Puts "prefix." before names until it goes out of scope.
  class Scope {
   public:
    Scope(GraphBuilder& builder, const std::string& prefix);
    ~Scope() { builder_.prefix_.resize(restore_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    GraphBuilder& builder_;
    size_t restore_;
  };
  [[nodiscard]] Scope scope(const std::string& prefix) { return {*this, prefix}; }

  /// From here on inputs, operators and outputs belong to this entry point; at first, to decode.
  void begin(EntryKind kind);

  Value input_tokens();
  /// Of encode alone: a number per token, such as 1 for the second text of a pair.
  Value input_token_types();
  void output(const std::string& name, Value value);
  void output(Value logits) { output("logits", logits); }

  /// A weight as a value that several operators may share.
  Value weight(const std::string& name, const Weight& weight, WeightRole role = WeightRole::vector);

  /// Columns [column, column + width) of x, without a copy.
  Value view(const std::string& name, Value x, int32_t column, int32_t width);

  Value embedding(const std::string& name, Value tokens, Value table);
  Value linear(const std::string& name, Value x, Value weight, const LinearOptions& options = {});
  Value linear(const std::string& name, Value x, const Weight& matrix,
               const LinearOptions& options = {});
  Value last_rows(const std::string& name, Value x);
  /// One row per text of an encoder's batch.
  Value pool(const std::string& name, Value x, const Pool& attributes);
  /// `gates` is the input's share of i, f, g and o side by side, biases included. Makes its own
  /// state in decode; in encode every text starts afresh.
  Value lstm(const std::string& name, Value gates, const Weight& recurrent);
  /// The columns of all, which have the same rows, side by side.
  Value concatenate(const std::string& name, const std::vector<Value>& parts);
  /// Keeps an encoder's rows for the decoder, in a state that it makes and returns.
  Value store(const std::string& name, Value x);

  /// x plus the row of `table` for each token's position, which is that of the row + `offset`.
  Value position_embedding(const std::string& name, Value x, const Weight& table,
                           uint32_t offset = 0);

  /// Every head of x times `matrix`, [outputs, inputs].
  Value head_linear(const std::string& name, Value x, const Weight& matrix);

  /// Positive random features of what head_linear made, `half_norms` being [T, heads]; one feature
  /// more than u has columns for each head. Those of keys, but an encoder's, make their own state.
  Value query_features(const std::string& name, Value u, Value half_norms, float epsilon);
  KeyFeatures key_features(const std::string& name, Value u, Value half_norms, KeyMaximum maximum);

  Value dpfp(const std::string& name, Value x, const Dpfp& attributes);

  /// Normalises each of `groups` column ranges; weight and bias as in the schema.
  Value norm(const std::string& name, Value x, const Norm& attributes,
             const std::optional<Weight>& weight = {}, const std::optional<Weight>& bias = {});

  ElementwiseChain elementwise(const std::string& name, Value x) { return {*this, name, x}; }
  Value group_sum(const std::string& name, Value x, int32_t groups);

  /// One output per mix, named `outputs[i]`. Makes its own state.
  std::vector<Value> token_shift(const std::string& name, Value x,
                                 const std::vector<std::string>& outputs,
                                 const std::vector<Weight>& mixes);

  /// `kernel` is [kernel, width], `bias` [width]. Makes its own state.
  Value causal_conv(const std::string& name, Value x, const Weight& kernel,
                    schema::Activation activation, const std::optional<Weight>& bias = {});

  Value rotary(const std::string& name, Value x, Value frequencies, const Rotary& attributes);

  /// These make their own states.
  Value softmax_attention(const std::string& name, const AttentionInputs& inputs,
                          const SoftmaxAttention& attributes);
  Value fast_weight(const std::string& name, const FastWeightInputs& inputs,
                    const FastWeight& attributes);
  Value wkv(const std::string& name, Value key, Value value, const Weight& decay,
            const Weight& bonus);
  Value selective_scan(const std::string& name, const ScanInputs& inputs,
                       const SelectiveScan& attributes = {});
  StabilizedGateValues stabilized_gates(const std::string& name, Value input, Value forget);

  /// `matrix` is [groups * out, in]: the matrices of all groups, one below another.
  Value grouped_linear(const std::string& name, Value x, const Weight& matrix, const Weight& bias,
                       const GroupedLinear& attributes);
  Value mixture_of_experts(const std::string& name, Value x, Value router,
                           const ExpertWeights& weights, const MixtureOfExperts& attributes);

  int32_t width(Value value) const;

 private:
  friend class ElementwiseChain;

  const Shape& shape(Value value) const;
  Value add_tensor(Tensor tensor);
  Value activation(const std::string& name, Shape shape);
  Value state(const std::string& name, Shape shape);
  Value optional_weight(const std::string& name, const std::optional<Weight>& maybe);
  Value add_operator(const std::string& name, Attributes attributes, std::vector<int32_t> inputs,
                     Shape output_shape);
  void add_operator(const std::string& name, Attributes attributes, std::vector<int32_t> inputs,
                    const std::vector<Value>& outputs);
  Value input(const std::string& name);
  void require(bool condition, const std::string& name, const std::string& why) const;
  void require_width(const std::string& name, Value x, int64_t expected) const;
  void require_operand(const std::string& name, Value x, Value operand) const;

  Graph& graph_;
  EntryPoint* entry_;
  std::string prefix_;
};

}  // namespace linnet::convert
