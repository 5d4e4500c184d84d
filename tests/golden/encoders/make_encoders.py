#!/usr/bin/env python3
"""Small random encoders with options that the cases in ../hf do not have, and what transformers (5.12)
makes of them in float32. Run it where torch and transformers are installed: make_encoders.py FOLDER
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers as tf
from safetensors.torch import load_file, save_file

TOKENS, SHORT = 20, 13  # of the first text and of the padded one
BERT = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=24, max_position_embeddings=32)
DISTIL = dict(vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=24,
              max_position_embeddings=32)
MODERN = dict(vocab_size=40, hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
              intermediate_size=24, max_position_embeddings=32, pad_token_id=0, bos_token_id=1,
              eos_token_id=2, cls_token_id=1, sep_token_id=2, local_attention=6)
ROBERTA = dict(BERT, pad_token_id=3, bos_token_id=0, eos_token_id=2)
POOLINGS = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens",
            "lasttoken"]

# name: (class of the config, class of the model, options, poolings of sentence-transformers)
CASES = {
    "bert_mlm_untied": ("Bert", "ForMaskedLM", dict(
        BERT, hidden_act="gelu_new", layer_norm_eps=1e-3, type_vocab_size=3,
        tie_word_embeddings=False), None),
    "bert_labels_multi": ("Bert", "ForSequenceClassification", dict(
        BERT, hidden_act="relu", type_vocab_size=1, problem_type="multi_label_classification",
        id2label={0: "calm", 1: "glad", 2: "sad", 3: "tired"}), None),
    "bert_tokens": ("Bert", "ForTokenClassification", dict(BERT, num_labels=5), None),
    "bert_pooled": ("Bert", "Model", dict(BERT), POOLINGS),
    "roberta_mlm": ("Roberta", "ForMaskedLM", dict(
        ROBERTA, hidden_act="relu", type_vocab_size=2), None),
    "roberta_embed": ("Roberta", "Model", dict(ROBERTA, type_vocab_size=1), ["cls_token"]),
    "roberta_tokens": ("XLMRoberta", "ForTokenClassification", dict(
        ROBERTA, type_vocab_size=1, num_labels=3), None),
    "distilbert_regression": ("DistilBert", "ForSequenceClassification", dict(
        DISTIL, activation="relu", num_labels=1, problem_type="regression"), None),
    "distilbert_sinusoids": ("DistilBert", "Model", dict(DISTIL, sinusoidal_pos_embds=True), None),
    "distilbert_mlm_untied": ("DistilBert", "ForMaskedLM", dict(
        DISTIL, tie_word_embeddings=False), None),
    "modernbert_labels": ("ModernBert", "ForSequenceClassification", dict(
        MODERN, classifier_pooling="mean", classifier_bias=True, classifier_activation="relu",
        norm_bias=True, attention_bias=True, mlp_bias=True, num_labels=3), None),
    "modernbert_labels_first": ("ModernBert", "ForSequenceClassification", dict(
        MODERN, norm_eps=1e-3, num_labels=2), None),
    "modernbert_embed": ("ModernBert", "Model", dict(MODERN, hidden_activation="silu"),
                         ["lasttoken"]),
    "modernbert_mlm_untied": ("ModernBert", "ForMaskedLM", dict(
        MODERN, decoder_bias=False, tie_word_embeddings=False, hidden_activation="gelu_new",
        rope_parameters={"full_attention": {"rope_type": "linear", "factor": 2.0,
                                            "rope_theta": 500.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}), None),
}
# As transformers before version 5 wrote it.
OLD_MODERN = ["modernbert_labels", "modernbert_labels_first"]


def randomize(model):
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name.lower() and name.endswith("weight"):
                weight.copy_(0.6 + 0.8 * torch.rand(weight.shape))
            elif weight.dim() == 1:
                weight.copy_(0.2 * torch.randn(weight.shape))
            elif "embeddings" in name:
                if not (model.config.model_type == "distilbert" and "position" in name and
                        model.config.sinusoidal_pos_embds):
                    weight.copy_(0.5 * torch.randn(weight.shape))
            else:
                gain = 3 if "classifier" in name or "decoder" in name else 1
                weight.copy_(gain * torch.randn(weight.shape) / weight.shape[1] ** 0.5)


def pooled(hidden, mask, poolings):
    """As sentence-transformers' Pooling, in its order."""
    weight = mask[..., None].float()
    counted = weight * torch.arange(1, hidden.shape[1] + 1)[None, :, None]
    last = mask.sum(1) - 1
    every = {
        "cls_token": hidden[:, 0],
        "max_tokens": hidden.masked_fill(weight == 0, -1e9).max(1).values,
        "mean_tokens": (hidden * weight).sum(1) / weight.sum(1),
        "mean_sqrt_len_tokens": (hidden * weight).sum(1) / weight.sum(1).sqrt(),
        "weightedmean_tokens": (hidden * counted).sum(1) / counted.sum(1),
        "lasttoken": hidden[torch.arange(len(hidden)), last],
    }
    return torch.cat([every[name] for name in poolings], 1)


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def sentence_modules(folder, poolings, width):
    """Files of sentence-transformers; with several poolings also a Dense. Returns what it does."""
    names = ["Transformer", "Pooling"] + (["Dense"] if len(poolings) > 1 else []) + ["Normalize"]
    write_json(f"{folder}/modules.json", [
        {"idx": i, "name": str(i), "path": "" if i == 0 else f"{i}_{name}",
         "type": f"sentence_transformers.models.{name}"} for i, name in enumerate(names)])
    write_json(f"{folder}/1_Pooling/config.json", {
        "word_embedding_dimension": width,
        **{f"pooling_mode_{name}": name in poolings for name in POOLINGS}})
    write_json(f"{folder}/sentence_bert_config.json",
               {"max_seq_length": 24, "do_lower_case": False})
    if "Dense" not in names:
        return torch.nn.Identity()
    dense = torch.nn.Linear(width * len(poolings), 6)
    write_json(f"{folder}/2_Dense/config.json", {
        "in_features": width * len(poolings), "out_features": 6, "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh"})
    save_file({"linear.weight": dense.weight.detach().clone(),
               "linear.bias": dense.bias.detach().clone()}, f"{folder}/2_Dense/model.safetensors")
    return torch.nn.Sequential(dense, torch.nn.Tanh())


