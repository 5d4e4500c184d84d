"""Writes tests/golden/documents/NAME: text classifiers with options that the reference case does not
have, and what plain loops over the published equations make of two documents. Needs Python alone.

    python3 make_documents.py [NAME…]
"""

import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "variants"))

from plain import *
from ulmfit import UlmfitClassifier

LONG, SHORT = 43, 5

AWD = {"arch": "AWD_LSTM", "vocab_sz": 23, "emb_sz": 8, "n_hid": 12, "n_layers": 2, "n_class": 3,
       "bn_eps": 1e-5}

DOCUMENTS = {
    # Of 43 tokens in chunks of 7 the first two chunks begin more than 30 before the end.
    "ulmfit_recent": (False, {**AWD, "seq_len": 7, "max_len": 30, "lin_ftrs": [], "n_layers": 1,
                              "bn_eps": 0.01, "classes": ["bad", "fair", "good"]}),
    "ulmfit_deep": (True, {**AWD, "seq_len": 10, "max_len": None, "lin_ftrs": [9, 6],
                           "y_range": [-1.5, 4.0]}),
}


def make(name):
    flat, config = DOCUMENTS[name]
    weights = Weights(name)
    model = UlmfitClassifier(config, weights, flat)
    rng = random.Random(name)
    expected = {}
    for suffix, length in (("", LONG), ("_short", SHORT)):
        tokens = [rng.randrange(config["vocab_sz"]) for _ in range(length)]
        pooled = model.pooled(tokens)
        expected["input_ids" + suffix] = ("I64", [length], tokens)
        expected["pooled" + suffix] = ("F32", [len(pooled)], pooled)
        expected["logits" + suffix] = ("F32", [config["n_class"]], model.logits(pooled))
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    weights.write(os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    write_safetensors(os.path.join(folder, "expected.safetensors"), expected)
    print(name)


for document in sys.argv[1:] or DOCUMENTS:
    make(document)
