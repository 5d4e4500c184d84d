"""Encoder-decoders, whole texts at once: what each layer makes of all rows, in plain loops."""

import math

from plain import *


def attention(queries, keys, values, heads, scale, causal=False, bias=None):
    """bias(head, query, key) is added to a score."""
    parts = [[heads_of(row, heads) for row in rows] for rows in (queries, keys, values)]
    out = []
    for t, query in enumerate(parts[0]):
        seen = t + 1 if causal else len(keys)
        row = []
        for h in range(heads):
            scores = [scale * dot(query[h], parts[1][n][h]) + (bias(h, t, n) if bias else 0.0)
                      for n in range(seen)]
            p = softmax(scores)
            row += [math.fsum(p[n] * parts[2][n][h][j] for n in range(seen))
                    for j in range(len(parts[2][0][h]))]
        out.append(row)
    return out


def gelu(x):
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


ACTIVATIONS = {"relu": relu, "gelu": gelu, "gelu_new": gelu_tanh, "silu": silu, "swish": silu}


class Stream:
    """Rows on their way through sublayers: norms after them, before them, or both (ResiDual)."""

    def __init__(self, rows, placement, scale=1.0, alpha=1.0):
        self.x, self.placement, self.scale, self.alpha = rows, placement, scale, alpha
        self.sum = [times(row, scale) for row in rows]

    def go(self, sublayer, norm):
        if self.placement == "pre":
            out = sublayer([norm(row) for row in self.x])
            self.x = [add(x, y) for x, y in zip(self.x, out)]
            return
        out = sublayer(self.x)
        self.sum = [add(s, times(y, self.scale)) for s, y in zip(self.sum, out)]
        self.x = [norm(add(x, y)) for x, y in zip(self.x, out)]

    def end(self, norm):
        if self.placement == "dual":
            return [add(times(x, self.alpha), norm(s)) for x, s in zip(self.x, self.sum)]
        return [norm(row) for row in self.x] if norm else self.x


