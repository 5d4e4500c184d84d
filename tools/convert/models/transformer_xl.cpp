// Transformer-XL (Dai et al. 2019, arXiv:1901.02860) of kimiyoung/transformer-xl and
// IDSIA/lmtool-fwp, attn_type 0, with LayerNorm or, as in Gopher (Rae et al. 2021,
// arXiv:2112.11446), RMSNorm. A text goes in segments of tgt_len tokens; a token sees its own
// segment up to itself and the mem_len tokens before the segment.

#include <algorithm>
#include <cmath>
#include <string>

#include "tools/convert/models/family.h"
#include "tools/convert/models/lmtool.h"
#include "tools/convert/models/relative_positions.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"transfo_xl_rmsnorm", "transfo_xl_layernorm"};

struct Options : LmtoolOptions {
  schema::NormKind norm = schema::NormKind::rms;
  float epsilon = 0;
  int32_t segment = 0, memory = 0;
  int32_t positions = 0;         ///< distances that are told apart
  bool clamps_distance = false;  ///< larger ones count as the largest of these
  bool same_length = false;      ///< every token sees the last `memory` tokens, itself included
};

Options read_options(const Config& config) {
  Options options{read_lmtool_options(config)};
  if (!config.has("attn_type") || config.number("attn_type") != 0) {
    config.fail("attn_type", "0: relative positions");
  }
  if (options.width % 2 != 0) config.fail("d_model", "even");
  if (config.number("ext_len", 0) != 0) config.fail("ext_len", "0");
  config.require_one_of("norm", {"rmsnorm", "layernorm"});
  const bool is_rms = config.text("norm", "rmsnorm") == "rmsnorm";
  options.norm = is_rms ? schema::NormKind::rms : schema::NormKind::layer;
  // What PyTorch's modules take where nobody says.
  options.epsilon = static_cast<float>(config.number("norm_eps", is_rms ? 0x1p-23 : 1e-5));
  options.segment = config.size("tgt_len");
  const bool has_memory = !config.has("mem_len") || config.number("mem_len") != 0;
  options.memory = has_memory ? config.size("mem_len") : 0;
  options.same_length = config.flag("same_length", false);
  if (options.same_length && !has_memory) {
    config.fail("mem_len", "above 0, as same_length lets tokens see as many");
  }
  options.clamps_distance = config.number("clamp_len", -1) > 0;
  const int32_t seen = options.same_length
                           ? options.memory
                           : std::max(options.segment + options.memory, kRelativePositions);
  options.positions = options.clamps_distance ? config.size("clamp_len") + 1 : seen;
  return options;
}

class TransformerXl {
 public:
  TransformerXl(const Source& source, Graph& graph)
      : options_(read_options(*source.config)), weights_(source.checkpoint), g_(graph) {
    graph.vocabulary = static_cast<uint32_t>(options_.vocabulary);
    graph.context = static_cast<uint32_t>(options_.segment + options_.memory);
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
  Value norm(const std::string& at, Value x) {
    const Shape shape = {options_.width};
    std::optional<Weight> bias;
    if (options_.norm == schema::NormKind::layer) bias = weights_(at + "layer_norm.bias", shape);
    return g_.norm("norm", x, {options_.norm, 1, options_.epsilon},
                   weights_(at + "layer_norm.weight", shape), bias);
  }

  /// x + f(norm(x)) with pre_lnorm, else norm(x + f(x)).
  Value attention(const std::string& at, Value x) {
    const auto scope = g_.scope("attention");
    const Value attended = attend(at, options_.pre_norm ? norm(at, x) : x);
    x = g_.elementwise("residual", x).add(attended).end();
    return options_.pre_norm ? x : norm(at, x);
  }

  Value feed_forward(const std::string& at, Value x) {
    const auto scope = g_.scope("feed_forward");
    const Value in = options_.pre_norm ? norm(at, x) : x;
    const Value outer = lmtool_feed_forward(g_, weights_, at, in, options_);
    x = g_.elementwise("residual", x).add(outer).end();
    return options_.pre_norm ? x : norm(at, x);
  }

  /// Scores ((q_i + r_w_bias) . k_j + (q_i + r_r_bias) . r_net R(i - j)) / sqrt(d_head).
  Value attend(const std::string& at, Value x) {
    const int32_t values = options_.values;
    const Weight all = weights_(at + "qkv_net.weight", {3 * values, options_.width});
    const Weight content_bias = head_bias("r_w_bias");
    const Value query = g_.linear("query", x, row_range(all, 0, values), {.bias = content_bias});
    const Weight difference =
        sum(head_bias("r_r_bias"), mapped(content_bias, [](float b) { return -b; }));
    const Value position_query = g_.elementwise("position_query", query)
                                     .add(g_.weight("position_query.bias", difference))
                                     .end();
    const Weight keys = position_keys(weights_(at + "r_net.weight", {values, options_.width}), 0,
                                      options_.positions);
    const auto heads = static_cast<uint32_t>(options_.heads);
    const Value attended = g_.softmax_attention(
        "softmax",
        {.query = query,
         .key = g_.linear("key", x, row_range(all, values, values)),
         .value = g_.linear("value", x, row_range(all, 2 * values, values)),
         .head_dim = options_.head_dim,
         .value_dim = options_.head_dim,
         .window = options_.same_length ? options_.memory : 0,
         .position_query = position_query,
         .position_keys = g_.weight("position_keys", keys)},
        {.heads = heads,
         .key_value_heads = heads,
         .scale = 1.0f / std::sqrt(static_cast<float>(options_.head_dim)),
         .segment = options_.same_length ? 0 : static_cast<uint32_t>(options_.segment),
         .clamps_distance = options_.clamps_distance});
    return g_.linear("output", attended, weights_(at + "o_net.weight", {options_.width, values}));
  }

  /// All layers share these.
  Weight head_bias(const std::string& name) {
    return reshaped(weights_(name, {options_.heads, options_.head_dim}), {options_.values});
  }

  Options options_;
  WeightReader weights_;
  GraphBuilder g_;
};

}  // namespace

template <>
bool recognizes<struct TransformerXlFamily>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

template <>
Graph build<struct TransformerXlFamily>(const Source& source) {
  Graph graph;
  TransformerXl(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
