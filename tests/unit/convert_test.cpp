// Checkpoints in, files out, or a message that names the culprit and no file.

#include "tools/convert/convert.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/unit/checkpoint_builder.h"
#include "tests/unit/tiny_qwen3_5.h"
#include "tools/convert/formats/checkpoint.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;

using test::CheckpointBuilder;
using test::TempFolder;
using test::TinyQwen35;

/// Converts a folder into itself and gives the header of what came out.
class Conversion {
 public:
  explicit Conversion(const std::string& checkpoint, const std::string& weights = "f32",
                      const std::string& vocabulary = "") {
    const std::string path = folder_.file("model.linnet");
    ConvertOptions options;
    options.checkpoint = checkpoint;
    options.output = path;
    options.weights = weights;
    options.vocabulary = vocabulary;
    report_ = convert(options);
    file_ = test::read_file(path);
    const auto* bytes = reinterpret_cast<const uint8_t*>(file_.data());
    flatbuffers::Verifier verifier(bytes, file_.size());
    REQUIRE(schema::VerifySizePrefixedModelBuffer(verifier));
    model_ = schema::GetSizePrefixedModel(bytes);
  }

  const ConvertReport& report() const { return report_; }
  const schema::Model& model() const { return *model_; }

  const schema::Tensor* tensor(const std::string& name) const {
    for (const schema::Tensor* tensor : *model_->tensors()) {
      if (tensor->name()->str() == name) return tensor;
    }
    return nullptr;
  }

  size_t count(schema::Attributes type) const {
    size_t count = 0;
    for (const schema::Operator* op : *model_->entry_points()->Get(0)->operators()) {
      count += op->attributes_type() == type ? 1 : 0;
    }
    return count;
  }

 private:
  TempFolder folder_;
  ConvertReport report_;
  std::string file_;
  const schema::Model* model_ = nullptr;
};

std::string golden(const std::string& name) {
  return std::string(LINNET_TEST_DIR) + "/golden/" + name;
}

