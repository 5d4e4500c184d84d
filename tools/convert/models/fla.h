#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"
#include "tools/convert/weights.h"

namespace linnet::convert {

/// Where the defaults of flash-linear-attention's configurations differ.
struct FlaDefaults {
  int32_t layers = 24;
  int32_t heads = 4;
  double hidden_ratio = 4;
  double expand_k = 1;
  double expand_v = 1;
};

/// Heads of the fast weights: q of `heads`, k and v of `key_heads`, each of which serves
/// heads / key_heads consecutive ones.
struct FlaHeads {
  int32_t heads = 0, key_heads = 0;
  int32_t key_dim = 0, value_dim = 0;  ///< per head

  int32_t keys() const { return heads * key_dim; }
  int32_t values() const { return heads * value_dim; }
  int32_t times() const { return heads / key_heads; }
  uint32_t count() const { return static_cast<uint32_t>(heads); }
};

/// What the output of fast weights goes through before the last projection.
struct FlaOutput {
  FlaHeads heads;
  std::string norm;        ///< the name of the norm per head
  bool has_weight = true;  ///< of the norm
  bool is_gated = false;   ///< times silu(x W_g)
};

/// What the models of flash-linear-attention share: pre-norm blocks of a mixer of tokens and a
/// gated MLP, in Hugging Face folders. A family adds its mixer. The equations and names are those
/// of fla.layers and fla.models.
class FlaModel {
 public:
  /// Makes layer `layer`'s mixer, whose tensors are named from `at` on.
  using Mixer = std::function<Value(int32_t layer, const std::string& at, Value x)>;

  FlaModel(const Source& source, const FlaDefaults& defaults);

  /// All layers, for which `mixer` makes what config.json doesn't give to softmax attention.
  Graph build(const Mixer& mixer);

  const Config& config() const { return config_; }
  WeightReader& weights() { return weights_; }
  GraphBuilder& builder() { return g_; }
  int32_t width() const { return width_; }
  int32_t layers() const { return layers_; }
  float epsilon() const { return epsilon_; }

  /// By hidden_size, expand_k, expand_v, num_heads and num_kv_heads.
  FlaHeads read_heads() const;
  /// By head_dim, expand_v, num_heads (of keys here) and num_v_heads.
  FlaHeads read_heads(int32_t head_dim, double expand_v) const;

  /// x W of a matrix [outputs, width] named `tensor`.
  Value projection(const std::string& name, Value x, const std::string& tensor, int32_t outputs,
                   const LinearOptions& options = {});

  /// The projection `letter`_proj to `key_heads` heads, each repeated for every head it serves, and
  /// with use_short_conv its convolution, which `activation` follows either way.
  Value head_projection(const std::string& at, const std::string& letter, Value x,
                        const FlaHeads& heads, int32_t channels, schema::Activation activation);

  /// sigmoid(x W_b), times 2 with allow_neg_eigval.
  Value write_strength(const std::string& at, Value x, int32_t heads);

  /// What config.json's feature_map, the name of an activation, makes of x.
  Value feature_map(const std::string& name, Value x);

  /// The output of layers whose config.json has use_output_gate.
  FlaOutput gated_output(const FlaHeads& heads) const;

  /// The norm of every head, the gate, and the projection back to the model's width.
  Value output(const std::string& at, Value read, Value x, const FlaOutput& options);

  bool has_short_conv() const { return short_conv_; }
  void set_short_conv(bool has) { short_conv_ = has; }

 private:
  struct Attention {
    std::vector<int32_t> layers;
    Config config;
  };

  void read_attention();
  const Config* attention_of(int32_t layer) const;
  Value attention(const Config& spec, const std::string& at, Value x);
  Value attention_projection(const std::string& at, const std::string& letter, Value x,
                             int32_t outputs, bool bias);
  Value rms_norm(const std::string& name, Value x, const std::string& tensor);
  Value mlp(const std::string& at, Value x);
  int32_t read_feed_forward(double default_ratio) const;
  int32_t scaled(const std::string& key, double factor, int32_t heads) const;

  Config config_;
  FlaDefaults defaults_;
  WeightReader weights_;
  Graph graph_;
  GraphBuilder g_;
  int32_t width_ = 0, layers_ = 0, feed_forward_ = 0, kernel_ = 0;
  float epsilon_ = 0;
  bool short_conv_ = false;
  std::vector<Attention> attention_;
};

/// Value heads that share a key head with others repeat it.
inline FlaHeads with_own_keys(FlaHeads heads) {
  heads.key_heads = heads.heads;
  return heads;
}

}  // namespace linnet::convert
