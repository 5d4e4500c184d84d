// Fast weight programmers of Schlag, Irie and Schmidhuber 2021 (arXiv:2102.11174), the language
// models of IDSIA/lmtool-fwp: the delta rule with DPFP (attn_type 26) or elu + 1 (24), and the sum
// (34), which is the linear Transformer.

#include <cmath>
#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/lmtool.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"lmtool_fwp"};

/// The parts that the projection of a head's rows is made of, one behind the other.
enum class Part : uint8_t { query, key, value, beta };

struct Options : LmtoolOptions {
  bool is_delta = true;
  int32_t rolls = 0;  ///< of DPFP; 0: elu + 1
  bool normalizes_keys = true;
  bool normalizes_output = false;
  float epsilon = 0;  ///< of that
};

Options read_options(const Config& config) {
  if (!config.flag("no_pos", false)) {
    config.fail("no_pos",
                "true: with positions this code numbers tokens from the end of each segment, "
                "which nothing that reads token after token can know");
  }
  Options options{read_lmtool_options(config)};
  const int32_t type = config.size("attn_type");
  if (type != 24 && type != 26 && type != 34) {
    config.fail("attn_type",
                "24 (delta rule, elu + 1), 26 (delta rule, DPFP) or 34 (sum, elu + 1)");
  }
  options.is_delta = type != 34;
  if (type == 26) {
    options.rolls = config.size("n_roll", 3);
    config.product("n_roll", options.rolls, "d_head", 2 * options.values);
  }
  options.normalizes_keys = options.is_delta || config.flag("use_sum_norm", false);
  options.normalizes_output = !config.flag("skip_attn_normalization", false);
  options.epsilon = static_cast<float>(config.number("eps", 1e-5));
  return options;
}

class LmtoolFwp {
 public:
  LmtoolFwp(const Source& source, Graph& graph)
      : options_(read_options(*source.config)), weights_(source.checkpoint), g_(graph) {
    graph.vocabulary = static_cast<uint32_t>(options_.vocabulary);
  }

  void build() {
    const Value tokens = g_.input_tokens();
    const Value table = lmtool_table(g_, weights_, options_);
    Value x = lmtool_embedding(g_, tokens, table, options_);
    for (int32_t i = 0; i < options_.layers; ++i) {
      const auto scope = g_.scope("layers." + std::to_string(i));
      const std::string at = "layers." + std::to_string(i) + ".";
      x = attention(at + "dec_attn.", x);
      x = feed_forward(at + "pos_ff.", x);
    }
    g_.output(lmtool_head(g_, weights_, x, table, options_));
    weights_.require_all_used([](const std::string& name) { return name == "pos_emb.inv_freq"; });
  }

 private:
  Value norm(const std::string& name, const std::string& at, Value x) {
    return g_.norm(name, x, {schema::NormKind::layer, 1, 1e-5f},
                   weights_(at + "layer_norm.weight", {options_.width}),
                   weights_(at + "layer_norm.bias", {options_.width}));
  }

  /// norm(x + f(x)); with pre_lnorm y + f(y) of y = norm(x), which keeps no way around the norm.
  Value attention(const std::string& at, Value x) {
    const auto scope = g_.scope("attention");
    if (options_.pre_norm) x = norm("norm", at, x);
    const Value written = memory(at, x);
    x = g_.elementwise("residual", x).add(written).end();
    return options_.pre_norm ? x : norm("norm", at, x);
  }

  Value feed_forward(const std::string& at, Value x) {
    const auto scope = g_.scope("feed_forward");
    const Value in = options_.pre_norm ? norm("norm", at, x) : x;
    const Value outer = lmtool_feed_forward(g_, weights_, at, in, options_);
    x = g_.elementwise("residual", x).add(outer).end();
    return options_.pre_norm ? x : norm("norm", at, x);
  }

  /// One part of every head: a head's rows are query, key, value and, with the delta rule, beta.
  Value project(const std::string& name, const std::string& at, Value x, Part part) {
    const auto parts = static_cast<uint64_t>(options_.head_dim);
    const uint64_t head_rows = 3 * parts + (options_.is_delta ? 1 : 0);
    const uint64_t first = static_cast<uint64_t>(part) * parts;
    const uint64_t rows = part == Part::beta ? 1 : parts;
    Weight all = weights_(at + (options_.is_delta ? "qkvb_net.weight" : "qkv_net.weight"),
                          {options_.heads * static_cast<int32_t>(head_rows), options_.width});
    Weight taken = permuted_rows(
        std::move(all), [=](uint64_t row) { return row / rows * head_rows + first + row % rows; });
    taken.shape[0] = options_.heads * static_cast<int32_t>(rows);
    const bool is_beta = part == Part::beta;
    return g_.linear(
        name, x, taken,
        {.activation = is_beta ? schema::Activation::sigmoid : schema::Activation::none,
         .role = is_beta ? WeightRole::gate : WeightRole::projection});
  }

  Value feature_map(const std::string& name, Value x) {
    Value y = options_.rolls > 0
                  ? g_.dpfp(name, x, {heads(), static_cast<uint32_t>(options_.rolls)})
                  : g_.elementwise(name, x).elu().add(1.0f).end();
    if (options_.normalizes_keys) {
      y = g_.norm(name + ".sum_normalized", y, {schema::NormKind::sum, heads(), 0.0f});
    }
    return y;
  }

  /// S_t = S_{t-1} + k_t (beta_t (v_t - S_{t-1}^T k_t))^T, or without beta S_{t-1} + k_t v_t^T;
  /// o_t = d_head^-1/2 S_t^T q_t, perhaps over q_t . z_t + eps.
  Value memory(const std::string& at, Value x) {
    const Value q = feature_map("query_features", project("query", at, x, Part::query));
    const Value k = feature_map("key_features", project("key", at, x, Part::key));
    FastWeightInputs inputs = {.query = q,
                               .key = k,
                               .value = project("value", at, x, Part::value),
                               .key_dim = g_.width(k) / options_.heads,
                               .value_dim = options_.head_dim};
    FastWeight rule = {.heads = heads(), .key_heads = heads()};
    if (options_.is_delta) {
      rule.rule = schema::WriteRule::delta;
      inputs.beta = project("beta", at, x, Part::beta);
    }
    const float scale = 1.0f / std::sqrt(static_cast<float>(options_.head_dim));
    rule.scale = scale;
    // Unlike S^T q, the normaliser is not scaled: the operator divides by scale (q . z) + epsilon.
    rule.normalize = options_.normalizes_output;
    rule.normalizer_epsilon = options_.normalizes_output ? scale * options_.epsilon : 0;
    Value read = g_.fast_weight("memory", inputs, rule);
    if (rule.normalize) read = g_.elementwise("scaled", read).multiply(scale).end();
    return g_.linear("output", read,
                     weights_(at + "o_net.weight", {options_.width, options_.values}));
  }

  uint32_t heads() const { return static_cast<uint32_t>(options_.heads); }

  Options options_;
  WeightReader weights_;
  GraphBuilder g_;
};

}  // namespace

template <>
bool recognizes<struct LmtoolFwpFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct LmtoolFwpFamily>(const Source& source) {
  Graph graph;
  LmtoolFwp(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
