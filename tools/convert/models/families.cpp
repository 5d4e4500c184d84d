#include <algorithm>
#include <stdexcept>
#include <string>

#include "tools/convert/models/family.h"

namespace linnet::convert {
namespace {

constexpr const char* kSoftmaxRing =
    "SoftmaxAttention: keys and values of the context; 4 C H (K + V) bytes";
constexpr const char* kEncoderDecoderPostNorm =
    "SoftmaxAttention in encoder and decoder, and from one to the other; norms after sublayers; "
    "4 (C + S) H (K + V) bytes";
constexpr const char* kEncoderDecoderPreNorm =
    "SoftmaxAttention in encoder and decoder, and from one to the other; norms before sublayers; "
    "4 (C + S) H (K + V) bytes";
constexpr const char* kSoftmaxWindows =
    "SoftmaxAttention: keys and values of the context or a window; 4 C H (K + V) bytes";

}  // namespace

/// Asked in this order: those that the tensors give away come before those that a config.json says,
/// which may be another model's that lies in the same folder. A row declares its tag, so it stands
/// outside of the anonymous namespace.
constexpr Family kFamilies[] = {
    {"rwkv4", "RWKV-4 .pth files with BlinkDL's tensor names",
     "RWKV, Peng et al. 2023, arXiv:2305.13048", true, recognizes<struct Rwkv4PthFamily>,
     build<struct Rwkv4PthFamily>, "Wkv: weights e^k, decay per channel; 12 A bytes",
     "ref/rwkv4_pth"},
    {"rwkv5", "RWKV-5 .pth files with BlinkDL's tensor names (5.0, 5.1, 5.2)",
     "Eagle and Finch, Peng et al. 2024, arXiv:2404.05892", true, recognizes<struct Rwkv5PthFamily>,
     build<struct Rwkv5PthFamily>,
     "FastWeight: additive, constant decay per key channel, bonus, read before write; 4 H K V "
     "bytes",
     "ref/rwkv5_pth"},
    {"rwkv6", "RWKV-6 .pth files with BlinkDL's tensor names",
     "Eagle and Finch, Peng et al. 2024, arXiv:2404.05892", true, recognizes<struct Rwkv6PthFamily>,
     build<struct Rwkv6PthFamily>,
     "FastWeight: additive, decay per key channel, bonus, read before write; 4 H K V bytes",
     "ref/rwkv6_pth"},
    {"rwkv7", "RWKV-7 .pth files with BlinkDL's tensor names",
     "RWKV-7 Goose, Peng et al. 2025, arXiv:2503.14456", true, recognizes<struct Rwkv7PthFamily>,
     build<struct Rwkv7PthFamily>,
     "FastWeight: rank_one corrected before decay, decay per key channel; 4 H K V bytes",
     "ref/rwkv7_pth"},
    {"ulmfit", "fastai .pth files of an AWD-LSTM language model",
     "ULMFiT, Howard and Ruder 2018, arXiv:1801.06146", false, recognizes<struct UlmfitFamily>,
     build<struct UlmfitFamily>, "Lstm: gates i, f, g, o; 8 A bytes", "ref/ulmfit_lm"},
    {"ulmfit_classifier", "fastai .pth files of a text classifier on an AWD-LSTM",
     "ULMFiT, Howard and Ruder 2018, arXiv:1801.06146", false,
     recognizes<struct UlmfitClassifierFamily>, build<struct UlmfitClassifierFamily>,
     "Lstm, every text from zeros: 0 bytes", "ref/ulmfit_classifier"},
    {"qwen3_5", "Hugging Face folders of model type qwen3_5 or qwen3_5_text (its text part)",
     "Gated Delta Networks, Yang et al. 2024, arXiv:2412.06464", false,
     recognizes<struct Qwen35Family>, build<struct Qwen35Family>,
     "FastWeight: delta, decay per head; 4 H K V bytes; and softmax layers",
     "hf/qwen3_5_text, hf/qwen3_5_nested"},
    {"rwkv4", "Hugging Face folders of model type rwkv", "RWKV, Peng et al. 2023, arXiv:2305.13048",
     false, recognizes<struct Rwkv4HfFamily>, build<struct Rwkv4HfFamily>,
     "Wkv: weights e^k, decay per channel; 12 A bytes", "hf/rwkv"},
    {"rwkv6", "Hugging Face folders of model type rwkv6 (flash-linear-attention)",
     "Eagle and Finch, Peng et al. 2024, arXiv:2404.05892", false,
     recognizes<struct Rwkv6FlaFamily>, build<struct Rwkv6FlaFamily>,
     "FastWeight: additive, decay per key channel, bonus, read before write; 4 H K V bytes",
     "variants/rwkv6_fla"},
    {"rwkv7", "Hugging Face folders of model type rwkv7 (flash-linear-attention)",
     "RWKV-7 Goose, Peng et al. 2025, arXiv:2503.14456", false, recognizes<struct Rwkv7FlaFamily>,
     build<struct Rwkv7FlaFamily>,
     "FastWeight: rank_one corrected before decay, decay per key channel; 4 H K V bytes",
     "ref/fla_rwkv7"},
    {"linear_attn", "Hugging Face folders of model type linear_attn (flash-linear-attention)",
     "Transformers are RNNs, Katharopoulos et al. 2020, arXiv:2006.16236", false,
     recognizes<struct LinearAttnFamily>, build<struct LinearAttnFamily>,
     "FastWeight: additive, normalised if norm_feature_map; 4 H K V bytes", "ref/fla_linear_attn"},
    {"retnet", "Hugging Face folders of model type retnet (flash-linear-attention)",
     "Retentive Network, Sun et al. 2023, arXiv:2307.08621", false, recognizes<struct RetNetFamily>,
     build<struct RetNetFamily>, "FastWeight: additive, constant decay per head; 4 H K V bytes",
     "ref/fla_retnet"},
    {"gla", "Hugging Face folders of model type gla (flash-linear-attention)",
     "Gated Linear Attention, Yang et al. 2023, arXiv:2312.06635", false,
     recognizes<struct GlaFamily>, build<struct GlaFamily>,
     "FastWeight: additive, decay per key channel; 4 H K V bytes", "ref/fla_gla"},
    {"hgrn2", "Hugging Face folders of model type hgrn2 (flash-linear-attention)",
     "HGRN2, Qin et al. 2024, arXiv:2404.07904", false, recognizes<struct Hgrn2Family>,
     build<struct Hgrn2Family>, "FastWeight: additive, decay per key channel; 4 H K V bytes",
     "ref/fla_hgrn2"},
    {"delta_net", "Hugging Face folders of model type delta_net (flash-linear-attention)",
     "DeltaNet, Yang et al. 2024, arXiv:2406.06484", false, recognizes<struct DeltaNetFamily>,
     build<struct DeltaNetFamily>, "FastWeight: delta; 4 H K V bytes", "ref/fla_delta_net"},
    {"gated_deltanet", "Hugging Face folders of model type gated_deltanet (flash-linear-attention)",
     "Gated Delta Networks, Yang et al. 2024, arXiv:2412.06464", false,
     recognizes<struct GatedDeltaNetFamily>, build<struct GatedDeltaNetFamily>,
     "FastWeight: delta, decay per head; 4 H K V bytes", "ref/fla_gated_deltanet"},
    {"kda", "Hugging Face folders of model type kda (flash-linear-attention)",
     "Kimi Linear, Kimi Team 2025, arXiv:2510.26692", false, recognizes<struct KdaFamily>,
     build<struct KdaFamily>, "FastWeight: delta, decay per key channel; 4 H K V bytes",
     "ref/fla_kda"},
    {"gsa", "Hugging Face folders of model type gsa (flash-linear-attention)",
     "Gated Slot Attention, Zhang et al. 2024, arXiv:2409.07146", false,
     recognizes<struct GsaFamily>, build<struct GsaFamily>,
     "FastWeight twice: additive, decay per value, then per key channel; 4 H M (K + V) bytes",
     "ref/fla_gsa"},
    {"mamba2", "Hugging Face folders of model type mamba2 (transformers, flash-linear-attention)",
     "Mamba-2, Dao and Gu 2024, arXiv:2405.21060", false, recognizes<struct Mamba2Family>,
     build<struct Mamba2Family>, "FastWeight: additive, decay per head; 4 H K V bytes",
     "hf/mamba2, ref/fla_mamba2"},
    {"qwen3_next", "Hugging Face folders of model type qwen3_next",
     "Gated Delta Networks, Yang et al. 2024, arXiv:2412.06464", false,
     recognizes<struct Qwen3NextFamily>, build<struct Qwen3NextFamily>,
     "FastWeight: delta, decay per head; 4 H K V bytes; and softmax layers", "hf/qwen3_next"},
    {"olmo_hybrid", "Hugging Face folders of model type olmo_hybrid",
     "Gated Delta Networks, Yang et al. 2024, arXiv:2412.06464", false,
     recognizes<struct OlmoHybridFamily>, build<struct OlmoHybridFamily>,
     "FastWeight: delta with beta up to 2, decay per head; 4 H K V bytes; and softmax layers",
     "hf/olmo_hybrid"},
    {"mamba", "Hugging Face folders of model type mamba",
     "Mamba, Gu and Dao 2023, arXiv:2312.00752", false, recognizes<struct MambaFamily>,
     build<struct MambaFamily>, "SelectiveScan: input factor dt; 4 A N bytes", "hf/mamba"},
    {"falcon_h1", "Hugging Face folders of model type falcon_h1",
     "Falcon-H1, 2025, arXiv:2507.22448", false, recognizes<struct FalconH1Family>,
     build<struct FalconH1Family>,
     "FastWeight: additive, decay per head (Mamba-2); 4 H K V bytes; beside softmax in every layer",
     "hf/falcon_h1"},
    {"granitemoehybrid", "Hugging Face folders of model type granitemoehybrid",
     "Mamba-2, Dao and Gu 2024, arXiv:2405.21060", false, recognizes<struct GraniteMoeHybridFamily>,
     build<struct GraniteMoeHybridFamily>,
     "FastWeight: additive, decay per head (Mamba-2); 4 H K V bytes; and softmax layers",
     "hf/granitemoehybrid"},
    {"lfm2", "Hugging Face folders of model type lfm2", "LFM2, Liquid AI 2025", false,
     recognizes<struct Lfm2Family>, build<struct Lfm2Family>,
     "CausalConv between two gates; 4 A (kernel - 1) bytes; and softmax layers", "hf/lfm2"},
    {"recurrent_gemma", "Hugging Face folders of model type recurrent_gemma",
     "Griffin, De et al. 2024, arXiv:2402.19427", false, recognizes<struct RecurrentGemmaFamily>,
     build<struct RecurrentGemmaFamily>,
     "SelectiveScan: unit variance (RG-LRU); 4 A bytes; and softmax layers with a window",
     "hf/recurrent_gemma"},
    {"minimax", "Hugging Face folders of model type minimax", "MiniMax-01, 2025, arXiv:2501.08313",
     false, recognizes<struct MiniMaxFamily>, build<struct MiniMaxFamily>,
     "FastWeight: additive, constant decay per head; 4 H K V bytes; and softmax layers",
     "hf/minimax"},
    {"xlstm", "Hugging Face folders of model type xlstm",
     "xLSTM 7B, Beck et al. 2025, arXiv:2503.13427", false, recognizes<struct XlstmFamily>,
     build<struct XlstmFamily>,
     "FastWeight: additive, decay per head, normalised with a floor (mLSTM); 4 H (K V + K + 1) "
     "bytes",
     "hf/xlstm"},
    {"linear_transformer", "folders of model type linear_transformer (idiap/fast-transformers)",
     "Transformers are RNNs, Katharopoulos et al. 2020, arXiv:2006.16236", true,
     recognizes<struct LinearTransformerFamily>, build<struct LinearTransformerFamily>,
     "FastWeight: additive, normalised; keys and queries elu + 1; 4 H K (V + 1) bytes",
     "ref/linear_transformer"},
    {"performer", "folders of model type performer (lucidrains/performer-pytorch)",
     "Rethinking Attention with Performers, Choromanski et al. 2021, arXiv:2009.14794", true,
     recognizes<struct PerformerFamily>, build<struct PerformerFamily>,
     "FastWeight: additive, normalised, of random features; with the softmax kernel decay per key "
     "channel by the growth of the largest; 4 H (m + 1) (V + 1) bytes",
     "ref/performer, ref/performer_relu, ref/performer_encoder"},
    {"lmtool_fwp", "folders of model type lmtool_fwp (IDSIA/lmtool-fwp), attn_type 24, 26 or 34",
     "Linear Transformers Are Secretly Fast Weight Programmers, Schlag et al. 2021, "
     "arXiv:2102.11174",
     false, recognizes<struct LmtoolFwpFamily>, build<struct LmtoolFwpFamily>,
     "FastWeight: delta or additive, perhaps normalised; keys and queries DPFP (K = 2 n_roll V) or "
     "elu + 1; 4 H K V bytes",
     "ref/fwp_delta, ref/fwp_delta_elu, ref/fwp_sum"},
    {"fwp_1991", "folders of model type fwp_1991",
     "Learning to Control Fast-Weight Memories, Schmidhuber 1991", true,
     recognizes<struct Fwp1991Family>, build<struct Fwp1991Family>,
     "FastWeight: additive, perhaps squashed by tanh; 4 K V bytes", "ref/fwp_1991"},
    {"gpt2", "Hugging Face folders of model type gpt2",
     "Language Models are Unsupervised Multitask Learners, Radford et al. 2019", false,
     recognizes<struct Gpt2Family>, build<struct Gpt2Family>, kSoftmaxRing,
     "hf/gpt2, hf/gpt2_hubnames"},
    {"gpt_neo", "Hugging Face folders of model type gpt_neo",
     "GPT-Neo, Black et al. 2021, doi:10.5281/zenodo.5297715", false,
     recognizes<struct GptNeoFamily>, build<struct GptNeoFamily>, kSoftmaxWindows, "hf/gpt_neo"},
    {"gpt_neox", "Hugging Face folders of model type gpt_neox",
     "GPT-NeoX-20B, Black et al. 2022, arXiv:2204.06745", false, recognizes<struct GptNeoXFamily>,
     build<struct GptNeoXFamily>, kSoftmaxRing, "hf/gpt_neox"},
    {"llama", "Hugging Face folders of model type llama",
     "LLaMA, Touvron et al. 2023, arXiv:2302.13971", false, recognizes<struct LlamaFamily>,
     build<struct LlamaFamily>, kSoftmaxRing, "hf/llama"},
    {"mistral", "Hugging Face folders of model type mistral",
     "Mistral 7B, Jiang et al. 2023, arXiv:2310.06825", false, recognizes<struct MistralFamily>,
     build<struct MistralFamily>, kSoftmaxWindows, "hf/mistral"},
    {"qwen2", "Hugging Face folders of model type qwen2",
     "Qwen2, Yang et al. 2024, arXiv:2407.10671", false, recognizes<struct Qwen2Family>,
     build<struct Qwen2Family>, kSoftmaxWindows, "hf/qwen2"},
    {"qwen3", "Hugging Face folders of model type qwen3",
     "Qwen3, Yang et al. 2025, arXiv:2505.09388", false, recognizes<struct Qwen3Family>,
     build<struct Qwen3Family>, kSoftmaxWindows, "hf/qwen3"},
    {"gemma3", "Hugging Face folders of model type gemma3_text",
     "Gemma 3, Gemma Team 2025, arXiv:2503.19786", false, recognizes<struct Gemma3Family>,
     build<struct Gemma3Family>, kSoftmaxWindows, "hf/gemma3_text"},
    {"transformer_xl",
     "folders of model type transfo_xl_rmsnorm or transfo_xl_layernorm (kimiyoung/transformer-xl), "
     "attn_type 0",
     "Transformer-XL, Dai et al. 2019, arXiv:1901.02860; Gopher, Rae et al. 2021, arXiv:2112.11446",
     false, recognizes<struct TransformerXlFamily>, build<struct TransformerXlFamily>,
     "SoftmaxAttention: relative positions, keys and values of a segment and its memory; "
     "4 C H (K + V) bytes",
     "ref/gopher_like"},
    {"xlnet", "Hugging Face folders of model type xlnet with attn_type bi",
     "XLNet, Yang et al. 2019, arXiv:1906.08237", false, recognizes<struct XlnetFamily>,
     build<struct XlnetFamily>,
     "SoftmaxAttention: relative positions and token types; an encoder, 0 bytes", "hf/xlnet_lm"},
    {"marian", "Hugging Face folders of model type marian",
     "Marian, Junczys-Dowmunt et al. 2018, arXiv:1804.00344", false,
     recognizes<struct MarianFamily>, build<struct MarianFamily>, kEncoderDecoderPostNorm,
     "hf/marian"},
    {"bart", "Hugging Face folders of model type bart", "BART, Lewis et al. 2020, arXiv:1910.13461",
     false, recognizes<struct BartFamily>, build<struct BartFamily>, kEncoderDecoderPostNorm,
     "hf/bart"},
    {"mbart", "Hugging Face folders of model type mbart",
     "mBART, Liu et al. 2020, arXiv:2001.08210", false, recognizes<struct MBartFamily>,
     build<struct MBartFamily>, kEncoderDecoderPreNorm, "variants/seq2seq/mbart"},
    {"pegasus", "Hugging Face folders of model type pegasus",
     "Pegasus, Zhang et al. 2020, arXiv:1912.08777", false, recognizes<struct PegasusFamily>,
     build<struct PegasusFamily>, kEncoderDecoderPreNorm, "variants/seq2seq/pegasus"},
    {"m2m_100", "Hugging Face folders of model type m2m_100 (M2M-100, NLLB)",
     "M2M-100, Fan et al. 2020, arXiv:2010.11125", false, recognizes<struct M2M100Family>,
     build<struct M2M100Family>, kEncoderDecoderPreNorm, "variants/seq2seq/m2m_100"},
    {"t5", "Hugging Face folders of model type t5, mt5 or umt5, also their encoders alone",
     "T5, Raffel et al. 2020, arXiv:1910.10683", false, recognizes<struct T5Family>,
     build<struct T5Family>,
     "softmax with a bias by distance in encoder and decoder, softmax from one to the other; norms "
     "before sublayers; 4 (C + S) H (K + V) bytes",
     "hf/t5"},
    {"torch_transformer", "folders of model type torch_transformer (torch.nn.Transformer)",
     "Attention Is All You Need, Vaswani et al. 2017, arXiv:1706.03762", true,
     recognizes<struct TorchTransformerFamily>, build<struct TorchTransformerFamily>,
     "softmax in encoder and decoder, and from one to the other; norms after or before sublayers; "
     "4 (C + S) H (K + V) bytes",
     "ref/torch_transformer_postln, ref/torch_transformer_preln"},
    {"resi_dual", "folders of model type resi_dual (microsoft/ResiDual)",
     "ResiDual, Xie et al. 2023, arXiv:2304.14802", true,
     recognizes<struct ResidualTransformerFamily>, build<struct ResidualTransformerFamily>,
     "softmax in encoder and decoder, and from one to the other; norms after sublayers, and of the "
     "sum of them all; 4 (C + S) H (K + V) bytes",
     "ref/residual_transformer"},
    {"bert", "Hugging Face folders of model type bert",
     "BERT, Devlin et al. 2019, arXiv:1810.04805", false, recognizes<struct BertFamily>,
     build<struct BertFamily>, "an encoder: softmax over the whole text, nothing kept; 0 bytes",
     "hf/bert_mlm, hf/bert_mlm_legacy, hf/bert_seqcls, hf/bert_embed"},
    {"roberta", "Hugging Face folders of model type roberta, xlm-roberta or camembert",
     "RoBERTa, Liu et al. 2019, arXiv:1907.11692", false, recognizes<struct RobertaFamily>,
     build<struct RobertaFamily>, "an encoder: softmax over the whole text, nothing kept; 0 bytes",
     "hf/roberta_seqcls"},
    {"distilbert", "Hugging Face folders of model type distilbert",
     "DistilBERT, Sanh et al. 2019, arXiv:1910.01108", false, recognizes<struct DistilBertFamily>,
     build<struct DistilBertFamily>,
     "an encoder: softmax over the whole text, nothing kept; 0 bytes", "hf/distilbert_mlm"},
    {"modernbert", "Hugging Face folders of model type modernbert",
     "ModernBERT, Warner et al. 2024, arXiv:2412.13663", false, recognizes<struct ModernBertFamily>,
     build<struct ModernBertFamily>,
     "an encoder: softmax over the whole text or a window, nothing kept; 0 bytes",
     "hf/modernbert_mlm"},
};

namespace {

std::string found_text(const Source& source) {
  if (!source.config) {
    const auto& tensors = source.checkpoint.tensors();
    return tensors.empty() ? "no tensors"
                           : "no config.json, and tensors such as '" + tensors.begin()->first + "'";
  }
  std::string text = "model_type '" + source.config->text("model_type", "") + "'";
  if (source.config->has("architectures")) {
    for (const std::string& name : source.config->texts("architectures")) text += ", " + name;
  }
  return text;
}

bool contains(std::span<const char* const> names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const char* known) { return name == known; });
}

}  // namespace

std::span<const Family> families() { return kFamilies; }

const Family& find_family(const Source& source) {
  for (const Family& family : kFamilies) {
    if (family.recognizes(source)) return family;
  }
  std::string known;
  for (const Family& family : kFamilies) known += std::string("\n  ") + family.checkpoints;
  throw std::runtime_error(source.path + ": unknown architecture (" + found_text(source) +
                           "); linnet converts" + known);
}

bool config_says(const Source& source, std::span<const char* const> model_types,
                 std::span<const char* const> architectures) {
  if (!source.config) return false;
  if (source.config->has("model_type")) {
    return contains(model_types, source.config->text("model_type", ""));
  }
  if (!source.config->has("architectures")) return false;
  const std::vector<std::string> found = source.config->texts("architectures");
  return std::any_of(found.begin(), found.end(),
                     [&](const std::string& name) { return contains(architectures, name); });
}

}  // namespace linnet::convert
