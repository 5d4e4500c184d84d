// Configurations that the families refuse: each with a message that names the entry.

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

using nlohmann::json;
using test::TempFolder;

/// The message that converting a variant ends with when its config.json has `key` changed.
std::string refusal(const std::string& variant, const std::string& key, const char* value) {
  const std::string source = std::string(LINNET_TEST_DIR) + "/golden/variants/" + variant;
  const TempFolder folder;
  json config = json::parse(test::read_file(source + "/config.json"));
  config[key] = json::parse(value);
  folder.write("config.json", config.dump());
  std::filesystem::copy_file(source + "/model.safetensors", folder.file("model.safetensors"));
  ConvertOptions options;
  options.checkpoint = folder.path();
  options.output = folder.file("model.linnet");
  std::string message = test::message_of([&] { convert(options); });
  CHECK_FALSE(std::filesystem::exists(options.output));
  return message;
}

struct Refused {
  const char* variant;
  const char* key;
  const char* value;
  const char* part;  ///< of the message, beside the key
};

constexpr Refused kRefused[] = {
    {"gla", "hidden_act", R"("powlu")", "'swish'"},
    {"gla", "attnres_block_size", "2", "attention over residuals"},
    {"gla", "num_kv_heads", "3", "a divisor of num_heads"},
    {"gla", "num_heads", "3", "num_heads divides"},
    {"gla", "expand_k", "-1", "num_heads divides"},
    {"gla", "conv_size", "40", "from 2 to 16"},
    {"gla", "feature_map", R"("taylor")", "'swish'"},
    {"gla", "clamp_min", R"("low")", "a number"},
    {"gla_hybrid", "attn", R"({"layers": [3], "num_heads": 4})", "from 0 to 2"},
    {"gla_hybrid", "attn", R"({"layers": [0], "num_heads": 3})", "a divisor of hidden_size"},
    {"gla_hybrid", "attn", R"({"layers": [0], "num_heads": 4, "num_kv_heads": 3})", "num_kv_heads"},
    {"gla_hybrid", "attn",
     R"([{"layers": [0], "num_heads": 4}, {"layers": [0, 1], "num_heads": 2}])", "no other entry"},
    {"linear_attn_t2r", "feature_map", R"("cosine")", "'hedgehog'"},
    {"linear_attn_t2r", "feature_map", R"("hedgehog")", "layer.bias"},
    {"linear_attn_t2r", "feature_map", R"("relu")", "no place in this architecture"},
    {"retnet", "hidden_ratio", "0", "a number up to 64"},
    {"retnet", "expand_k", "0.75", "an even number of channels"},
    {"hgrn2", "expand_ratio", "5", "equal heads"},
    {"delta_net_sum", "qk_norm", R"("l1")", "'l2', 'sum'"},
    {"delta_net_sum", "qk_activation", R"("gelu")", "'silu'"},
    {"gated_deltanet", "expand_v", "0.3", "a whole number of head_dim"},
    {"gated_deltanet", "num_v_heads", "3", "a multiple of num_heads"},
    {"kda_no_conv", "safe_gate", "true", "lower_bound"},
    {"gsa_t2r", "num_slots", "7", "per head: 5"},
    {"gsa_t2r", "expand_v", "2", "as wide as the model"},
    {"gsa_t2r", "gate_logit_normalizer", "0", "above 0"},
    {"gsa_t2r", "feature_map", R"("elu")", "'t2r'"},
    {"mamba2_hf", "num_heads", "3", "expand * hidden_size / head_dim"},
    {"mamba2_hf", "n_groups", "3", "a divisor of num_heads"},
    {"mamba2_hf", "head_dim", "7", "a divisor of the inner width"},
    {"mamba2_hf", "conv_kernel", "1", "from 2 to 16"},
    {"mamba2_hf", "time_step_limit", "[1]", "two ascending numbers"},
    {"mamba2_hf", "time_step_limit", "[1, 0]", "two ascending numbers"},
    {"mamba2_hf", "hidden_act", R"("gelu")", "'silu'"},
    {"mamba2_hf", "expand", "0", "a number up to 64"},
    {"rwkv4_hf", "rescale_every", "-1", "a number of layers"},
    {"rwkv4_hf", "attention_hidden_size", "11", "should have the shape [11, 12]"},
    {"rwkv6_fla", "attn", "{}", "softmax attention"},
    {"rwkv6_fla", "expand_k", "0.4", "num_heads divides"},
    {"rwkv6_fla", "hidden_act", R"("gelu")", "'sqrelu'"},
    {"gpt2_unscaled", "activation_function", R"("mish")", "'gelu_new'"},
    {"gpt2_unscaled", "n_head", "5", "a divisor of n_embd"},
    {"gpt2_unscaled", "add_cross_attention", "true", "false"},
    {"gpt2_unscaled", "n_positions", "41", "should have the shape [41, 12]"},
    {"gpt_neo_types", "attention_types", R"([[["local", "dense"], 1], [["local"], 1]])",
     "'global' and 'local'"},
    {"gpt_neo_types", "attention_types", R"([[["local"], 2]])", "for 3 (num_layers)"},
    {"gpt_neo_types", "attention_types", R"([[["local"], 4]])", "at most 3 names"},
    {"gpt_neo_types", "attention_types", R"([[[], 1000000]])", "at most 3 names"},
    {"gpt_neo_types", "attention_types", R"(["local"])", "at most 3 names"},
    {"gpt_neox_sequential", "rotary_pct", "0.2", "an even part of 8 channels"},
    {"gpt_neox_sequential", "num_attention_heads", "5", "a divisor of hidden_size"},
    {"llama_yarn", "rope_scaling", R"({"rope_type": "longrope"})", "'rope_type' should be"},
    {"llama_yarn", "num_attention_heads", "0", "a whole number from 1"},
    {"llama_biases", "mlp_bias", "1", "true or false"},
    {"llama_biases", "num_key_value_heads", "3", "a multiple of num_key_value_heads"},
    {"mistral_no_window", "sliding_window", "0", "a whole number from 1"},
    {"qwen2_window", "layer_types", R"(["full_attention"])", "a list of 2"},
    {"qwen2_layer_types", "use_sliding_window", "false", "true, and sliding_window a size"},
    {"qwen3_biases", "head_dim", "7", "an even part of 7 channels"},
    {"gemma3_older", "use_bidirectional_attention", "true", "false"},
    {"gemma3_older", "final_logit_softcapping", "0", "above 0"},
    {"gemma3_older", "query_pre_attn_scalar", "-1", "above 0"},
    {"transformer_xl_post_norm", "attn_type", "1", "0: relative positions"},
    {"transformer_xl_post_norm", "norm", R"("batchnorm")", "'rmsnorm', 'layernorm'"},
    {"transformer_xl_post_norm", "ext_len", "2", "0"},
    {"transformer_xl_post_norm", "div_val", "2", "1"},
    {"transformer_xl_post_norm", "cutoffs", "[10]", "an adaptive softmax"},
    {"transformer_xl_post_norm", "d_embed", "10", "d_model"},
    {"transformer_xl_post_norm", "tgt_len", "0", "a whole number from 1"},
    {"transformer_xl_same_length", "mem_len", "0", "above 0"},
    {"gemma3_older", "layer_types", R"(["full", "full", "full"])", "'sliding_attention'"},
    {"ulmfit_untied", "arch", R"("AWD_QRNN")", "'AWD_LSTM'"},
    {"ulmfit_untied", "qrnn", "true", "QRNN layers are not supported"},
    {"ulmfit_untied", "bidir", "true", "one direction"},
    {"ulmfit_untied", "n_hid", "15", "14, as the tensors have it"},
    {"ulmfit_single", "emb_sz", "12", "10, as the tensors have it"},
    {"ulmfit_single", "n_layers", "3", "1, as the tensors have it"},
};

TEST_CASE("a configuration that cannot be honoured is refused by the name of its entry") {
  for (const Refused& refused : kRefused) {
    const std::string variant = refused.variant, key = refused.key;
    CAPTURE(variant);
    CAPTURE(key);
    const std::string message = refusal(variant, key, refused.value);
    CAPTURE(message);
    CHECK_FALSE(message.empty());
    CHECK(message.find(refused.part) != std::string::npos);
  }
}

TEST_CASE("every family says what it remembers per layer") {
  CHECK(families().size() >= 17);
  for (const Family& family : families()) {
    CAPTURE(family.checkpoints);
    CHECK(std::string(family.remembers).find("bytes") != std::string::npos);
  }
}

}  // namespace
}  // namespace linnet::convert
