#include "tools/convert/models/sentence_modules.h"

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/formats/json_file.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;
using schema::Activation;
using schema::PoolKind;

constexpr uint64_t kMaxJsonBytes = 1 << 20;
/// torch.nn.functional.normalize divides by at least this.
constexpr float kNormalizeEpsilon = 1e-12f;

/// In the order in which results of several ways stand side by side. The first name is the option
/// of its own, the second a value of `pooling_mode`.
struct Pooling {
  const char* flag;
  const char* mode;
  PoolKind kind;
  bool fallback;
};
constexpr Pooling kPoolings[] = {
    {"pooling_mode_cls_token", "cls", PoolKind::first, false},
    {"pooling_mode_max_tokens", "max", PoolKind::max, false},
    {"pooling_mode_mean_tokens", "mean", PoolKind::mean, true},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", PoolKind::mean_sqrt_length,
     false},
    {"pooling_mode_weightedmean_tokens", "weightedmean", PoolKind::weighted_mean, false},
    {"pooling_mode_lasttoken", "lasttoken", PoolKind::last, false},
};

constexpr std::array kActivations = {
    std::pair{"Identity", Activation::none}, std::pair{"Tanh", Activation::tanh},
    std::pair{"ReLU", Activation::relu},     std::pair{"GELU", Activation::gelu},
    std::pair{"SiLU", Activation::silu},     std::pair{"Sigmoid", Activation::sigmoid}};

fs::path folder_of(const Source& source) {
  return fs::is_directory(source.path) ? fs::path(source.path)
                                       : fs::path(source.path).parent_path();
}

Config read_file(const fs::path& path) {
  return {read_json(path.string(), kMaxJsonBytes), path.string()};
}

/// "Pooling" of "sentence_transformers.models.Pooling": where a class lives has changed before.
std::string last_name(const std::string& dotted) {
  const size_t dot = dotted.rfind('.');
  return dot == std::string::npos ? dotted : dotted.substr(dot + 1);
}

/// The module's folder, which must not lead out of the checkpoint's.
fs::path module_folder(const fs::path& folder, const Config& module) {
  const fs::path path = module.text("path", "");
  for (const fs::path& part : path) {
    if (part == ".." || path.is_absolute()) module.fail("path", "a folder of the checkpoint");
  }
  return folder / path;
}

std::vector<PoolKind> read_pooling(const Config& config, int32_t width) {
  if (config.size("word_embedding_dimension", width) != width) {
    config.fail("word_embedding_dimension", "the encoder's width, " + std::to_string(width));
  }
  std::vector<PoolKind> kinds;
  std::string known;
  for (const Pooling& pooling : kPoolings) {
    known += (known.empty() ? "'" : ", '") + std::string(pooling.mode) + "'";
    const bool is_chosen = config.has("pooling_mode")
                               ? config.text("pooling_mode", "") == pooling.mode
                               : config.flag(pooling.flag, pooling.fallback);
    if (is_chosen) kinds.push_back(pooling.kind);
  }
  if (kinds.empty()) config.fail("pooling_mode", "one of " + known);
  return kinds;
}

/// Tensor `name` of a module's own checkpoint, in memory.
Weight read_whole(const Checkpoint& checkpoint, const std::string& name, const Shape& shape) {
  WeightReader weights(checkpoint);
  const Weight weight = weights(name, shape);
  return constant(weight.shape, checkpoint.read(name));
}

SentenceDense read_dense(const fs::path& folder) {
  const Config config = read_file(folder / "config.json");
  config.require_one_of("module_input_name", {"sentence_embedding"});
  config.require_one_of("module_output_name", {"sentence_embedding"});
  const int32_t inputs = config.size("in_features");
  const int32_t outputs = config.size("out_features");
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(folder.string());
  SentenceDense dense = {{read_whole(*checkpoint, "linear.weight", {outputs, inputs}), {}}};
  if (config.flag("bias", true)) {
    dense.dense.bias = read_whole(*checkpoint, "linear.bias", {outputs});
  }
  const std::string name = last_name(config.text("activation_function", "Tanh"));
  std::string known;
  for (const auto& [known_name, activation] : kActivations) {
    if (name == known_name) {
      dense.activation = activation;
      return dense;
    }
    known += (known.empty() ? "one of '" : ", '") + std::string(known_name) + "'";
  }
  config.fail("activation_function", known);
}

