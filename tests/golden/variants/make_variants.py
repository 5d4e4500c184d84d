"""Writes tests/golden/variants/NAME: checkpoints with options that the reference cases beside do not
have, and what plain loops over the published equations make of them. Needs Python alone.

    python3 make_variants.py [NAME…]
"""

import json
import math
import os
import sys

from decoders import *
from fla import *
from others import *
from seq2seq import *
from ulmfit import Ulmfit

TOKENS, PROMPT, GREEDY = 20, 16, 24
SOURCE, TARGET = 13, 12

FLA = {"vocab_size": 29, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 20,
       "num_heads": 4, "hidden_act": "swish", "norm_eps": 1e-5}
DELTA = {**FLA, "num_heads": 2, "head_dim": 8}
RWKV6 = {**FLA, "model_type": "rwkv6", "hidden_act": "sqrelu", "proj_low_rank_dim": 3,
         "gate_low_rank_dim": 5}
MAMBA = {"model_type": "mamba2", "vocab_size": 29, "hidden_size": 16, "num_hidden_layers": 2,
         "head_dim": 8, "state_size": 6, "n_groups": 2, "use_bias": False, "hidden_act": "silu"}
FULL = {"layers": [0], "num_heads": 4, "num_kv_heads": 2, "qkv_bias": True, "rope_theta": 500.0}
WINDOW = {"layers": [1], "num_heads": 2, "window_size": 5}
GPT2 = {"model_type": "gpt2", "vocab_size": 29, "n_embd": 12, "n_layer": 2, "n_head": 3,
        "n_positions": 40}
NEO = {"model_type": "gpt_neo", "vocab_size": 29, "hidden_size": 12, "num_layers": 3,
       "num_heads": 3, "max_position_embeddings": 40}
NEOX = {"model_type": "gpt_neox", "vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 3, "intermediate_size": 20, "max_position_embeddings": 64}
LLAMA = {"vocab_size": 29, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "intermediate_size": 20, "max_position_embeddings": 64}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16,
        "rope_type": "yarn"}
XL = {"model_type": "transfo_xl_rmsnorm", "attn_type": 0, "n_token": 29, "d_model": 12, "n_layer": 2,
      "n_head": 3, "d_head": 6, "d_inner": 20, "norm": "rmsnorm", "norm_eps": 1e-6,
      "pre_lnorm": True, "tie_weight": False, "tgt_len": 5, "mem_len": 4}
INFINITY = {"__float__": "Infinity"}
AWD = {"arch": "AWD_LSTM", "vocab_sz": 29, "emb_sz": 10, "n_hid": 14}

