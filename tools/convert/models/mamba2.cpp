// Mamba-2 (Dao and Gu 2024, arXiv:2405.21060), of transformers and of flash-linear-attention, which
// share names and equations but for the norm; mamba2_mixer.h has them.

#include <string>
#include <vector>

#include "tools/convert/graph_builder.h"
#include "tools/convert/models/family.h"
#include "tools/convert/models/mamba2_mixer.h"

namespace linnet::convert {
namespace {

constexpr const char* kModelTypes[] = {"mamba2"};
constexpr const char* kArchitectures[] = {"Mamba2ForCausalLM"};

/// What the runtime's CausalConv takes.
constexpr int32_t kSmallestConvKernel = 2, kLargestConvKernel = 16;

struct Sizes {
  int32_t vocabulary, width, layers;
  float epsilon;
  Mamba2Mixer mixer;  ///< without weights
  Mamba2Layout layout;
};

/// flash-linear-attention's entries have names of their own.
bool is_fla(const Config& config) {
  for (const char* key : {"norm_eps", "rmsnorm", "norm_before_gate", "dt_limit", "D_has_hdim"}) {
    if (config.has(key)) return true;
  }
  return false;
}

void read_step_limit(const Config& config, const std::string& key, Mamba2Mixer& mixer) {
  if (!config.has(key)) return;
  const std::vector<double> limits = config.numbers(key);
  if (limits.size() != 2 || !(limits[0] <= limits[1])) config.fail(key, "two ascending numbers");
  mixer.least_step = limits[0];
  mixer.largest_step = limits[1];
}

void read_mixer_sizes(const Config& config, bool fla, int32_t width, Mamba2Mixer& mixer) {
  const int32_t head_dim = config.size("head_dim", 64);
  mixer.groups = config.size("n_groups", fla ? 1 : 8);
  mixer.states = config.size("state_size", 128);
  const double expand = config.number("expand", 2);
  if (!(expand > 0 && expand <= 64)) config.fail("expand", "a number up to 64");
  mixer.inner = static_cast<int32_t>(width * expand);
  if (mixer.inner % head_dim != 0) config.fail("head_dim", "a divisor of the inner width");
  mixer.heads = mixer.inner / head_dim;
  if (config.size("num_heads", mixer.heads) != mixer.heads) {
    config.fail("num_heads", "expand * hidden_size / head_dim, " + std::to_string(mixer.heads));
  }
  if (mixer.heads % mixer.groups != 0) config.fail("n_groups", "a divisor of num_heads");
  config.product("n_groups", mixer.groups, "state_size", mixer.states);
}

Sizes read_sizes(const Config& config) {
  const bool fla = is_fla(config);
  config.require_one_of("hidden_act", {"silu", "swish"});
  Sizes sizes;
  sizes.vocabulary = config.size("vocab_size", fla ? 32000 : 32768);
  sizes.width = config.size("hidden_size", fla ? 2048 : 4096);
  sizes.layers = config.size("num_hidden_layers", fla ? 48 : 64);
  sizes.epsilon = static_cast<float>(config.number(fla ? "norm_eps" : "layer_norm_epsilon", 1e-5));
  read_mixer_sizes(config, fla, sizes.width, sizes.mixer);
  read_step_limit(config, fla ? "dt_limit" : "time_step_limit", sizes.mixer);
  sizes.mixer.norm = Mamba2Mixer::Norm::after_gate;
  sizes.mixer.norm_epsilon = sizes.epsilon;

  Mamba2Layout& layout = sizes.layout;
  layout.width = sizes.width;
  layout.kernel = config.size("conv_kernel", 4);
  if (layout.kernel < kSmallestConvKernel || layout.kernel > kLargestConvKernel) {
    config.fail("conv_kernel", "from " + std::to_string(kSmallestConvKernel) + " to " +
                                   std::to_string(kLargestConvKernel));
  }
  layout.in_bias = layout.out_bias = config.flag("use_bias", false);
  layout.convolution_bias = config.flag("use_conv_bias", true);
  if (!fla) return sizes;
  // Here the norm is of every group of B and C by itself, as in mamba_ssm.
  sizes.mixer.norm_groups = static_cast<uint32_t>(sizes.mixer.groups);
  if (config.flag("norm_before_gate", false)) sizes.mixer.norm = Mamba2Mixer::Norm::before_gate;
  if (!config.flag("rmsnorm", true)) sizes.mixer.norm = Mamba2Mixer::Norm::none;
  layout.skip_per_channel = config.flag("D_has_hdim", false);
  return sizes;
}

class Mamba2 {
 public:
  Mamba2(const Source& source, Graph& graph)
      : config_(*source.config), s_(read_sizes(config_)), weights_(source.checkpoint), g_(graph) {}

  void build() {
    const Shape table_shape = {s_.vocabulary, s_.width};
    const bool is_old = weights_.contains("backbone.embedding.weight");
    const Value tokens = g_.input_tokens();
    const Value table = g_.weight(
        "embedding.table",
        weights_(is_old ? "backbone.embedding.weight" : "backbone.embeddings.weight", table_shape),
        WeightRole::embedding);
    Value x = g_.embedding("embedding", tokens, table);
    for (int32_t i = 0; i < s_.layers; ++i) {
      const std::string number = "layers." + std::to_string(i);
      const auto scope = g_.scope(number);
      const std::string at = "backbone." + number + ".";
      const Value mixed = mixer(at + "mixer.", rms_norm("mixer_norm", x, at + "norm.weight"));
      x = g_.elementwise("mixer_residual", x).add(mixed).end();
    }
    x = rms_norm("norm", g_.last_rows("last", x), "backbone.norm_f.weight");
    const bool tied = config_.flag("tie_word_embeddings", false);
    if (tied) weights_.ignore("lm_head.weight");
    g_.output(g_.linear("logits", x,
                        tied ? table
                             : g_.weight("logits.weight", weights_("lm_head.weight", table_shape),
                                         WeightRole::head)));
    weights_.require_all_used([](const std::string&) { return false; });
  }

  int32_t vocabulary() const { return s_.vocabulary; }

 private:
  Value rms_norm(const std::string& name, Value x, const std::string& weight) {
    return g_.norm(name, x, {schema::NormKind::rms, 1, s_.epsilon}, weights_(weight, {s_.width}));
  }

  Value mixer(const std::string& at, Value x) {
    Mamba2Mixer mixer = s_.mixer;
    read_mamba2_weights(weights_, at, s_.layout, mixer);
    return mamba2_mixer(g_, mixer, x);
  }

  Config config_;
  Sizes s_;
  WeightReader weights_;
  GraphBuilder g_;
};

}  // namespace

template <>
bool recognizes<struct Mamba2Family>(const Source& source) {
  return config_says(source, kModelTypes, kArchitectures);
}

template <>
Graph build<struct Mamba2Family>(const Source& source) {
  Graph graph;
  Mamba2 model(source, graph);
  model.build();
  graph.vocabulary = static_cast<uint32_t>(model.vocabulary());
  return graph;
}

}  // namespace linnet::convert
