#include "tools/convert/models/lmtool.h"

#include <cmath>

namespace linnet::convert {
namespace {

void refuse_others(const Config& config) {
  if (config.size("div_val", 1) != 1) config.fail("div_val", "1");
  if (config.has("cutoffs") && !config.sizes("cutoffs").empty()) {
    config.fail("cutoffs", "empty: an adaptive softmax has no logits");
  }
  for (const char* key : {"remove_ff", "remove_lnorm", "remove_res", "remove_out_proj"}) {
    if (config.flag(key, false)) config.fail(key, "false");
  }
  for (const char* key : {"d_embed", "d_res"}) {
    const int32_t width = config.size("d_model");
    if (config.size(key, width) != width) config.fail(key, "d_model, " + std::to_string(width));
  }
}

/// A tied table may be stored under both names, of which PyTorch reads the head's last.
Weight read_table(WeightReader& weights, const Shape& shape, bool tied) {
  const std::string embedding = "word_emb.emb_layers.0.weight";
  const std::string head = "crit.out_layers.0.weight";
  if (!tied || !weights.contains(head)) return weights(embedding, shape);
  weights.ignore(embedding);
  return weights(head, shape);
}

}  // namespace

LmtoolOptions read_lmtool_options(const Config& config) {
  refuse_others(config);
  LmtoolOptions options;
  options.vocabulary = config.size("n_token");
  options.width = config.size("d_model");
  options.layers = config.size("n_layer");
  options.feed_forward = config.size("d_inner");
  options.heads = config.size("n_head");
  options.head_dim = config.size("d_head");
  options.values = config.product("n_head", options.heads, "d_head", options.head_dim);
  options.pre_norm = config.flag("pre_lnorm", false);
  options.tied = config.flag("tie_weight", true);
  return options;
}

Value lmtool_table(GraphBuilder& g, WeightReader& weights, const LmtoolOptions& options) {
  const Shape shape = {options.vocabulary, options.width};
  return g.weight("embedding.table", read_table(weights, shape, options.tied),
                  WeightRole::embedding);
}

Value lmtool_embedding(GraphBuilder& g, Value tokens, Value table, const LmtoolOptions& options) {
  return g.elementwise("scaled_embedding", g.embedding("embedding", tokens, table))
      .multiply(std::sqrt(static_cast<float>(options.width)))
      .end();
}

Value lmtool_feed_forward(GraphBuilder& g, WeightReader& weights, const std::string& at, Value x,
                          const LmtoolOptions& options) {
  const Value inner =
      g.linear("up", x, weights(at + "CoreNet.0.weight", {options.feed_forward, options.width}),
               {.bias = weights(at + "CoreNet.0.bias", {options.feed_forward}),
                .activation = schema::Activation::relu});
  return g.linear("down", inner,
                  weights(at + "CoreNet.3.weight", {options.width, options.feed_forward}),
                  {.bias = weights(at + "CoreNet.3.bias", {options.width})});
}

Value lmtool_head(GraphBuilder& g, WeightReader& weights, Value x, Value table,
                  const LmtoolOptions& options) {
  const LinearOptions head = {.bias = weights("crit.out_layers.0.bias", {options.vocabulary}),
                              .role = WeightRole::head};
  x = g.last_rows("last", x);
  if (options.tied) return g.linear("logits", x, table, head);
  const Shape shape = {options.vocabulary, options.width};
  return g.linear("logits", x, weights("crit.out_layers.0.weight", shape), head);
}

}  // namespace linnet::convert