class FairseqNames:
    """BART, its relatives, and ResiDual. Subclasses say what differs."""

    placement, final_norm, embedding_norm = "post", False, False
    final_epsilon = 1e-5

    def __init__(self, config, weights):
        self.c, self.w = config, weights
        self.width = config["d_model"]
        self.activation = ACTIVATIONS[config["activation_function"]]
        self.prefix = "model."
        self.scale = math.sqrt(self.width) if config.get("scale_embedding", False) else 1.0
        self.start = config["decoder_start_token_id"]
        self.suppressed = config["pad_token_id"]

    def size(self, side, what):
        return self.c[f"{side}_{what}"]

    def vocabulary(self, side):
        return self.c["vocab_size"]

    def linear(self, name, rows, outputs):
        matrix = self.w.matrix(name + ".weight", outputs, len(rows[0]))
        bias = self.w.vector(name + ".bias", outputs)
        return [apply(matrix, row, bias) for row in rows]

    def norm(self, name, epsilon=1e-5):
        weight, bias = self.w.scale(name + ".weight", self.width), \
            self.w.vector(name + ".bias", self.width)
        return lambda row: layer_norm(row, weight, bias, epsilon)

    def attend(self, at, rows, source, heads, causal):
        q = self.linear(at + ".q_proj", rows, self.width)
        k = self.linear(at + ".k_proj", source, self.width)
        v = self.linear(at + ".v_proj", source, self.width)
        scale = (self.width // heads) ** -0.5
        return self.linear(at + ".out_proj", attention(q, k, v, heads, scale, causal), self.width)

    def feed_forward(self, at, rows, inner):
        up = [[self.activation(v) for v in row] for row in self.linear(at + "fc1", rows, inner)]
        return self.linear(at + "fc2", up, self.width)

    def table(self, side):
        return self.w.table(self.prefix + "shared.weight", self.vocabulary(side), self.width)

    def stream(self, side, rows):
        return Stream(rows, self.placement)

    def run(self, side, ids, encoded=None):
        at = self.prefix + side + "."
        table = self.table(side)
        rows = [add(times(table[token], self.scale), self.position(at, i))
                for i, token in enumerate(ids)]
        if self.embedding_norm:
            rows = [self.norm(at + "layernorm_embedding")(row) for row in rows]
        stream = self.stream(side, rows)
        heads, inner = self.size(side, "attention_heads"), self.size(side, "ffn_dim")
        for i in range(self.size(side, "layers")):
            layer = f"{at}layers.{i}."
            stream.go(lambda x: self.attend(layer + "self_attn", x, x, heads, encoded is not None),
                      self.norm(layer + "self_attn_layer_norm"))
            if encoded is not None:
                stream.go(lambda x: self.attend(layer + "encoder_attn", x, encoded, heads, False),
                          self.norm(layer + "encoder_attn_layer_norm"))
            stream.go(lambda x: self.feed_forward(layer, x, inner),
                      self.norm(layer + "final_layer_norm"))
        final = self.norm(at + "layer_norm", self.final_epsilon) if self.final_norm else None
        return stream.end(final)

    def encode(self, ids):
        return self.run("encoder", ids)

    def head(self):
        if self.c.get("tie_word_embeddings", True):
            return self.table("decoder")
        return self.w.matrix("lm_head.weight", self.vocabulary("decoder"), self.width, gain=2.0)

    def decode(self, encoded, ids):
        size = self.vocabulary("decoder")
        bias = self.w.vector("final_logits_bias", size, shape=[1, size]) \
            if self.c.get("has_logits_bias", True) else None
        head = self.head()
        return [apply(head, row, bias) for row in self.run("decoder", ids, encoded)]

    def sines(self, position, last_exponent, sine_count):
        angles = [position * 10000.0 ** (-i / last_exponent) for i in range(sine_count)]
        row = [f32(math.sin(a)) for a in angles]
        row += [f32(math.cos(a)) for a in angles[:self.width // 2]]
        return row + [0.0] * (self.width - len(row))


class Marian(FairseqNames):
    def __init__(self, config, weights):
        super().__init__(config, weights)
        self.shared = config.get("share_encoder_decoder_embeddings", True)

    def vocabulary(self, side):
        unshared = not self.shared and side == "decoder"
        return self.c["decoder_vocab_size" if unshared else "vocab_size"]

    def table(self, side):
        if self.shared:
            return super().table(side)
        return self.w.table(f"model.{side}.embed_tokens.weight", self.vocabulary(side), self.width)

    def position(self, at, i):
        if self.c.get("stored_positions", False):
            return self.w.matrix(at + "embed_positions.weight", self.c["max_position_embeddings"],
                                 self.width)[i]
        return self.sines(i, self.width / 2, (self.width + 1) // 2)


class Bart(FairseqNames):
    embedding_norm = True

    def __init__(self, config, weights):
        super().__init__(config, weights)
        if config.get("bare", False):
            self.prefix = ""

    def position(self, at, i):
        rows = self.c["max_position_embeddings"] + 2
        return self.w.matrix(at + "embed_positions.weight", rows, self.width)[i + 2]


class MBart(Bart):
    placement, final_norm = "pre", True


class Pegasus(Marian):
    placement, final_norm = "pre", True


class M2M100(FairseqNames):
    placement, final_norm = "pre", True

    def position(self, at, i):
        return self.sines(i + self.c["pad_token_id"] + 1, self.width // 2 - 1, self.width // 2)


class ResiDual(FairseqNames):
    placement, final_norm = "dual", True

    def __init__(self, config, weights):
        super().__init__({**config, "d_model": config["encoder_embed_dim"], "pad_token_id": None,
                          "activation_function": config["activation_fn"], "has_logits_bias": False,
                          "decoder_start_token_id": None}, weights)
        self.prefix = ""
        self.scale = 1.0 if config["no_scale_embedding"] else math.sqrt(self.width)
        self.final_epsilon = config["dual_layer_norm_eps"]

    def size(self, side, what):
        key = f"{side}_{what.replace('ffn_dim', 'ffn_embed_dim')}"
        return self.c.get(key, self.c.get(key.replace("decoder", "encoder")))

    def table(self, side):
        return self.w.table(side + ".embed_tokens.weight", self.vocabulary(side), self.width)

    def head(self):
        return self.w.matrix("decoder.output_projection.weight", self.c["vocab_size"], self.width,
                             gain=2.0)

    def stream(self, side, rows):
        short = side[:3]
        return Stream(rows, "dual", self.c[short + "_res_input_norm_scale"],
                      self.c[short + "_alpha"])

    def position(self, at, i):
        return self.sines(i + self.c["padding_idx"] + 1, self.width // 2 - 1, self.width // 2)


class T5:
    def __init__(self, config, weights):
        self.c, self.w = config, weights
        self.width, self.heads, self.key = config["d_model"], config["num_heads"], config["d_kv"]
        self.start, self.suppressed = config["decoder_start_token_id"], config["pad_token_id"]
        name = config["feed_forward_proj"]
        self.gated = name.startswith("gated-")
        name = "gelu_new" if name == "gated-gelu" else name.removeprefix("gated-")
        self.activation = ACTIVATIONS[name]

    def norm(self, name):
        weight = self.w.scale(name + ".weight", self.width)
        return lambda row: rms(row, weight, self.c["layer_norm_epsilon"])

    def linear(self, name, rows, outputs):
        matrix = self.w.matrix(name + ".weight", outputs, len(rows[0]))
        return [apply(matrix, row) for row in rows]

    def bucket(self, ahead, both):
        """transformers' T5Attention._relative_position_bucket, ahead = key - query."""
        buckets, farthest = self.c["relative_attention_num_buckets"], \
            self.c["relative_attention_max_distance"]
        first = 0
        if both:
            buckets //= 2
            first = buckets if ahead > 0 else 0
            distance = abs(ahead)
        else:
            distance = max(-ahead, 0)
        exact = buckets // 2
        if distance < exact:
            return first + distance
        beyond = math.log(distance / exact) / math.log(farthest / exact) * (buckets - exact)
        return first + min(exact + int(beyond), buckets - 1)

    def bias(self, at, both):
        table = self.w.matrix(at + ".relative_attention_bias.weight",
                              self.c["relative_attention_num_buckets"], self.heads)
        return lambda h, t, n: table[self.bucket(n - t, both)][h]

    def attend(self, at, rows, source, causal, bias):
        inner = self.heads * self.key
        q, k, v = (self.linear(f"{at}.{name}", x, inner)
                   for name, x in (("q", rows), ("k", source), ("v", source)))
        return self.linear(at + ".o", attention(q, k, v, self.heads, 1.0, causal, bias), self.width)

    def feed_forward(self, at, rows):
        inner = self.c["d_ff"]
        up = self.linear(at + (".wi_0" if self.gated else ".wi"), rows, inner)
        up = [[self.activation(v) for v in row] for row in up]
        if self.gated:
            up = [mul(a, b) for a, b in zip(up, self.linear(at + ".wi_1", rows, inner))]
        return self.linear(at + ".wo", up, self.width)

    def run(self, side, ids, encoded=None):
        table = self.w.table("shared.weight", self.c["vocab_size"], self.width)
        stream = Stream([table[token] for token in ids], "pre")
        layers = self.c["num_layers" if encoded is None else "num_decoder_layers"]
        decodes = encoded is not None
        for i in range(layers):
            at = f"{side}.block.{i}.layer."
            if i == 0 or self.c["model_type"] == "umt5":
                bias = self.bias(at + "0.SelfAttention", not decodes)
            stream.go(lambda x: self.attend(at + "0.SelfAttention", x, x, decodes, bias),
                      self.norm(at + "0.layer_norm"))
            if decodes:
                stream.go(lambda x: self.attend(at + "1.EncDecAttention", x, encoded, False, None),
                          self.norm(at + "1.layer_norm"))
            last = f"{at}{2 if decodes else 1}."
            stream.go(lambda x: self.feed_forward(last + "DenseReluDense", x),
                      self.norm(last + "layer_norm"))
        return stream.end(self.norm(side + ".final_layer_norm"))

    def encode(self, ids):
        return self.run("encoder", ids)

    def decode(self, encoded, ids):
        size, tied = self.c["vocab_size"], self.c.get("tie_word_embeddings", True)
        head = self.w.table("shared.weight", size, self.width) if tied else \
            self.w.matrix("lm_head.weight", size, self.width, gain=2.0)
        scale = self.width ** -0.5 if self.c.get("scale_decoder_outputs", tied) else 1.0
        return [apply(head, times(row, scale)) for row in self.run("decoder", ids, encoded)]


class TorchTransformer:
    def __init__(self, config, weights):
        self.c, self.w = config, weights
        self.width, self.heads = config["d_model"], config["nhead"]
        self.bias = config.get("bias", True)
        self.activation = ACTIVATIONS[config["activation"]]
        self.scale = math.sqrt(self.width) if config["embed_scale"] == "sqrt(d_model)" else 1.0
        self.start = self.suppressed = None

    def vocabulary(self, side):
        key = "src_vocab_size" if side == "encoder" else "tgt_vocab_size"
        return self.c.get(key, self.c.get("vocab_size"))

    def norm(self, name):
        weight = self.w.scale(name + ".weight", self.width)
        bias = self.w.vector(name + ".bias", self.width) if self.bias else None
        return lambda row: layer_norm(row, weight, bias, self.c["layer_norm_eps"])

    def linear(self, name, rows, outputs):
        matrix = self.w.matrix(name + ".weight", outputs, len(rows[0]))
        bias = self.w.vector(name + ".bias", outputs) if self.bias else None
        return [apply(matrix, row, bias) for row in rows]

    def attend(self, at, rows, source, causal):
        matrix = self.w.matrix(at + ".in_proj_weight", 3 * self.width, self.width)
        bias = self.w.vector(at + ".in_proj_bias", 3 * self.width) if self.bias else None
        thirds = [slice(i * self.width, (i + 1) * self.width) for i in range(3)]
        q, k, v = ([apply(matrix[part], row, bias and bias[part]) for row in x]
                   for part, x in zip(thirds, (rows, source, source)))
        scale = (self.width // self.heads) ** -0.5
        return self.linear(at + ".out_proj", attention(q, k, v, self.heads, scale, causal),
                           self.width)

    def feed_forward(self, at, rows):
        up = self.linear(at + "linear1", rows, self.c["dim_feedforward"])
        return self.linear(at + "linear2", [[self.activation(v) for v in row] for row in up],
                           self.width)

    def table(self, side):
        name = "embedding.weight"
        if not self.c["share_embeddings"]:
            name = "src_embedding.weight" if side == "encoder" else "tgt_embedding.weight"
        return self.w.table(name, self.vocabulary(side), self.width)

    def run(self, side, ids, encoded=None):
        table = self.table(side)
        positions = self.w.matrix("pos_encoding", self.c["max_len"], self.width)
        stream = Stream([add(times(table[token], self.scale), positions[i])
                         for i, token in enumerate(ids)], "pre" if self.c["norm_first"] else "post")
        for i in range(self.c[f"num_{side}_layers"]):
            at = f"transformer.{side}.layers.{i}."
            stream.go(lambda x: self.attend(at + "self_attn", x, x, encoded is not None),
                      self.norm(at + "norm1"))
            if encoded is not None:
                stream.go(lambda x: self.attend(at + "multihead_attn", x, encoded, False),
                          self.norm(at + "norm2"))
            stream.go(lambda x: self.feed_forward(at, x),
                      self.norm(at + ("norm2" if encoded is None else "norm3")))
        return stream.end(self.norm(f"transformer.{side}.norm"))

    def encode(self, ids):
        return self.run("encoder", ids)

    def decode(self, encoded, ids):
        size = self.vocabulary("decoder")
        head = self.w.matrix("out.weight", size, self.width, gain=2.0)
        bias = self.w.vector("out.bias", size)
        return [apply(head, row, bias) for row in self.run("decoder", ids, encoded)]