/// A prompt that is put before every text would change all embeddings.
void require_no_prompt(const fs::path& folder) {
  const fs::path path = folder / "config_sentence_transformers.json";
  if (!fs::exists(path)) return;
  const Config config = read_file(path);
  if (config.has("default_prompt_name")) {
    config.fail("default_prompt_name", "null: prompts are not supported");
  }
}

std::vector<Config> read_module_list(const fs::path& path) {
  const nlohmann::json list = read_json(path.string(), kMaxJsonBytes);
  std::vector<Config> modules;
  for (const nlohmann::json& module : list) {
    modules.emplace_back(module, path.string() + ": module " + std::to_string(modules.size()));
  }
  return modules;
}

}  // namespace

bool has_sentence_modules(const Source& source) {
  return fs::exists(folder_of(source) / "modules.json");
}

SentenceModules read_sentence_modules(const Source& source, int32_t width) {
  const fs::path folder = folder_of(source);
  SentenceModules modules;
  if (!has_sentence_modules(source)) {
    modules.pools = {PoolKind::mean};
    return modules;
  }
  require_no_prompt(folder);
  const std::vector<Config> list = read_module_list(folder / "modules.json");
  for (size_t i = 0; i < list.size(); ++i) {
    const Config& module = list[i];
    const std::string type = last_name(module.text("type", ""));
    const fs::path own_folder = module_folder(folder, module);
    if (type == "Transformer" && i == 0) continue;
    if (type == "Pooling" && i == 1) {
      modules.pools = read_pooling(read_file(own_folder / "config.json"), width);
      width *= static_cast<int32_t>(modules.pools.size());
    } else if (type == "Dense" && i > 1) {
      SentenceDense dense = read_dense(own_folder);
      if (dense.dense.weight.size(1) != width) {
        module.fail("type", "a Dense of " + std::to_string(width) + " inputs");
      }
      width = dense.dense.weight.size(0);
      modules.rest.emplace_back(std::move(dense));
    } else if (type == "Normalize" && i > 1) {
      modules.rest.emplace_back(SentenceNormalize{});
    } else {
      module.fail("type", "Transformer, then Pooling, then any of Dense and Normalize");
    }
  }
  if (modules.pools.empty()) {
    throw std::runtime_error((folder / "modules.json").string() + ": has no Pooling");
  }
  return modules;
}

std::optional<int32_t> read_sentence_length(const Source& source) {
  const fs::path path = folder_of(source) / "sentence_bert_config.json";
  if (!has_sentence_modules(source) || !fs::exists(path)) return {};
  const Config config = read_file(path);
  if (config.flag("do_lower_case", false)) {
    config.fail("do_lower_case", "false: letters are the tokenizer's");
  }
  if (!config.has("max_seq_length")) return {};
  return config.size("max_seq_length");
}

Value sentence_embedding(GraphBuilder& g, const SentenceModules& modules, Value tokens) {
  const auto scope = g.scope("sentence");
  std::vector<Value> pooled;
  for (const PoolKind kind : modules.pools) {
    pooled.push_back(g.pool(schema::EnumNamePoolKind(kind), tokens, {kind}));
  }
  Value x = pooled.size() == 1 ? pooled.front() : g.concatenate("pooled", pooled);
  for (size_t i = 0; i < modules.rest.size(); ++i) {
    const std::string number = std::to_string(i);
    if (const auto* dense = std::get_if<SentenceDense>(&modules.rest[i])) {
      x = g.linear("dense" + number, x, dense->dense.weight,
                   dense->dense.options(dense->activation));
    } else {
      x = g.norm("normalize" + number, x, {schema::NormKind::l2_clamped, 1, kNormalizeEpsilon});
    }
  }
  return x;
}

}  // namespace linnet::convert
