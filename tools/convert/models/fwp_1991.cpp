// The fast weight programmer of Schmidhuber 1991 ("Learning to control fast-weight memories",
// FKI-147 and Neural Computation 4(1)), as Schlag, Irie and Schmidhuber 2021 (arXiv:2102.11174,
// section 2) restate it: a slow net writes the weights of a fast net by outer products.

#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"fwp_1991"};

schema::Squash read_squash(const Config& config) {
  config.require_one_of("fast_weight_squash", {"none", "identity", "tanh"});
  return config.text("fast_weight_squash", "none") == "tanh" ? schema::Squash::tanh
                                                             : schema::Squash::none;
}

}  // namespace

template <>
bool recognizes<struct Fwp1991Family>(const Source& source) {
  return config_says(source, kModelTypes, {});
}

/// h = tanh(slow x); W_t = squash(W_{t-1} + TO_t FROM_t^T); logits = out W_t q_t + skip h_t.
template <>
Graph build<struct Fwp1991Family>(const Source& source) {
  const Config& config = *source.config;
  const int32_t vocabulary = config.size("vocab_size");
  const int32_t embedding_width = config.size("d_emb");
  const int32_t slow = config.size("n_slow");
  const int32_t keys = config.size("d_key");
  const int32_t values = config.size("d_value");
  const schema::Squash squash = read_squash(config);
  WeightReader weights(source.checkpoint);
  Graph graph;
  graph.vocabulary = static_cast<uint32_t>(vocabulary);
  GraphBuilder g(graph);

  const auto squashed = [&](const std::string& name, Value x, int32_t outputs) {
    return g.linear(
        name, x, weights(name + ".weight", {outputs, g.width(x)}),
        {.bias = weights(name + ".bias", {outputs}), .activation = schema::Activation::tanh});
  };
  const Value tokens = g.input_tokens();
  const Value table =
      g.weight("embedding.table", weights("emb.weight", {vocabulary, embedding_width}),
               WeightRole::embedding);
  const Value h = squashed("slow", g.embedding("embedding", tokens, table), slow);
  const Value from = squashed("to_from", h, keys);
  const Value to = squashed("to_to", h, values);
  const Value query = squashed("to_query", h, keys);
  const Value read = g.fast_weight(
      "memory", {.query = query, .key = from, .value = to, .key_dim = keys, .value_dim = values},
      {.heads = 1, .key_heads = 1, .squash = squash});

  const Value fast_logits =
      g.linear("out", g.last_rows("last_read", read), weights("out.weight", {vocabulary, values}),
               {.bias = weights("out.bias", {vocabulary}), .role = WeightRole::head});
  const Value slow_logits =
      g.linear("skip", g.last_rows("last_slow", h), weights("skip.weight", {vocabulary, slow}),
               {.role = WeightRole::head});
  g.output(g.elementwise("logits", fast_logits).add(slow_logits).end());
  weights.require_all_used([](const std::string&) { return false; });
  return graph;
}

}  // namespace linnet::convert