/// Expects a failure whose message has `part`, and no output.
void check_fails(const std::string& checkpoint, const std::string& part,
                 const std::string& weights = "f32") {
  const TempFolder folder;
  ConvertOptions options;
  options.checkpoint = checkpoint;
  options.output = folder.file("model.linnet");
  options.weights = weights;
  CHECK_FAILS_WITH(convert(options), part);
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("the golden checkpoints convert") {
  const std::pair<const char*, const char*> cases[] = {
      {"hf/falcon_h1", "falcon_h1"},
      {"hf/granitemoehybrid", "granitemoehybrid"},
      {"hf/lfm2", "lfm2"},
      {"hf/mamba", "mamba"},
      {"hf/mamba2", "mamba2"},
      {"hf/minimax", "minimax"},
      {"hf/olmo_hybrid", "olmo_hybrid"},
      {"hf/qwen3_5_nested", "qwen3_5"},
      {"hf/qwen3_5_text", "qwen3_5"},
      {"hf/qwen3_next", "qwen3_next"},
      {"hf/recurrent_gemma", "recurrent_gemma"},
      {"hf/rwkv", "rwkv4"},
      {"hf/xlstm", "xlstm"},
      {"ref/fla_gsa", "gsa"},
      {"ref/fla_rwkv7", "rwkv7"},
      {"ref/rwkv4_pth", "rwkv4"},
      {"ref/rwkv5_pth", "rwkv5"},
      {"ref/rwkv6_pth", "rwkv6"},
      {"ref/rwkv7_pth", "rwkv7"},
  };
  for (const auto& example : cases) {
    const char* name = example.first;
    const char* architecture = example.second;
    CAPTURE(name);
    const Conversion plain(golden(name));
    const Conversion int8(golden(name), "int8");
    CHECK(plain.report().architecture == architecture);
    CHECK(plain.report().parameters == int8.report().parameters);
    CHECK(int8.report().file_bytes < plain.report().file_bytes / 2);
    CHECK(plain.model().metadata()->source_sha256()->size() == 64);
    CHECK(plain.model().metadata()->name()->str() == fs::path(name).filename().string());
    CHECK(plain.count(schema::Attributes::Quantize) == 0);
    CHECK(int8.count(schema::Attributes::Quantize) > 0);
  }
}

TEST_CASE("every mix of layers and heads of Qwen3.5 has a graph") {
  SUBCASE("all layers linear: no context, no rotary") {
    const TinyQwen35 tiny({.layers = {"linear", "linear"}});
    const Conversion all_linear(tiny.path());
    CHECK(all_linear.model().generation()->context() == 0);
    CHECK(all_linear.count(schema::Attributes::FastWeight) == 2);
  }
  SUBCASE("all layers softmax attention, with biases") {
    const TinyQwen35 tiny({.layers = {"full"}, .attention_bias = true});
    const Conversion all_full(tiny.path());
    CHECK(all_full.model().generation()->context() == 64);
    CHECK(all_full.tensor("layers.0.attention.q_and_gate+k+v.bias") != nullptr);
  }
  SUBCASE("keys and values of different sizes and numbers, an untied head") {
    const TinyQwen35 tiny({.layers = {"linear", "full"}, .value_heads = 6, .tied = false});
    const Conversion untied(tiny.path());
    CHECK(untied.tensor("logits.weight") != nullptr);
    const schema::Tensor* memory = untied.tensor("layers.0.linear_attention.memory.memory");
    REQUIRE(memory != nullptr);
    CHECK(memory->shape()->Get(0) == 6);
    CHECK(memory->shape()->Get(1) == 4);
    CHECK(memory->shape()->Get(2) == 5);
  }
}

TEST_CASE("int8: small gates, norms and convolutions stay f32, and a tied table is there once") {
  const TinyQwen35 tiny({.layers = {"linear", "full"}});
  const Conversion int8(tiny.path(), "int8");
  for (const char* name : {"embedding.table", "layers.0.linear_attention.qkv+z.weight",
                           "layers.1.attention.out.weight", "layers.1.mlp.down.weight"}) {
    CAPTURE(name);
    REQUIRE(int8.tensor(name) != nullptr);
    CHECK(int8.tensor(name)->type() == schema::DataType::int8);
  }
  for (const char* name : {"layers.0.linear_attention.a+beta.weight", "layers.0.mixer_norm.weight",
                           "layers.0.linear_attention.convolution.weight"}) {
    CAPTURE(name);
    REQUIRE(int8.tensor(name) != nullptr);
    CHECK(int8.tensor(name)->type() == schema::DataType::f32);
  }
  CHECK(int8.tensor("logits.weight") == nullptr);
}

TEST_CASE("parts of a checkpoint that text does not need are left out, others are refused") {
  TinyQwen35 tiny({.layers = {"linear"}});
  tiny.tensors().add("mtp.fc.weight", {2, 2}).add("model.visual.pos_embed.weight", {2, 2});
  tiny.write();
  CHECK_NOTHROW(Conversion(tiny.path()));
  tiny.tensors().add("model.layers.0.linear_attn.extra", {2});
  tiny.write();
  check_fails(tiny.path(), "'model.layers.0.linear_attn.extra'");
}

TEST_CASE("a missing or misshapen tensor is named") {
  TinyQwen35 tiny({.layers = {"linear", "full"}});
  tiny.tensors().remove("model.layers.1.self_attn.k_proj.weight");
  tiny.write();
  check_fails(tiny.path(), "'model.layers.1.self_attn.k_proj.weight'");
  tiny.tensors().add("model.layers.1.self_attn.k_proj.weight", {3, 3});
  tiny.write();
  check_fails(tiny.path(),
              "model.safetensors: tensor 'model.layers.1.self_attn.k_proj.weight' "
              "should have the shape [8, 12], found [3, 3]");
}

TEST_CASE("an unknown architecture is named, with those that are known") {
  TinyQwen35 tiny({.layers = {"linear"}});
  tiny.write_config(R"({"model_type": "gpt_bigcode"})");
  check_fails(tiny.path(), "unknown architecture (model_type 'gpt_bigcode')");
  check_fails(tiny.path(), "qwen3_5_text");
  fs::remove(tiny.path() + "/config.json");
  check_fails(tiny.path(), "no config.json, and tensors such as 'model.embed_tokens.weight'");
}

TEST_CASE("configs that this version would run wrongly are refused") {
  TinyQwen35 tiny({.layers = {"linear"}});
  for (const auto& wrong : {std::pair("hidden_act", "\"gelu_10\""),
                            {"layer_types", "[]"},
                            {"layer_types", "[\"mamba\"]"},
                            {"attn_output_gate", "false"},
                            {"linear_num_value_heads", "3"},
                            {"hidden_size", "\"big\""}}) {
    const char* key = wrong.first;
    CAPTURE(key);
    tiny.write_with(key, wrong.second);
    check_fails(tiny.path(), std::string("config.json: '") + key + "'");
  }
}

TEST_CASE("a truncated file, a missing one and an unknown format leave nothing") {
  const TempFolder folder;
  fs::copy(golden("hf/qwen3_5_text"), folder.path(), fs::copy_options::recursive);
  const std::string weights = folder.file("model.safetensors");
  fs::resize_file(weights, fs::file_size(weights) / 2);
  check_fails(folder.path(), "model.safetensors");
  check_fails(folder.file("absent.safetensors"), "absent.safetensors");
  check_fails(golden("hf/qwen3_5_text"), "'int3'", "int3");
}

TEST_CASE("a value that is not a number stops the conversion to int8") {
  TinyQwen35 tiny({.layers = {"linear"}});
  tiny.tensors().add("model.layers.0.mlp.up_proj.weight", {10, 12}, {1.0f, NAN});
  tiny.write();
  check_fails(tiny.path(), "'layers.0.mlp.gate+up.weight': row 10", "int8");
}

TEST_CASE("a tokenizer beside the checkpoint comes along, unless it is another model's") {
  TinyQwen35 tiny({.layers = {"linear"}});
  CHECK(Conversion(tiny.path()).model().tokenizer() == nullptr);
  tiny.folder().write("rwkv_vocab_test.txt", "1 'a' 1\n2 'b' 1\n");
  const Conversion with(tiny.path());
  REQUIRE(with.model().tokenizer() != nullptr);
  CHECK(with.model().tokenizer()->kind() == schema::TokenizerKind::longest_match);
  CHECK(with.report().tokenizer == tiny.path() + "/rwkv_vocab_test.txt");
  tiny.folder().write("rwkv_vocab_test.txt", "1 'a' 1\n99 'b' 1\n");
  check_fails(tiny.path(), "has ids up to 99, but the model has only 20");
}

TEST_CASE("the output may not be the checkpoint") {
  const TinyQwen35 tiny({.layers = {"linear"}});
  ConvertOptions options;
  options.checkpoint = tiny.path();
  options.output = tiny.path() + "/model.safetensors";
  CHECK_FAILS_WITH(convert(options), "is a file of the checkpoint");
}

}  // namespace
}  // namespace linnet::convert
