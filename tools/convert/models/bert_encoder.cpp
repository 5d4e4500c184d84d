#include "tools/convert/models/bert_encoder.h"

namespace linnet::convert {

BertOptions read_bert_options(const Config& config, int32_t default_vocabulary) {
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (config.flag(key, false)) config.fail(key, "false: this is an encoder");
  }
  config.require_one_of("position_embedding_type", {"absolute"});
  BertOptions options = {};
  options.vocabulary = config.size("vocab_size", default_vocabulary);
  options.width = config.size("hidden_size", 768);
  options.layers = config.size("num_hidden_layers", 12);
  options.feed_forward = config.size("intermediate_size", 3072);
  options.positions = config.size("max_position_embeddings", 512);
  options.token_types = config.size("type_vocab_size", 2);
  options.heads = read_encoder_heads(config, "num_attention_heads", 12, options.width);
  options.activation = read_activation(config, "hidden_act", "gelu");
  options.epsilon = static_cast<float>(config.number("layer_norm_eps", 1e-12));
  options.tied = config.flag("tie_word_embeddings", true);
  return options;
}

Value BertEncoder::embeddings() {
  const std::string at = prefix_ + "embeddings.";
  const Value tokens = g_.input_tokens();
  table_ = read_embedding(g_, weights_, at + "word_embeddings.weight", options_.vocabulary,
                          options_.width);
  Value x = g_.embedding("embedding", tokens, table_.value);
  Weight positions =
      weights_(at + "position_embeddings.weight", {options_.positions, options_.width});
  const Weight types =
      weights_(at + "token_type_embeddings.weight", {options_.token_types, options_.width});
  if (options_.token_types == 1) {
    positions = sum(positions, tiled(types, options_.positions));
  } else {
    const Value type =
        g_.embedding("token_type", g_.input_token_types(), g_.weight("token_type.table", types));
    x = g_.elementwise("typed", x).add(type).end();
  }
  x = g_.position_embedding("positions", x, positions, static_cast<uint32_t>(first_position_));
  return layer_norm(g_, "embedding_norm", x, norm(at + "LayerNorm"));
}

Value BertEncoder::layer(int32_t index, Value x) {
  const auto scope = g_.scope("layers." + std::to_string(index));
  const std::string at = prefix_ + "encoder.layer." + std::to_string(index) + ".";
  const EncoderAttention attention = {.heads = options_.heads,
                                      .query = square(at + "attention.self.query"),
                                      .key = square(at + "attention.self.key"),
                                      .value = square(at + "attention.self.value"),
                                      .output = square(at + "attention.output.dense")};
  return post_norm_layer(
      g_,
      {.attention = attention,
       .attention_norm = norm(at + "attention.output.LayerNorm"),
       .up = affine(at + "intermediate.dense", options_.feed_forward, options_.width),
       .down = affine(at + "output.dense", options_.width, options_.feed_forward),
       .activation = options_.activation,
       .output_norm = norm(at + "output.LayerNorm")},
      x);
}

Value BertEncoder::build() {
  Value x = embeddings();
  for (int32_t i = 0; i < options_.layers; ++i) x = layer(i, x);
  return x;
}

}  // namespace linnet::convert
