// Configurations that the encoder-decoder families refuse: each with a message that names the
// entry.

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"

namespace linnet::convert {
namespace {

using nlohmann::json;
using test::TempFolder;

struct Refused {
  const char* variant;
  const char* key;
  const char* value;
  const char* part;  ///< of the message
};

constexpr Refused kRefused[] = {
    {"bart_bare", "decoder_attention_heads", "3", "a divisor of d_model"},
    {"bart_bare", "activation_function", R"("mish")", "'gelu'"},
    {"bart_bare", "max_position_embeddings", "39", "embed_positions.weight"},
    {"marian_untied", "tie_word_embeddings", R"("no")", "true or false"},
    {"marian_unshared", "decoder_vocab_size", "22", "decoder.embed_tokens.weight"},
    {"m2m_100", "pad_token_id", "31", "a token's id"},
    {"t5_1_1", "feed_forward_proj", R"("gated-mish")", "feed_forward_proj"},
    {"t5_1_1", "feed_forward_proj", R"("relu")", "DenseReluDense.wi.weight"},
    {"t5_1_1", "relative_attention_num_buckets", "6", "a multiple of 4"},
    {"t5_1_1", "relative_attention_max_distance", "4", "above half of the buckets"},
    {"t5_1_1", "relative_attention_max_distance", "16777216", "at most 65536"},
    {"t5_1_1", "model_type", R"("longt5")", "unknown architecture"},
    {"torch_no_bias", "embed_scale", R"("d_model")", "'sqrt(d_model)', 'none' or a number"},
    {"torch_no_bias", "activation", R"("silu")", "'gelu'"},
    {"torch_no_bias", "bias", "true", "bias"},
    {"resi_dual", "layernorm_embedding", "true", "layernorm_embedding"},
    {"resi_dual", "padding_idx", "0.5", "a token's id"},
    {"resi_dual", "decoder_embed_dim", "8", "encoder_embed_dim"},
    {"resi_dual", "adaptive_softmax_cutoff", R"("4,8")", "absent"},
};

}  // namespace

TEST_CASE("encoder-decoders: what is not known or does not fit is refused by name") {
  for (const Refused& refused : kRefused) {
    CAPTURE(refused.variant);
    CAPTURE(refused.value);
    const std::string source =
        std::string(LINNET_TEST_DIR) + "/golden/variants/seq2seq/" + refused.variant;
    const TempFolder folder;
    json config = json::parse(test::read_file(source + "/config.json"));
    config[refused.key] = json::parse(refused.value);
    folder.write("config.json", config.dump());
    std::filesystem::copy_file(source + "/model.safetensors", folder.file("model.safetensors"));
    ConvertOptions options;
    options.checkpoint = folder.path();
    options.output = folder.file("model.linnet");
    const std::string message = test::message_of([&] { convert(options); });
    INFO(message);
    CHECK(message.find(refused.part) != std::string::npos);
  }
}

}  // namespace linnet::convert
