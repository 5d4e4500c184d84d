// What the families of encoders refuse, by the name of the entry; labels, and what scores are made
// of their logits by.

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <linnet/linnet.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"

namespace linnet::convert {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::TempFolder;

/// A copy of a golden encoder, to be changed.
struct Encoder {
  explicit Encoder(const std::string& name) {
    const std::string source = std::string(LINNET_TEST_DIR) + "/golden/encoders/" + name;
    fs::copy(source, folder.path(), fs::copy_options::recursive);
  }

  /// Changes an entry of a JSON file; null takes it away.
  void set(const std::string& file, const std::string& key, const std::string& value) {
    const std::string path = folder.file(file);
    json object = fs::exists(path) ? json::parse(test::read_file(path)) : json::object();
    object[key] = json::parse(value);
    if (value == "null") object.erase(key);
    folder.write(file, object.dump());
  }

  linnet::Model convert_and_open() {
    linnet::Model model;
    convert(options());
    const auto result = model.open(options().output.c_str());
    REQUIRE_MESSAGE(result.ok(), result.message());
    return model;
  }

  std::string refusal() {
    std::string message = test::message_of([&] { convert(options()); });
    CHECK_FALSE(fs::exists(options().output));
    return message;
  }

  ConvertOptions options() {
    ConvertOptions options;
    options.checkpoint = folder.path();
    options.output = folder.file("model.linnet");
    options.weights = "f32";
    return options;
  }

  TempFolder folder;
};

struct Refused {
  const char* encoder;
  const char* file;
  const char* key;
  const char* value;
  const char* part;  ///< of the message, beside the key
};

constexpr const char* kConfig = "config.json";
constexpr const char* kPooling = "1_Pooling/config.json";

constexpr Refused kRefused[] = {
    {"bert_tokens", kConfig, "architectures", R"(["BertForQuestionAnswering"])",
     "'BertForMaskedLM'"},
    {"bert_tokens", kConfig, "is_decoder", "true", "an encoder"},
    {"bert_tokens", kConfig, "position_embedding_type", R"("relative_key")", "'absolute'"},
    {"bert_tokens", kConfig, "num_attention_heads", "3", "a divisor of the width"},
    {"bert_tokens", kConfig, "hidden_act", R"("mish")", "'gelu'"},
    {"bert_tokens", kConfig, "problem_type", R"("ranking")", "'regression'"},
    {"bert_tokens", kConfig, "id2label", R"({"0": "a", "7": "b"})", "not of '7'"},
    {"bert_tokens", kConfig, "id2label", R"({"x": "a"})", "not of 'x'"},
    {"bert_tokens", kConfig, "id2label", R"(["a"])", "an object of strings"},
    {"roberta_mlm", kConfig, "pad_token_id", "31", "max_position_embeddings"},
    {"distilbert_regression", kConfig, "n_heads", "5", "a divisor of the width"},
    {"modernbert_embed", kConfig, "local_attention", "1", "at least 2"},
    {"modernbert_labels", kConfig, "classifier_pooling", R"("max")", "'mean'"},
    {"modernbert_embed", kConfig, "layer_types", R"(["full_attention"])", "num_hidden_layers"},
    {"bert_pooled", kPooling, "word_embedding_dimension", "8", "the encoder's width, 16"},
    {"bert_pooled", kPooling, "pooling_mode", R"("median")", "'mean'"},
    {"bert_pooled", "2_Dense/config.json", "activation_function", R"("torch.nn.Mish")", "'Tanh'"},
    {"bert_pooled", "sentence_bert_config.json", "do_lower_case", "true", "false"},
    {"bert_pooled", "config_sentence_transformers.json", "default_prompt_name", R"("query")",
     "prompts"},
};

TEST_CASE("encoders: a configuration that cannot be honoured is refused by name") {
  for (const Refused& refused : kRefused) {
    Encoder encoder(refused.encoder);
    encoder.set(refused.file, refused.key, refused.value);
    const std::string message = encoder.refusal();
    CAPTURE(refused.key);
    CAPTURE(message);
    CHECK(message.find(refused.file) != std::string::npos);
    CHECK(message.find(refused.part) != std::string::npos);
  }
}

TEST_CASE("encoders: a module of sentence-transformers that is not known is refused by its type") {
  Encoder encoder("roberta_embed");
  encoder.folder.write("modules.json", R"([{"type": "x.Transformer", "path": ""},
      {"type": "x.Pooling", "path": "1_Pooling"}, {"type": "x.CNN", "path": "2_CNN"}])");
  CHECK(encoder.refusal().find("x.CNN") != std::string::npos);
  encoder.folder.write("modules.json", R"([{"type": "x.Transformer", "path": ""},
      {"type": "x.Pooling", "path": "../1_Pooling"}])");
  CHECK(encoder.refusal().find("a folder of the checkpoint") != std::string::npos);
  encoder.folder.write("modules.json", R"([{"type": "x.Transformer", "path": ""}])");
  CHECK(encoder.refusal().find("has no Pooling") != std::string::npos);
}

TEST_CASE("encoders: a text's length is the shorter one of what the model and the files say") {
  CHECK(Encoder("bert_pooled").convert_and_open().describe().context == 24);
  CHECK(Encoder("bert_tokens").convert_and_open().describe().context == 32);
  const linnet_model_info roberta = Encoder("roberta_mlm").convert_and_open().describe();
  CHECK(roberta.context == 32 - 4);  // positions begin after that of the padding, 3
  CHECK(roberta.source_positions == 32 - 4);
}

TEST_CASE("labels have their names, and scores by the problem's type") {
  const std::vector<float> logits = {1, -1, 0, 2};
  std::vector<float> scores(4);
  Encoder encoder("bert_labels_multi");
  const linnet::Model multi = encoder.convert_and_open();
  CHECK(multi.describe().labels == 4);
  CHECK(multi.describe().label_function == LINNET_LABEL_SIGMOID);
  CHECK(std::string(linnet_model_label(multi.get(), 1)) == "glad");
  CHECK(linnet_model_label(multi.get(), 4) == nullptr);
  linnet_model_label_scores(multi.get(), logits.data(), scores.data());
  for (size_t i = 0; i < 4; ++i)
    CHECK(scores[i] == doctest::Approx(1 / (1 + std::exp(-logits[i]))));

  encoder.set(kConfig, "problem_type", "null");
  const linnet::Model single = encoder.convert_and_open();
  CHECK(single.describe().label_function == LINNET_LABEL_SOFTMAX);
  scores = logits;
  linnet_model_label_scores(single.get(), scores.data(), scores.data());  // in place
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit);
  for (size_t i = 0; i < 4; ++i) CHECK(scores[i] == doctest::Approx(std::exp(logits[i]) / sum));

  const linnet::Model regression = Encoder("distilbert_regression").convert_and_open();
  CHECK(regression.describe().labels == 1);
  CHECK(regression.describe().label_function == LINNET_LABEL_NONE);
  linnet_model_label_scores(regression.get(), logits.data(), scores.data());
  CHECK(scores[0] == 1);

  Encoder one("distilbert_regression");
  one.set(kConfig, "problem_type", "null");
  CHECK(one.convert_and_open().describe().label_function == LINNET_LABEL_SIGMOID);

  const linnet::Model none = Encoder("roberta_mlm").convert_and_open();
  CHECK(none.describe().labels == 0);
  CHECK(linnet_model_label(none.get(), 0) == nullptr);
}

}  // namespace
}  // namespace linnet::convert
