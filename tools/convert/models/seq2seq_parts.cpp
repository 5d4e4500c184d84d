#include "tools/convert/models/seq2seq_parts.h"

#include <cmath>
#include <utility>

namespace linnet::convert {

Value normalized(GraphBuilder& g, const std::string& name, Value x, const NormWeights& norm) {
  return g.norm(name, x, {norm.kind, 1, norm.epsilon}, norm.weight, norm.bias);
}

ResidualStream::ResidualStream(GraphBuilder& g, const Residuals& residuals, Value x)
    : g_(g), residuals_(residuals), x_(x) {
  if (residuals.placement == NormPlacement::dual) {
    sum_ = multiplied(g, "untouched", x, residuals.dual_scale);
  }
}

void ResidualStream::pass(const std::string& name, const NormWeights& norm,
                          const std::function<Value(Value)>& sublayer) {
  const auto scope = g_.scope(name);
  if (residuals_.placement == NormPlacement::pre) {
    const Value out = sublayer(normalized(g_, "norm", x_, norm));
    x_ = g_.elementwise("residual", x_).add(out).end();
    return;
  }
  const Value out = sublayer(x_);
  if (residuals_.placement == NormPlacement::dual) {
    const Value entering = multiplied(g_, "entering", out, residuals_.dual_scale);
    sum_ = g_.elementwise("untouched", sum_).add(entering).end();
  }
  x_ = normalized(g_, "norm", g_.elementwise("residual", x_).add(out).end(), norm);
}

Value ResidualStream::end(const std::optional<NormWeights>& norm, bool last_rows) {
  const auto rows = [&](const std::string& name, Value x) {
    return last_rows ? g_.last_rows(name, x) : x;
  };
  const Value x = rows("last", x_);
  if (residuals_.placement != NormPlacement::dual) {
    return norm ? normalized(g_, "norm", x, *norm) : x;
  }
  const Value sum = normalized(g_, "norm", rows("last_untouched", sum_), *norm);
  const Value alpha = multiplied(g_, "alpha", x, residuals_.dual_alpha);
  return g_.elementwise("both", alpha).add(sum).end();
}

namespace {

Value projected(GraphBuilder& g, const std::string& name, const Affine& affine, Value x,
                schema::Activation activation = schema::Activation::none) {
  return g.linear(name, x, affine.weight, affine.options(activation));
}

SoftmaxAttention attributes_of(const ScoredHeads& heads) {
  const auto count = static_cast<uint32_t>(heads.heads);
  return {.heads = count, .key_value_heads = count, .scale = heads.scale};
}

}  // namespace

Value text_attention(GraphBuilder& g, const ScoredHeads& heads, const AttentionWeights& weights,
                     bool causal, Value x) {
  SoftmaxAttention attributes = attributes_of(heads);
  attributes.mask = causal ? schema::AttentionMask::causal : schema::AttentionMask::all;
  const Value attended = g.softmax_attention("softmax",
                                             {.query = projected(g, "q", weights.query, x),
                                              .key = projected(g, "k", weights.key, x),
                                              .value = projected(g, "v", weights.value, x),
                                              .head_dim = heads.head_dim,
                                              .value_dim = heads.head_dim,
                                              .bias = heads.bias},
                                             attributes);
  return projected(g, "out", weights.output, attended);
}

StoredSource store_source(GraphBuilder& g, const AttentionWeights& weights, Value encoded) {
  return {g.store("keys", projected(g, "k", weights.key, encoded)),
          g.store("values", projected(g, "v", weights.value, encoded))};
}

Value cross_attention(GraphBuilder& g, const ScoredHeads& heads, const AttentionWeights& weights,
                      const StoredSource& source, Value x) {
  SoftmaxAttention attributes = attributes_of(heads);
  attributes.mask = schema::AttentionMask::cross;
  const Value attended = g.softmax_attention("softmax",
                                             {.query = projected(g, "q", weights.query, x),
                                              .key = source.keys,
                                              .value = source.values,
                                              .head_dim = heads.head_dim,
                                              .value_dim = heads.head_dim},
                                             attributes);
  return projected(g, "out", weights.output, attended);
}

Value feed_forward(GraphBuilder& g, const FeedForward& weights, Value x) {
  if (!weights.gate) {
    return projected(g, "down", weights.down,
                     projected(g, "up", weights.up, x, weights.activation));
  }
  const Value gate = projected(g, "gate", *weights.gate, x, weights.activation);
  const Value up = projected(g, "up", weights.up, x);
  return projected(g, "down", weights.down, g.elementwise("product", up).multiply(gate).end());
}

void encoder_layer(GraphBuilder& g, int32_t index, const ScoredHeads& heads,
                   const EncoderLayer& layer, ResidualStream& stream) {
  const auto scope = g.scope("layers." + std::to_string(index));
  stream.pass("attention", layer.attention.norm, [&](Value x) {
    return text_attention(g, heads, layer.attention.weights, /*causal=*/false, x);
  });
  stream.pass("feed_forward", layer.feed_forward.norm,
              [&](Value x) { return feed_forward(g, layer.feed_forward.weights, x); });
}

void decoder_layer(GraphBuilder& g, int32_t index, const ScoredHeads& heads,
                   const ScoredHeads& cross_heads, const DecoderLayer& layer,
                   const StoredSource& source, ResidualStream& stream) {
  const auto scope = g.scope("layers." + std::to_string(index));
  stream.pass("attention", layer.attention.norm, [&](Value x) {
    return text_attention(g, heads, layer.attention.weights, /*causal=*/true, x);
  });
  stream.pass("cross_attention", layer.cross_attention.norm, [&](Value x) {
    return cross_attention(g, cross_heads, layer.cross_attention.weights, source, x);
  });
  stream.pass("feed_forward", layer.feed_forward.norm,
              [&](Value x) { return feed_forward(g, layer.feed_forward.weights, x); });
}

Weight sinusoidal_table(const Sinusoids& sinusoids, bool extra_sine) {
  const int32_t half = sinusoids.width / 2;
  const int32_t sines = half + static_cast<int32_t>(extra_sine && sinusoids.width % 2 != 0);
  auto rows = [=](uint64_t first, uint64_t count, std::span<float> out) {
    const auto width = static_cast<uint64_t>(sinusoids.width);
    std::fill(out.begin(), out.begin() + static_cast<ptrdiff_t>(count * width), 0.0f);
    for (uint64_t row = 0; row < count; ++row) {
      float* const to = out.data() + row * width;
      for (int32_t i = 0; i < sines; ++i) {
        const double angle = static_cast<double>(first + row) *
                             std::pow(10000.0, -static_cast<double>(i) / sinusoids.last_exponent);
        to[i] = static_cast<float>(std::sin(angle));
        if (i < half) to[sines + i] = static_cast<float>(std::cos(angle));
      }
    }
  };
  return {{sinusoids.positions, sinusoids.width}, std::move(rows)};
}

int32_t read_head_dim(const Config& config, const std::string& width_key, int32_t width,
                      const std::string& heads_key, int32_t heads) {
  if (width % heads != 0) config.fail(heads_key, "a divisor of " + width_key);
  return width / heads;
}

Value output_head(GraphBuilder& g, WeightReader& weights, Value x, const OutputHead& head,
                  const EmbeddingTable& table) {
  const LinearOptions options = {.bias = head.bias, .activation = {}, .role = WeightRole::head};
  if (head.tied && !weights.contains(head.name)) {
    return g.linear("logits", x, table.value, options);
  }
  const Weight own = weights(head.name, table.weight.shape);
  if (head.tied && same_values(own, table.weight)) {
    return g.linear("logits", x, table.value, options);
  }
  return g.linear("logits", x, own, options);
}

int32_t read_id(const Config& config, const std::string& key, int32_t fallback,
                int32_t vocabulary) {
  const double id = config.number(key, fallback);
  if (!(id >= 0 && id < vocabulary) || id != std::floor(id)) {
    config.fail(key, "a token's id, from 0 to " + std::to_string(vocabulary - 1));
  }
  return static_cast<int32_t>(id);
}

}  // namespace linnet::convert
