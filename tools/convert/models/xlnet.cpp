// XLNet (Yang et al. 2019, arXiv:1906.08237) as an encoder: every token sees its whole text, with
// Transformer-XL's relative positions and a score that says whether two tokens have the same type;
// the equations are those of transformers' modeling_xlnet.py.

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tools/convert/models/decoder_parts.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/relative_positions.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"xlnet"};
constexpr const char* kArchitectures[] = {"XLNetLMHeadModel"};
/// Tokens of the longest text that the position keys reach across, twice those of its training.
constexpr int32_t kLongestText = 1024;

class Xlnet {
 public:
  Xlnet(const Source& source, Graph& graph)
      : config_(*source.config),
        weights_(source.checkpoint),
        g_(graph),
        vocabulary_(config_.size("vocab_size", 32000)),
        width_(config_.size("d_model", 1024)),
        layers_(config_.size("n_layer", 24)),
        heads_(config_.size("n_head", 16)),
        feed_forward_(config_.size("d_inner", 4096)),
        activation_(read_activation(config_, "ff_activation", "gelu")),
        epsilon_(static_cast<float>(config_.number("layer_norm_eps", 1e-12))) {
    if (width_ % heads_ != 0 || width_ % 2 != 0) config_.fail("n_head", "a divisor of d_model");
    head_dim_ = width_ / heads_;
    if (config_.size("d_head", head_dim_) != head_dim_) config_.fail("d_head", "d_model / n_head");
    config_.require_one_of("attn_type", {"bi"});
    if (config_.flag("bi_data", false)) config_.fail("bi_data", "false");
    clamps_distance_ = config_.number("clamp_len", -1) > 0;
    reach_ = clamps_distance_ ? config_.size("clamp_len") : kLongestText - 1;
    graph.vocabulary = static_cast<uint32_t>(vocabulary_);
  }

  void build() {
    g_.begin(EntryKind::encode);
    const Value tokens = g_.input_tokens();
    token_types_ = g_.input_token_types();
    const EmbeddingTable table =
        read_embedding(g_, weights_, "transformer.word_embedding.weight", vocabulary_, width_);
    Value x = g_.embedding("embedding", tokens, table.value);
    for (int32_t i = 0; i < layers_; ++i) x = layer(i, x);
    g_.output(head(x, table));
    // What masked tokens are in pre-training, where they have no embedding of their own.
    weights_.require_all_used(
        [](const std::string& name) { return name == "transformer.mask_emb"; });
  }

 private:
  /// y = norm(x + attention(x)), norm(y + mlp(y)).
  Value layer(int32_t index, Value x) {
    const std::string number = std::to_string(index);
    const auto scope = g_.scope("layers." + number);
    const std::string at = "transformer.layer." + number + ".";
    x = g_.elementwise("attention_residual", x).add(attention(at + "rel_attn.", x)).end();
    x = layer_norm(g_, "attention_norm", x, weights_, at + "rel_attn.layer_norm", epsilon_);
    const Mlp feed_forward = {
        .up = read_affine(weights_, at + "ff.layer_1", feed_forward_, width_, true),
        .down = read_affine(weights_, at + "ff.layer_2", width_, feed_forward_, true),
        .activation = activation_};
    x = g_.elementwise("mlp_residual", x).add(mlp(g_, feed_forward, x)).end();
    return layer_norm(g_, "mlp_norm", x, weights_, at + "ff.layer_norm", epsilon_);
  }

