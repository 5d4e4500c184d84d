// The options of the papers' models: those that change the result are refused unless they are
// known.

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/checkpoint_builder.h"
#include "tests/unit/temp_folder.h"
#include "tools/convert/convert.h"
#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

using test::CheckpointBuilder;
using test::TempFolder;

/// Converts a checkpoint of one tensor with this config and expects a message with `part`.
void check_refused(const std::string& config, const std::string& part) {
  CAPTURE(config);
  const TempFolder folder;
  folder.write("model.safetensors", CheckpointBuilder().add("a", {1}).bytes());
  folder.write("config.json", config);
  ConvertOptions options;
  options.checkpoint = folder.path();
  options.output = folder.file("model.linnet");
  options.weights = "f32";
  CHECK_FAILS_WITH(convert(options), part);
}

const std::string performer_sizes =
    R"("num_tokens": 9, "max_seq_len": 8, "dim": 4, "depth": 1, "heads": 2)";
const std::string fwp_sizes =
    R"("n_token": 9, "d_model": 4, "n_layer": 1, "n_head": 2, "d_head": 2, "d_inner": 5)";

void check_performer_refused(const std::string& option, const std::string& part) {
  check_refused(R"({"model_type": "performer", )" + option + ", " + performer_sizes + "}", part);
}

void check_fwp_refused(const std::string& option, const std::string& part) {
  check_refused(R"({"model_type": "lmtool_fwp", )" + option + ", " + fwp_sizes + "}", part);
}

}  // namespace

TEST_CASE("performer: what would change the result and is not known is refused by name") {
  for (const char* flag :
       {"reversible", "cross_attend", "no_projection", "axial_position_emb", "shift_tokens"}) {
    check_performer_refused('"' + std::string(flag) + "\": true", flag);
  }
  check_performer_refused(R"("local_attn_heads": 1)", "local_attn_heads");
  check_performer_refused(R"("local_attn_heads": [0, 1])", "local_attn_heads");
  check_performer_refused(R"("kernel_fn": "mish")", "one of relu, gelu");
  check_performer_refused(R"("dim_head": 3)", "dim_head");
  check_performer_refused(R"("dim_head": 2)", "token_emb.weight");
}

TEST_CASE("lmtool-fwp: positions, other attentions and adaptive softmax are refused by name") {
  check_fwp_refused(R"("attn_type": 26, "no_pos": false)", "from the end of each segment");
  check_fwp_refused(R"("attn_type": 26)", "no_pos");
  check_fwp_refused(R"("no_pos": true, "attn_type": 25)", "26 (delta rule, DPFP)");
  check_fwp_refused(R"("no_pos": true, "attn_type": 24, "div_val": 2)", "div_val");
  check_fwp_refused(R"("no_pos": true, "attn_type": 24, "cutoffs": [4])", "adaptive softmax");
  check_fwp_refused(R"("no_pos": true, "attn_type": 24, "d_embed": 3)", "d_embed");
  check_fwp_refused(R"("no_pos": true, "attn_type": 34, "remove_ff": true)", "remove_ff");
  check_fwp_refused(R"("no_pos": true, "attn_type": 26, "n_roll": 16777216)", "out of range");
  check_fwp_refused(R"("no_pos": true, "attn_type": 26)", "word_emb.emb_layers.0.weight");
}

TEST_CASE("linear transformer and the programmer of 1991: unknown options are refused by name") {
  const std::string start = R"({"model_type": "linear_transformer", "vocab_size": 9, )";
  check_refused(start + R"("attention_type": "full"})", "causal-linear");
  check_refused(start + R"("feature_map": "favor"})", "elu+1");
  check_refused(start + R"("activation": "silu"})", "gelu");
  check_refused(start + R"("norm": "pre"})", "post");
  check_refused(R"({"model_type": "fwp_1991", "vocab_size": 9, "d_emb": 2, "n_slow": 2, "d_key": 2,
                    "d_value": 2, "fast_weight_squash": "relu"})",
                "fast_weight_squash");
}

}  // namespace linnet::convert
