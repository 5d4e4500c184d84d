#!/usr/bin/env python3
"""Renames an RWKV-7 checkpoint of BlinkDL's, MODEL.pth, to what llama.cpp's converter reads: the
Hugging Face form of flash-linear-attention, in float16, with an RWKV vocabulary beside it.

  rwkv7_pth_to_hf.py MODEL.pth OUTPUT_DIR RWKV_VOCAB.txt

A model of 256 tokens is taken to read bytes, and gets a vocabulary of them (all but 0, whose place
llama.cpp gives to the end of text). Needs torch and safetensors. compare.py runs it in the chroot.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file

TOP = {"emb": "model.embeddings", "head": "lm_head", "ln_out": "model.norm",
       "blocks.0.ln0": "model.layers.0.pre_norm"}
PARTS = {"ln1": "attn_norm", "ln2": "ffn_norm", "att.ln_x": "attn.g_norm",
         "att.receptance": "attn.r_proj", "att.key": "attn.k_proj", "att.value": "attn.v_proj",
         "att.output": "attn.o_proj"}
RANKS = {"w": "decay_low_rank_dim", "a": "a_low_rank_dim", "v": "v_low_rank_dim",
         "g": "gate_low_rank_dim"}


def low_rank(part):
    """The name of a tensor of a low-rank path, such as att.w1; None for others."""
    path, what = part[-2:]
    if not part.startswith("att.") or len(part) != 6 or path not in RANKS or what not in "012":
        return None
    return f"attn.{path}_lora.lora." + {"0": "2.bias", "1": "0.weight", "2": "2.weight"}[what]


def renamed(name):
    stem, _, last = name.rpartition(".")
    if stem in TOP:
        return f"{TOP[stem]}.{last}"
    _, layer, part = name.split(".", 2)
    stem, _, last = part.rpartition(".")
    new = low_rank(part) or (f"{PARTS[stem]}.{last}" if stem in PARTS else None)
    return f"model.layers.{layer}." + (new or part.replace("att.", "attn."))


def convert(tensors):
    result = {}
    for name, tensor in tensors.items():
        if name in ("blocks.0.att.v0", "blocks.0.att.v1", "blocks.0.att.v2"):
            continue  # the first layer mixes in no values of an earlier one
        new = renamed(name)
        if new.endswith(("lora.0.weight", "lora.2.weight")):
            tensor = tensor.T
        if new.endswith("lora.2.bias"):
            tensor = tensor.flatten()
        result[new] = tensor.half().contiguous()
    return result


def config(tensors):
    vocabulary, width = tensors["model.embeddings.weight"].shape
    layers = 1 + max(int(n.split(".")[2]) for n in tensors if n.startswith("model.layers."))
    ranks = {key: tensors[f"model.layers.{layers - 1}.attn.{path}_lora.lora.0.weight"].shape[0]
             for path, key in RANKS.items()}
    # flash-linear-attention's fused norms would change how keys are normalised.
    return dict(architectures=["RWKV7ForCausalLM"], model_type="rwkv7", hidden_size=width,
                num_hidden_layers=layers, head_dim=tensors["model.layers.0.attn.r_k"].shape[1],
                intermediate_size=tensors["model.layers.0.ffn.key.weight"].shape[0], norm_eps=1e-5,
                vocab_size=vocabulary, norm_first=True, norm_bias=True, fuse_norm=False,
                tie_word_embeddings=False, attn_mode="chunk", hidden_act="sqrelu", **ranks)


def write_vocabulary(path, size, world):
    if size != 256:
        shutil.copyfile(world, path)
        return
    with open(path, "w") as file:
        for byte in range(1, 256):
            file.write(f"{byte} {bytes([byte])!r} 1\n")


def main():
    source, folder, world = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    tensors = convert(torch.load(source, map_location="cpu", weights_only=True))
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
    settings = config(tensors)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(settings, file)
    write_vocabulary(f"{folder}/rwkv_vocab_v20230424.txt", settings["vocab_size"], world)


main()