  /// Scores ((q_i + r_w_bias) . k_j + (q_i + r_r_bias) . r R(i - j) +
  /// (q_i + r_s_bias) . seg_embed[whether the types differ]) / sqrt(d_head).
  Value attention(const std::string& at, Value x) {
    const auto scope = g_.scope("attention");
    const Weight content_bias = head_bias(at + "r_w_bias");
    const Value query = g_.linear("query", x, matrix(at + "q"), {.bias = content_bias});
    const Weight position_bias = difference(head_bias(at + "r_r_bias"), content_bias);
    const Value position_query = g_.elementwise("position_query", query)
                                     .add(g_.weight("position_query.bias", position_bias))
                                     .end();
    const auto heads = static_cast<uint32_t>(heads_);
    const Value attended = g_.softmax_attention(
        "softmax",
        {.query = query,
         .key = g_.linear("key", x, matrix(at + "k")),
         .value = g_.linear("value", x, matrix(at + "v")),
         .head_dim = head_dim_,
         .value_dim = head_dim_,
         .position_query = position_query,
         .position_keys =
             g_.weight("position_keys", position_keys(matrix(at + "r"), -reach_, 2 * reach_ + 1)),
         .token_types = token_types_,
         .type_scores = type_scores(at, query, content_bias)},
        {.heads = heads,
         .key_value_heads = heads,
         .scale = 1.0f / std::sqrt(static_cast<float>(head_dim_)),
         .mask = schema::AttentionMask::all,
         .clamps_distance = clamps_distance_});
    const Weight output = weights_(at + "o", {width_, heads_, head_dim_});
    return g_.linear("output", attended, reshaped(output, {width_, width_}));
  }

  /// (query + r_s_bias - r_w_bias) . seg_embed[0] and . seg_embed[1], head by head.
  Value type_scores(const std::string& at, Value query, const Weight& content_bias) {
    const Weight bias = difference(head_bias(at + "r_s_bias"), content_bias);
    const Weight types =
        reshaped(weights_(at + "seg_embed", {2, heads_, head_dim_}), {2 * heads_, head_dim_});
    const auto heads = static_cast<uint64_t>(heads_);
    const Weight by_head =
        permuted_rows(types, [heads](uint64_t row) { return row % 2 * heads + row / 2; });
    return g_.grouped_linear("type_scores", query, by_head, products(by_head, bias),
                             {.groups = static_cast<uint32_t>(heads_)});
  }

  /// Of each head's two rows with its part of a vector.
  Weight products(const Weight& rows, const Weight& vector) const {
    const auto dim = static_cast<size_t>(head_dim_);
    std::vector<float> matrix(2 * static_cast<size_t>(width_));
    std::vector<float> values(static_cast<size_t>(width_));
    rows.rows(0, static_cast<uint64_t>(rows.size(0)), matrix);
    vector.rows(0, static_cast<uint64_t>(width_), values);
    std::vector<float> sums;
    for (size_t row = 0; row < matrix.size() / dim; ++row) {
      double sum = 0;
      for (size_t i = 0; i < dim; ++i)
        sum += double{matrix[row * dim + i]} * values[row / 2 * dim + i];
      sums.push_back(static_cast<float>(sum));
    }
    return constant({2 * heads_}, std::move(sums));
  }

  /// x W^T + b, W being the embedding's table unless another one is stored.
  Value head(Value x, const EmbeddingTable& table) {
    LinearOptions options = {.bias = weights_("lm_loss.bias", {vocabulary_}),
                             .role = WeightRole::head};
    const bool tied = config_.flag("tie_word_embeddings", true);
    const char* name = "lm_loss.weight";
    if (tied && !weights_.contains(name)) return g_.linear("logits", x, table.value, options);
    const Weight matrix = weights_(name, table.weight.shape);
    if (tied && same_values(matrix, table.weight)) {
      return g_.linear("logits", x, table.value, options);
    }
    return g_.linear("logits", x, matrix, options);
  }

  /// Stored [inputs, heads, outputs of a head].
  Weight matrix(const std::string& name) {
    const Weight stored = weights_(name, {width_, heads_, head_dim_});
    return transposed(reshaped(stored, {width_, width_}));
  }

  Weight head_bias(const std::string& name) {
    return reshaped(weights_(name, {heads_, head_dim_}), {width_});
  }

  static Weight difference(Weight a, const Weight& b) {
    return sum(std::move(a), mapped(b, [](float value) { return -value; }));
  }

  const Config& config_;
  WeightReader weights_;
  GraphBuilder g_;
  int32_t vocabulary_, width_, layers_, heads_, feed_forward_;
  schema::Activation activation_;
  float epsilon_;
  int32_t head_dim_ = 0, reach_ = 0;
  bool clamps_distance_ = false;
  Value token_types_;
};

}  // namespace

template <>
bool recognizes<struct XlnetFamily>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct XlnetFamily>(const Source& source) {
  Graph graph;
  Xlnet(source, graph).build();
  return graph;
}

}  // namespace linnet::convert