VARIANTS = {
    "linear_attn_hedgehog": (LinearAttention, {**FLA, "feature_map": "hedgehog", "num_kv_heads": 2}),
    "linear_attn_t2r": (LinearAttention, {**FLA, "feature_map": "t2r", "tie_feature_map_qk": True}),
    "linear_attn_dpfp": (LinearAttention, {**FLA, "feature_map": "dpfp", "expand_v": 2}),
    "linear_attn_product": (LinearAttention, {**FLA, "num_kv_heads": 1}),
    "linear_attn_elu": (LinearAttention, {**FLA, "feature_map": "elu", "norm_feature_map": True,
                                          "norm_q": True, "norm_k": True, "attn": WINDOW}),
    "linear_attn_relu": (LinearAttention, {**FLA, "feature_map": "relu", "expand_k": 2,
                                           "elementwise_affine": False,
                                           "tie_word_embeddings": True}),
    "retnet": (RetNet, {**FLA, "num_kv_heads": 2, "feature_map": "sqrelu",
                        "use_output_gate": False, "intermediate_size": None}),
    "retnet_plain_norm": (RetNet, {**FLA, "fuse_norm": False}),
    "gla": (Gla, {**FLA, "use_short_conv": True, "clamp_min": -0.05, "num_kv_heads": 2,
                  "feature_map": "relu", "conv_size": 3}),
    "gla_hybrid": (Gla, {**FLA, "elementwise_affine": False, "attn": [FULL, WINDOW],
                         "num_hidden_layers": 3}),
    "hgrn2": (Hgrn2, {**FLA, "expand_ratio": 8, "use_short_conv": True, "num_hidden_layers": 3}),
    "hgrn2_no_bound": (Hgrn2, {**FLA, "expand_ratio": 4, "use_lower_bound": False,
                               "elementwise_affine": False}),
    "delta_net_sum": (DeltaNet, {**FLA, "qk_activation": "elu", "qk_norm": "sum",
                                 "use_short_conv": False, "use_gate": True, "expand_k": 0.5}),
    "delta_net_no_beta": (DeltaNet, {**FLA, "qk_activation": "relu", "use_beta": False}),
    "delta_net_negative": (DeltaNet, {**FLA, "qk_activation": "identity",
                                      "allow_neg_eigval": True}),
    "delta_net_no_conv": (DeltaNet, {**FLA, "use_short_conv": False, "use_beta": False,
                                     "allow_neg_eigval": True}),
    "gated_deltanet": (GatedDeltaNet, {**DELTA, "num_v_heads": 4, "use_gate": False,
                                       "allow_neg_eigval": True, "expand_v": 0.75}),
    "gated_deltanet_no_conv": (GatedDeltaNet, {**DELTA, "use_short_conv": False}),
    "kda_bound": (Kda, {**DELTA, "num_v_heads": 4, "lower_bound": -5, "safe_gate": True,
                        "expand_v": 0.5}),
    "kda_no_conv": (Kda, {**DELTA, "use_short_conv": False, "allow_neg_eigval": True}),
    "gsa_t2r": (Gsa, {**FLA, "num_kv_heads": 2, "feature_map": "t2r", "use_short_conv": True,
                      "num_slots": 5}),
    "gsa_relu": (Gsa, {**FLA, "feature_map": "relu", "gate_logit_normalizer": 4,
                       "num_slots": None, "elementwise_affine": False}),
    "rwkv6_fla": (Rwkv6, {**RWKV6}),
    "rwkv6_fla_plain": (Rwkv6, {**RWKV6, "norm_first": False, "norm_bias": False, "expand_k": 1,
                                "expand_v": 0.5, "hidden_act": "relu"}),
    "rwkv4_hf": (lambda c, w: Rwkv4(c, w, hf=True),
                 {"model_type": "rwkv", "vocab_size": 29, "hidden_size": 12,
                  "attention_hidden_size": 10, "num_hidden_layers": 5, "rescale_every": 2,
                  "layer_norm_epsilon": 1e-3}),
    "rwkv4_hf_no_rescale": (lambda c, w: Rwkv4(c, w, hf=True),
                            {"model_type": "rwkv", "vocab_size": 29, "hidden_size": 12,
                             "intermediate_size": 14, "num_hidden_layers": 2,
                             "rescale_every": 0}),
    "rwkv4_pth": (Rwkv4, {"vocab_size": 29, "n_embd": 12, "n_layer": 2, "dim_att": 16,
                          "dim_ffn": 20}),
    "rwkv5_1": (Rwkv5, {"vocab_size": 29, "n_embd": 12, "n_layer": 2, "dim_att": 16,
                        "dim_ffn": 20, "head_size": 4, "per_head": True}),
    "rwkv5_2": (Rwkv5, {"vocab_size": 29, "n_embd": 12, "n_layer": 2, "dim_att": 16,
                        "dim_ffn": 20, "head_size": 8, "per_head": False,
                        "head_size_divisor": 4}),
    "mamba2_fla_groups": (lambda c, w: Mamba2(c, w, True),
                          {**MAMBA, "norm_eps": 1e-5, "norm_before_gate": True,
                           "D_has_hdim": True, "dt_limit": [0.2, 0.6], "use_bias": True}),
    "mamba2_fla_grouped_norm": (lambda c, w: Mamba2(c, w, True),
                                {**MAMBA, "norm_eps": 1e-5, "dt_limit": [0.0, INFINITY]}),
    "mamba2_fla_no_norm": (lambda c, w: Mamba2(c, w, True),
                           {**MAMBA, "norm_eps": 1e-5, "rmsnorm": False, "use_conv_bias": False,
                            "dt_limit": [0.0, 0.5], "tie_word_embeddings": True}),
    "mamba2_hf": (lambda c, w: Mamba2(c, w, False),
                  {**MAMBA, "layer_norm_epsilon": 1e-4, "time_step_limit": [0.25, INFINITY],
                   "use_bias": True, "conv_kernel": 3, "tie_word_embeddings": True}),
    "gpt2_inverse_layer": (Gpt2, {**GPT2, "n_inner": 20, "scale_attn_by_inverse_layer_idx": True,
                                  "reorder_and_upcast_attn": True, "activation_function": "relu",
                                  "layer_norm_epsilon": 1e-3}),
    "gpt2_unscaled": (Gpt2, {**GPT2, "scale_attn_weights": False, "activation_function": "silu",
                             "tie_word_embeddings": False}),
    "gpt_neo_types": (GptNeo, {**NEO, "attention_types": [[["local"], 2], [["global"], 1]],
                               "window_size": 4, "intermediate_size": 20,
                               "activation_function": "gelu", "tie_word_embeddings": False}),
    "gpt_neox_sequential": (GptNeoX, {**NEOX, "use_parallel_residual": False, "rotary_pct": 0.5,
                                      "attention_bias": False, "hidden_act": "gelu_new",
                                      "rotary_emb_base": 300, "layer_norm_eps": 1e-3,
                                      "tie_word_embeddings": True}),
    "gpt_neox_scaled": (GptNeoX, {**NEOX, "hidden_act": "relu",
                                  "rope_parameters": {"rope_type": "linear", "factor": 3.0,
                                                      "rope_theta": 50.0,
                                                      "partial_rotary_factor": 0.75}}),
    "llama_biases": (Llama, {**LLAMA, "model_type": "llama", "attention_bias": True,
                             "mlp_bias": True, "head_dim": 6, "hidden_act": "gelu",
                             "tie_word_embeddings": True, "rope_parameters": LLAMA3}),
    "llama_yarn": (Llama, {**LLAMA, "model_type": "llama", "num_key_value_heads": None,
                           "rms_norm_eps": 1e-3, "rope_scaling": YARN, "rope_theta": 100.0}),
    "mistral_no_window": (Llama, {**LLAMA, "model_type": "mistral", "sliding_window": None,
                                  "head_dim": 8, "tie_word_embeddings": True,
                                  "rope_scaling": {"type": "linear", "factor": 2.0,
                                                   "rope_type": "linear"}}),
    "qwen2_window": (Qwen2, {**LLAMA, "model_type": "qwen2", "use_sliding_window": True,
                             "sliding_window": 5, "max_window_layers": 1}),
    "qwen2_layer_types": (Qwen2, {**LLAMA, "model_type": "qwen2", "use_sliding_window": True,
                                  "sliding_window": 3, "tie_word_embeddings": True,
                                  "layer_types": ["sliding_attention", "full_attention"]}),
    "qwen3_biases": (Qwen3, {**LLAMA, "model_type": "qwen3", "attention_bias": True, "head_dim": 6,
                             "use_sliding_window": True, "sliding_window": 4,
                             "max_window_layers": 0, "rope_scaling": YARN, "rope_theta": 90.0}),
    "gemma3_older": (Gemma3, {**LLAMA, "model_type": "gemma3_text", "hidden_size": 20,
                              "head_dim": 6, "query_pre_attn_scalar": 10, "sliding_window": 4,
                              "sliding_window_pattern": 2, "num_hidden_layers": 3,
                              "rope_theta": 500.0, "rope_local_base_freq": 20.0,
                              "rope_scaling": {"rope_type": "linear", "factor": 8.0},
                              "attention_bias": True, "final_logit_softcapping": 2.5,
                              "hidden_activation": "gelu_pytorch_tanh",
                              "tie_word_embeddings": True}),
    "gemma3_untied": (Gemma3, {**LLAMA, "model_type": "gemma3_text", "head_dim": 4,
                               "query_pre_attn_scalar": 7, "sliding_window": 6,
                               "attn_logit_softcapping": 5.0, "hidden_activation": "silu",
                               "layer_types": ["full_attention", "sliding_attention"],
                               "rope_parameters": {
                                   "full_attention": LLAMA3,
                                   "sliding_attention": {"rope_type": "default",
                                                         "rope_theta": 30.0}},
                               "tie_word_embeddings": False}),
    "transformer_xl_post_norm": (TransformerXl, {**XL, "norm": "layernorm", "pre_lnorm": False,
                                                 "norm_eps": 1e-3, "clamp_len": 6}),
    "transformer_xl_same_length": (TransformerXl, {**XL, "same_length": True, "tie_weight": True}),
    "transformer_xl_no_memory": (TransformerXl, {**XL, "mem_len": 0, "tgt_len": 7}),
    "ulmfit_untied": (Ulmfit, {**AWD, "n_layers": 2, "tie_weights": False, "out_bias": False}),
    "ulmfit_single": (Ulmfit, {**AWD, "n_layers": 1, "tie_weights": True, "out_bias": True}),
}

