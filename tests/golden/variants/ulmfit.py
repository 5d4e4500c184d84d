"""fastai's AWD-LSTM in evaluation, as plain loops: the language model, and the classifier on top of
it with its concat pooling and batch norms."""

import math

from plain import *


class AwdLstm:
    """Embedding and LSTMs under the names `at`…; the last layer is as wide as the embedding."""

    def __init__(self, config, weights, at):
        self.config, self.weights, self.at = config, weights, at

    def widths(self, layer):
        inner, outer = self.config["n_hid"], self.config["emb_sz"]
        last = layer + 1 == self.config["n_layers"]
        return (outer if layer == 0 else inner), (outer if last else inner)

    def table(self):
        return self.weights.table(self.at + "encoder.weight", self.config["vocab_sz"],
                                  self.config["emb_sz"])

    def token(self, token, state):
        x = self.table()[token]
        for layer in range(self.config["n_layers"]):
            x = self.step(layer, x, state)
        return x

    def step(self, layer, x, state):
        inputs, hidden = self.widths(layer)
        at = f"{self.at}rnns.{layer}."
        w = self.weights
        h, c = state.get(at, lambda: ([0.0] * hidden, [0.0] * hidden))
        gates = add(
            apply(w.matrix(at + "module.weight_ih_l0", 4 * hidden, inputs), x,
                  w.vector(at + "module.bias_ih_l0", 4 * hidden)),
            apply(w.matrix(at + "weight_hh_l0_raw", 4 * hidden, hidden), h,
                  w.vector(at + "module.bias_hh_l0", 4 * hidden)))
        i, f, g, o = (gates[k * hidden:(k + 1) * hidden] for k in range(4))
        c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(hidden)]
        h = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(hidden)]
        state.parts[at] = h, c
        return h


class Ulmfit:
    """The language model. A tied decoder is stored a second time."""

    def __init__(self, config, weights):
        config["vocab_size"] = config["vocab_sz"]
        self.config, self.weights = config, weights
        self.lstm = AwdLstm(config, weights, "0.")

    def token(self, token, state):
        w, c = self.weights, self.config
        x = self.lstm.token(token, state)
        if c["tie_weights"]:
            self.lstm.table()
            w.tensors["1.decoder.weight"] = w.tensors["0.encoder.weight"]
        matrix = w.matrix("1.decoder.weight", c["vocab_sz"], c["emb_sz"])
        return apply(matrix, x, w.vector("1.decoder.bias", c["vocab_sz"]) if c["out_bias"] else None)


class UlmfitClassifier:
    """Whole documents. `flat`: fastai 1, which numbers the layers on and has biases in them."""

    def __init__(self, config, weights, flat=False):
        self.config, self.weights, self.flat = config, weights, flat
        self.lstm = AwdLstm(config, weights, "0.module.")

    def pooled(self, tokens):
        state = State()
        outputs = [self.lstm.token(token, state) for token in tokens]
        chunk, recent = self.config["seq_len"], self.config["max_len"]
        kept = []
        for begin in range(0, len(tokens), chunk):
            if recent is None or len(tokens) - begin <= recent:
                kept += outputs[begin:begin + chunk]
        columns = list(zip(*kept))
        return kept[-1] + [max(c) for c in columns] + [math.fsum(c) / len(c) for c in columns]

    def logits(self, pooled):
        w, c = self.weights, self.config
        widths = [len(pooled)] + c["lin_ftrs"] + [c["n_class"]]
        x = pooled
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
            norm = f"1.layers.{4 * i}." if self.flat else f"1.layers.{i}.0."
            linear = f"1.layers.{4 * i + 2}." if self.flat else f"1.layers.{i}.2."
            x = self.batch_norm(norm, x)
            bias = w.vector(linear + "bias", outputs) if self.flat else None
            x = apply(w.matrix(linear + "weight", outputs, inputs), x, bias)
            if i + 2 < len(widths):
                x = [relu(v) for v in x]
        if c.get("y_range"):
            low, high = c["y_range"]
            x = [sigmoid(v) * (high - low) + low for v in x]
        return x

    def batch_norm(self, at, x):
        w, n = self.weights, len(x)
        variance = w._make(at + "running_var", [n], lambda r: r.uniform(0.3, 2))
        scaled = [(x[i] - m) / math.sqrt(variance[i] + self.config["bn_eps"])
                  for i, m in enumerate(w.vector(at + "running_mean", n))]
        return add(mul(scaled, w.scale(at + "weight", n)), w.vector(at + "bias", n))