def inputs_of(model, padding):
    def ids(count):
        return torch.randint(4, 40, (1, count))

    first, second = ids(TOKENS), ids(SHORT)
    batch = torch.cat([first, torch.cat([second, torch.full((1, TOKENS - SHORT), padding)], 1)])
    mask = torch.ones_like(batch)
    mask[1, SHORT:] = 0
    values = {"input_ids": batch, "attention_mask": mask}
    types = getattr(model.config, "type_vocab_size", 0)
    if types > 1:
        values["token_type_ids"] = torch.randint(0, types, batch.shape) * mask
    return values


def make(name, out):
    family, task, options, poolings = CASES[name]
    torch.manual_seed(sorted(CASES).index(name))
    config = getattr(tf, family + "Config")(attn_implementation="eager", **options)
    model = getattr(tf, family + task)(config).eval()
    randomize(model)
    folder = os.path.join(out, name)
    model.save_pretrained(folder)
    batch = inputs_of(model, config.pad_token_id)
    single = {key: value[:1] for key, value in batch.items()}
    expected = {}
    after = torch.nn.Identity()
    if poolings:
        after = sentence_modules(folder, poolings, config.hidden_size)
    with torch.no_grad():
        for prefix, values in (("", single), ("batch_", batch)):
            result = model(**values)
            if task == "Model":
                hidden, mask = result.last_hidden_state, values["attention_mask"]
                sentence = after(pooled(hidden, mask, poolings or ["mean_tokens"]))
                if poolings:
                    sentence = torch.nn.functional.normalize(sentence, dim=1)
                outputs = {"last_hidden_state": hidden, "sentence_embedding": sentence}
            else:
                outputs = {"logits": result.logits}
            for key, value in {**values, **outputs}.items():
                value = value.int() if value.dtype == torch.int64 else value
                expected[prefix + key] = (value if prefix else value[0]).contiguous()
    expected.pop("attention_mask")
    save_file(expected, f"{folder}/expected.safetensors")
    rewrite(name, folder)


def rewrite(name, folder):
    path = f"{folder}/config.json"
    with open(path) as file:
        config = json.load(file)
    if name in OLD_MODERN:
        rope = config.pop("rope_parameters")
        del config["layer_types"]
        config.update(global_attn_every_n_layers=3,
                      global_rope_theta=rope["full_attention"]["rope_theta"],
                      local_rope_theta=rope["sliding_attention"]["rope_theta"])
        write_json(path, config)
    if name == "distilbert_sinusoids":
        weights = load_file(f"{folder}/model.safetensors")
        del weights["embeddings.position_embeddings.weight"]
        save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    for case in CASES:
        make(case, sys.argv[1])