BART = {"vocab_size": 31, "d_model": 16, "encoder_layers": 1, "decoder_layers": 2,
        "encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 20,
        "decoder_ffn_dim": 24, "max_position_embeddings": 40, "activation_function": "gelu",
        "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
T5_BASE = {"vocab_size": 31, "d_model": 16, "d_kv": 6, "d_ff": 20, "num_heads": 3, "num_layers": 2,
           "num_decoder_layers": 1, "relative_attention_num_buckets": 8,
           "relative_attention_max_distance": 9, "layer_norm_epsilon": 1e-4, "pad_token_id": 0,
           "eos_token_id": 1, "decoder_start_token_id": 0, "feed_forward_proj": "relu"}
TORCH = {"vocab_size": 31, "d_model": 16, "nhead": 2, "num_encoder_layers": 1,
         "num_decoder_layers": 2, "dim_feedforward": 20, "activation": "gelu", "norm_first": True,
         "layer_norm_eps": 1e-3, "embed_scale": "none", "position": "learned",
         "share_embeddings": True, "tie_embeddings": False, "max_len": 40}
RESI_DUAL = {"vocab_size": 31, "encoder_embed_dim": 16, "encoder_attention_heads": 4,
             "decoder_attention_heads": 2, "encoder_ffn_embed_dim": 20, "encoder_layers": 2,
             "decoder_layers": 1, "activation_fn": "gelu", "share_all_embeddings": False,
             "no_scale_embedding": True, "enc_alpha": 0.5, "dec_alpha": 2.0,
             "enc_res_input_norm_scale": 0.7, "dec_res_input_norm_scale": 1.3, "padding_idx": 0,
             "dual_layer_norm_eps": 1e-4, "max_source_positions": 40, "max_target_positions": 40}

# Written to tests/golden/variants/seq2seq/NAME.
SEQ2SEQ = {
    "marian_unshared": (Marian, {**BART, "model_type": "marian", "d_model": 15,
                                 "encoder_attention_heads": 3, "decoder_attention_heads": 5,
                                 "share_encoder_decoder_embeddings": False,
                                 "decoder_vocab_size": 23, "activation_function": "relu"}),
    "marian_untied": (Marian, {**BART, "model_type": "marian", "tie_word_embeddings": False,
                               "scale_embedding": True, "stored_positions": True}),
    "bart_bare": (Bart, {**BART, "model_type": "bart", "scale_embedding": True, "bare": True,
                         "activation_function": "gelu_new", "has_logits_bias": False}),
    "mbart": (MBart, {**BART, "model_type": "mbart", "scale_embedding": True}),
    "pegasus": (Pegasus, {**BART, "model_type": "pegasus", "activation_function": "relu"}),
    "m2m_100": (M2M100, {**BART, "model_type": "m2m_100", "scale_embedding": True,
                         "activation_function": "relu", "has_logits_bias": False}),
    "t5_1_1": (T5, {**T5_BASE, "model_type": "t5", "feed_forward_proj": "gated-gelu",
                    "tie_word_embeddings": False}),
    "t5_scaled": (T5, {**T5_BASE, "model_type": "t5", "feed_forward_proj": "gated-silu",
                       "tie_word_embeddings": False, "scale_decoder_outputs": True}),
    "umt5": (T5, {**T5_BASE, "model_type": "umt5", "num_decoder_layers": 2,
                  "relative_attention_num_buckets": 12}),
    "torch_no_bias": (TorchTransformer, {**TORCH, "model_type": "torch_transformer",
                                         "bias": False}),
    "torch_two_vocabularies": (TorchTransformer,
                               {**TORCH, "model_type": "torch_transformer", "norm_first": False,
                                "share_embeddings": False, "src_vocab_size": 19,
                                "tgt_vocab_size": 31, "embed_scale": "sqrt(d_model)"}),
    "resi_dual": (ResiDual, {**RESI_DUAL, "model_type": "resi_dual"}),
}
# Of the loops above, not of a checkpoint.
NOT_IN_CONFIG = ("stored_positions", "bare", "has_logits_bias")

MODEL_TYPES = {LinearAttention: "linear_attn", RetNet: "retnet", Gla: "gla", Hgrn2: "hgrn2",
               DeltaNet: "delta_net", GatedDeltaNet: "gated_deltanet", Kda: "kda", Gsa: "gsa"}


def argmax(values):
    return max(range(len(values)), key=lambda i: values[i])


def run(layers, tokens, greedy):
    model_state, logits, continued = State(), [], []
    for token in tokens:
        logits.append(layers.token(token, model_state))
    for _ in range(greedy):
        continued.append(argmax(logits[-1]))
        logits.append(layers.token(continued[-1], model_state))
    return logits, continued


def make(name):
    build, config = VARIANTS[name]
    config = dict(config)
    if build in MODEL_TYPES:
        config["model_type"] = MODEL_TYPES[build]
    weights = Weights(name)
    layers = build(config, weights)
    rng = random.Random(name)
    vocabulary = config["n_token" if "n_token" in config else "vocab_size"]
    tokens = [rng.randrange(vocabulary) for _ in range(TOKENS)]
    logits, _ = run(layers, tokens, 0)
    _, greedy = run(layers, tokens[:PROMPT], GREEDY)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    os.makedirs(folder, exist_ok=True)
    weights.write(os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    expected = {"input_ids": ("I64", [TOKENS], tokens),
                "logits": ("F32", [TOKENS, vocabulary], joined(logits)),
                "greedy_ids": ("I64", [GREEDY], greedy)}
    if hasattr(layers, "segmented"):
        layers.segmented = True
        logits, _ = run(layers, tokens, 0)
        expected["logits_segmented"] = ("F32", [TOKENS, vocabulary], joined(logits))
    write_safetensors(os.path.join(folder, "expected.safetensors"), expected)
    print(name, sorted(set(greedy)))


def continued(layers, encoded, prompt):
    tokens = list(prompt)
    while len(tokens) < len(prompt) + GREEDY:
        logits = layers.decode(encoded, tokens)[-1]
        if layers.suppressed is not None:
            logits[layers.suppressed] = -math.inf
        tokens.append(argmax(logits))
    return tokens[len(prompt):]


def make_seq2seq(name):
    build, config = SEQ2SEQ[name]
    weights = Weights(name)
    layers = build(config, weights)
    rng = random.Random(name)
    target_size = len(layers.decode(layers.encode([3]), [3])[0])
    source = [rng.randrange(3, config.get("src_vocab_size", config.get("vocab_size", 1 << 30)))
              for _ in range(SOURCE)]
    target = [rng.randrange(3, target_size) for _ in range(TARGET)]
    is_hf = layers.start is not None
    if is_hf:
        target[0] = layers.start
    encoded = layers.encode(source)
    logits = layers.decode(encoded, target)
    greedy = continued(layers, encoded, target[:1 if is_hf else 4])
    names = ("input_ids", "decoder_input_ids", "encoder_last_hidden_state") if is_hf else \
        ("src_ids", "tgt_ids", "encoder_out")
    expected = {names[0]: ("I64", [SOURCE], source), names[1]: ("I64", [TARGET], target),
                names[2]: ("F32", [SOURCE, layers.width], joined(encoded)),
                "logits": ("F32", [TARGET, target_size], joined(logits)),
                "greedy_ids": ("I64", [GREEDY], greedy)}
    if is_hf:
        kept = SOURCE - 4
        padded = layers.decode(layers.encode(source[:kept]), target)
        expected["padded_input_ids"] = ("I64", [SOURCE], source[:kept] + [layers.suppressed] * 4)
        expected["padded_attention_mask"] = ("I64", [SOURCE], [1] * kept + [0] * 4)
        expected["padded_logits"] = ("F32", [TARGET, target_size], joined(padded))
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seq2seq", name)
    os.makedirs(folder, exist_ok=True)
    weights.write(os.path.join(folder, "model.safetensors"))
    stored = {key: value for key, value in config.items() if key not in NOT_IN_CONFIG}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(stored, file, indent=1)
        file.write("\n")
    write_safetensors(os.path.join(folder, "expected.safetensors"), expected)
    print(name, sorted(set(greedy)))


for variant in sys.argv[1:] or [*VARIANTS, *SEQ2SEQ]:
    (make_seq2seq if variant in SEQ2SEQ else make)(variant)
