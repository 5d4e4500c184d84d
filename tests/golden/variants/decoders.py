"""Softmax Transformer decoders by Hugging Face's names, token by token."""

import math

from plain import *


def gelu(x):
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


ACTIVATIONS = {"silu": silu, "relu": relu, "gelu": gelu, "gelu_new": gelu_tanh,
               "gelu_pytorch_tanh": gelu_tanh}


def frequencies(rope, dim, positions):
    """What each pair of channels turns per position, and the factor of the turned channels."""
    base = rope["rope_theta"]
    f = [base ** (-2 * i / dim) for i in range(dim // 2)]
    kind = rope.get("rope_type", "default")
    if kind == "default":
        return f, 1.0
    factor = rope["factor"]
    if kind == "linear":
        return [x / factor for x in f], 1.0
    context = rope.get("original_max_position_embeddings", positions)
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        scaled = []
        for x in f:
            turns = context * x / (2 * math.pi)
            smooth = min(max((turns - low) / (high - low), 0), 1)
            scaled.append((1 - smooth) * x / factor + smooth * x)
        return scaled, 1.0
    assert kind == "yarn"

    def dimension(turns):
        return dim * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(base))

    low = max(math.floor(dimension(rope.get("beta_fast", 32))), 0)
    high = min(math.ceil(dimension(rope.get("beta_slow", 1))), dim - 1)
    scaled = []
    for i, x in enumerate(f):
        ramp = min(max((i - low) / (high - low), 0), 1)
        scaled.append(ramp * x / factor + (1 - ramp) * x)
    return scaled, 0.1 * math.log(factor) + 1


def turned(x, position, turns, factor):
    """The first 2 len(turns) channels turn, halves with each other."""
    half, y = len(turns), list(x)
    for i, f in enumerate(turns):
        c, s = factor * math.cos(position * f), factor * math.sin(position * f)
        y[i] = x[i] * c - x[half + i] * s
        y[half + i] = x[half + i] * c + x[i] * s
    return y


class Decoder:
    def __init__(self, config, weights):
        self.c = config
        self.w = weights

    def layer_norm(self, name, x, eps):
        return layer_norm(x, self.w.scale(name + ".weight", len(x)),
                          self.w.vector(name + ".bias", len(x)), eps)

    def affine(self, name, rows, x, bias):
        return apply(self.w.matrix(name + ".weight", rows, len(x)), x,
                     self.w.vector(name + ".bias", rows) if bias else None)

    def conv1d(self, name, rows, x):
        """Stored [inputs, outputs]."""
        matrix = self.w.matrix(name + ".weight", len(x), rows, gain=1.2 * math.sqrt(rows / len(x)))
        y = [math.fsum(x[i] * matrix[i][j] for i in range(len(x))) for j in range(rows)]
        return add(y, self.w.vector(name + ".bias", rows))

    def attend(self, name, state, q, k, v, scale, window):
        """Lists of heads; each key head is repeated for its query heads."""
        seen = state.get(name, list)
        seen.append((k, v))
        if window:
            seen = seen[-window:]
        group = len(q) // len(k)
        return joined([softmax_attention(head, [t[0][i // group] for t in seen],
                                         [t[1][i // group] for t in seen], scale)
                       for i, head in enumerate(q)])

    def head(self, name, x, table, tied):
        if tied:
            return apply(table, x)
        return apply(self.w.matrix(name, self.c["vocab_size"], len(x), gain=3), x)


class Gpt2(Decoder):
    def token(self, token, state):
        c, w = self.c, self.w
        d, eps = c["n_embd"], c.get("layer_norm_epsilon", 1e-5)
        table = w.table("transformer.wte.weight", c["vocab_size"], d)
        positions = w.table("transformer.wpe.weight", c["n_positions"], d)
        x = add(table[token], positions[state.position])
        state.position += 1
        for i in range(c["n_layer"]):
            at = f"transformer.h.{i}."
            qkv = self.conv1d(at + "attn.c_attn", 3 * d, self.layer_norm(at + "ln_1", x, eps))
            q, k, v = (heads_of(part, c["n_head"]) for part in heads_of(qkv, 3))
            scale = len(q[0]) ** -0.5 if c.get("scale_attn_weights", True) else 1
            if c.get("scale_attn_by_inverse_layer_idx", False):
                scale /= i + 1
            o = self.attend(at, state, q, k, v, scale, 0)
            x = add(x, self.conv1d(at + "attn.c_proj", d, o))
            y = self.layer_norm(at + "ln_2", x, eps)
            y = self.conv1d(at + "mlp.c_fc", c.get("n_inner") or 4 * d, y)
            act = ACTIVATIONS[c.get("activation_function", "gelu_new")]
            x = add(x, self.conv1d(at + "mlp.c_proj", d, [act(a) for a in y]))
        x = self.layer_norm("transformer.ln_f", x, eps)
        return self.head("lm_head.weight", x, table, c.get("tie_word_embeddings", True))


class GptNeo(Decoder):
    def token(self, token, state):
        c, w = self.c, self.w
        d, eps = c["hidden_size"], c.get("layer_norm_epsilon", 1e-5)
        types = [t for names, times_each in c["attention_types"] for t in names * times_each]
        table = w.table("transformer.wte.weight", c["vocab_size"], d)
        positions = w.table("transformer.wpe.weight", c["max_position_embeddings"], d)
        x = add(table[token], positions[state.position])
        state.position += 1
        for i in range(c["num_layers"]):
            at = f"transformer.h.{i}."
            y = self.layer_norm(at + "ln_1", x, eps)
            q, k, v = (heads_of(self.affine(f"{at}attn.attention.{n}_proj", d, y, False),
                                c["num_heads"]) for n in "qkv")
            o = self.attend(at, state, q, k, v, 1, c["window_size"] if types[i] == "local" else 0)
            x = add(x, self.affine(at + "attn.attention.out_proj", d, o, True))
            y = self.layer_norm(at + "ln_2", x, eps)
            y = self.affine(at + "mlp.c_fc", c.get("intermediate_size") or 4 * d, y, True)
            act = ACTIVATIONS[c.get("activation_function", "gelu_new")]
            x = add(x, self.affine(at + "mlp.c_proj", d, [act(a) for a in y], True))
        x = self.layer_norm("transformer.ln_f", x, eps)
        return self.head("lm_head.weight", x, table, c.get("tie_word_embeddings", True))


class GptNeoX(Decoder):
    def token(self, token, state):
        c = self.c
        d, eps, h = c["hidden_size"], c.get("layer_norm_eps", 1e-5), c["num_attention_heads"]
        rope = dict(c.get("rope_scaling") or c.get("rope_parameters") or {})
        rope.setdefault("rope_theta", c.get("rotary_emb_base", 10000))
        part = rope.get("partial_rotary_factor", c.get("rotary_pct", 0.25))
        turns, factor = frequencies(rope, int(d // h * part), c["max_position_embeddings"])
        bias = c.get("attention_bias", True)
        table = self.w.table("gpt_neox.embed_in.weight", c["vocab_size"], d)
        x = list(table[token])
        for i in range(c["num_hidden_layers"]):
            at = f"gpt_neox.layers.{i}."
            y = self.layer_norm(at + "input_layernorm", x, eps)
            parts = [heads_of(head, 3) for head in
                     heads_of(self.affine(at + "attention.query_key_value", 3 * d, y, bias), h)]
            q, k = ([turned(head[n], state.position, turns, factor) for head in parts]
                    for n in (0, 1))
            o = self.attend(at, state, q, k, [head[2] for head in parts], (d // h) ** -0.5, 0)
            attended = self.affine(at + "attention.dense", d, o, bias)
            y = x if c.get("use_parallel_residual", True) else add(x, attended)
            y = self.layer_norm(at + "post_attention_layernorm", y, eps)
            y = self.affine(at + "mlp.dense_h_to_4h", c["intermediate_size"], y, True)
            y = [ACTIVATIONS[c.get("hidden_act", "gelu")](a) for a in y]
            x = add(add(x, attended), self.affine(at + "mlp.dense_4h_to_h", d, y, True))
        state.position += 1
        x = self.layer_norm("gpt_neox.final_layer_norm", x, eps)
        return self.head("embed_out.weight", x, table, c.get("tie_word_embeddings", False))


class Llama(Decoder):
    """Llama, Mistral, Qwen2 and Qwen3: what they differ in, the config and the methods say."""

    norm_offset = 0.0
    activation = "hidden_act"

    def __init__(self, config, weights):
        super().__init__(config, weights)
        self.d = config["hidden_size"]
        self.h = config["num_attention_heads"]
        self.dim = config.get("head_dim") or self.d // self.h
        self.scale = self.dim ** -0.5

    def window(self, layer):
        return self.c.get("sliding_window") or 0

    def query_bias(self):
        return self.c.get("attention_bias", False)

    def output_bias(self):
        return self.c.get("attention_bias", False)

    def normed_head(self, name, x):
        return x

    def rope(self, layer):
        rope = dict(self.c.get("rope_scaling") or self.c.get("rope_parameters") or {})
        rope.setdefault("rope_theta", self.c.get("rope_theta", 10000))
        return rope

    def norm(self, name, x):
        weight = self.w.vector(name + ".weight", len(x), 1 - self.norm_offset, 0.3)
        return rms(x, [self.norm_offset + a for a in weight], self.c.get("rms_norm_eps", 1e-6))

    def attention(self, layer, x, state):
        c, at = self.c, f"model.layers.{layer}.self_attn."
        groups = c.get("num_key_value_heads") or self.h
        turns, factor = frequencies(self.rope(layer), self.dim, c["max_position_embeddings"])
        heads = {}
        for name, count in (("q", self.h), ("k", groups), ("v", groups)):
            y = self.affine(f"{at}{name}_proj", count * self.dim, x, self.query_bias())
            heads[name] = heads_of(y, count)
            if name != "v":
                heads[name] = [turned(self.normed_head(f"{at}{name}_norm", y), state.position,
                                      turns, factor) for y in heads[name]]
        o = self.attend(at, state, *heads.values(), self.scale, self.window(layer))
        return self.affine(at + "o_proj", self.d, o, self.output_bias())

    def mlp(self, layer, x):
        c, at = self.c, f"model.layers.{layer}.mlp."
        inner, bias = c["intermediate_size"], c.get("mlp_bias", False)
        act = ACTIVATIONS[c.get(self.activation, "silu")]
        gate = [act(a) for a in self.affine(at + "gate_proj", inner, x, bias)]
        return self.affine(at + "down_proj", self.d,
                           mul(gate, self.affine(at + "up_proj", inner, x, bias)), bias)

    def layer(self, i, x, state):
        at = f"model.layers.{i}."
        x = add(x, self.attention(i, self.norm(at + "input_layernorm", x), state))
        return add(x, self.mlp(i, self.norm(at + "post_attention_layernorm", x)))

    def token(self, token, state):
        table = self.w.table("model.embed_tokens.weight", self.c["vocab_size"], self.d)
        x = self.embedded(table[token])
        for i in range(self.c["num_hidden_layers"]):
            x = self.layer(i, x, state)
        state.position += 1
        x = self.norm("model.norm", x)
        return self.head("lm_head.weight", x, table, self.c.get("tie_word_embeddings", False))

    def embedded(self, row):
        return list(row)


class Qwen2(Llama):
    def query_bias(self):
        return True

    def output_bias(self):
        return False

    def window(self, layer):
        c = self.c
        if "layer_types" in c:
            return c["sliding_window"] if c["layer_types"][layer] == "sliding_attention" else 0
        slides = c.get("use_sliding_window", False) and layer >= c.get("max_window_layers", 28)
        return c["sliding_window"] if slides else 0


class Qwen3(Qwen2):
    def query_bias(self):
        return self.c.get("attention_bias", False)

    def output_bias(self):
        return self.c.get("attention_bias", False)

    def normed_head(self, name, x):
        return self.norm(name, x)


class Gemma3(Qwen3):
    norm_offset = 1.0
    activation = "hidden_activation"

    def __init__(self, config, weights):
        super().__init__(config, weights)
        self.scale = config["query_pre_attn_scalar"] ** -0.5

    def is_sliding(self, layer):
        if "layer_types" in self.c:
            return self.c["layer_types"][layer] == "sliding_attention"
        return (layer + 1) % self.c["sliding_window_pattern"] != 0

    def window(self, layer):
        return self.c["sliding_window"] if self.is_sliding(layer) else 0

    def rope(self, layer):
        c = self.c
        if "rope_parameters" in c:
            kind = "sliding_attention" if self.is_sliding(layer) else "full_attention"
            return c["rope_parameters"][kind]
        if self.is_sliding(layer):
            return {"rope_theta": c["rope_local_base_freq"]}
        return {**(c.get("rope_scaling") or {}), "rope_theta": c["rope_theta"]}

    def layer(self, i, x, state):
        at = f"model.layers.{i}."
        y = self.attention(i, self.norm(at + "input_layernorm", x), state)
        x = add(x, self.norm(at + "post_attention_layernorm", y))
        y = self.mlp(i, self.norm(at + "pre_feedforward_layernorm", x))
        return add(x, self.norm(at + "post_feedforward_layernorm", y))

    def embedded(self, row):
        return times(row, f32(math.sqrt(self.d)))

    def token(self, token, state):
        logits = super().token(token, state)
        cap = self.c.get("final_logit_softcapping")
        return logits if cap is None else [cap * math.tanh(a / cap) for a in logits]


class TransformerXl(Decoder):
    """By the names of kimiyoung/transformer-xl. Every token sees all before it or, with segments,
    its segment and what the memory holds before that."""

    segmented = False

    def first_seen(self, position):
        c = self.c
        if c.get("same_length", False):
            return max(0, position - c["mem_len"] + 1)
        if not self.segmented:
            return 0
        return max(0, position - position % c["tgt_len"] - c["mem_len"])

    def norm(self, at, x):
        name, eps = at + "layer_norm", self.c["norm_eps"]
        if self.c["norm"] == "layernorm":
            return self.layer_norm(name, x, eps)
        return rms(x, self.w.scale(name + ".weight", len(x)), eps)

    def sinusoids(self, distance):
        clamp, d = self.c.get("clamp_len", -1), self.c["d_model"]
        if clamp > 0:
            distance = min(distance, clamp)
        angles = [distance * 10000 ** (-2 * i / d) for i in range(d // 2)]
        return [math.sin(a) for a in angles] + [math.cos(a) for a in angles]

    def attention(self, at, x, state):
        c, w = self.c, self.w
        h, d = c["n_head"], c["d_head"]
        parts = heads_of(apply(w.matrix(at + "qkv_net.weight", 3 * h * d, c["d_model"]), x), 3)
        q, k, v = (heads_of(part, h) for part in parts)
        seen = state.get(at, list)
        seen.append((k, v))
        first, now = self.first_seen(state.position), state.position
        r_net = w.matrix(at + "r_net.weight", h * d, c["d_model"])
        r = [heads_of(apply(r_net, self.sinusoids(now - n)), h) for n in range(first, now + 1)]
        u, t = (heads_of(w.vector(name, h * d, shape=[h, d]), h) for name in
                ("r_w_bias", "r_r_bias"))
        o = []
        for i in range(h):
            p = softmax([(dot(add(q[i], u[i]), seen[n][0][i]) +
                          dot(add(q[i], t[i]), r[n - first][i])) / math.sqrt(d)
                         for n in range(first, now + 1)])
            o += [math.fsum(p[n - first] * seen[n][1][i][j] for n in range(first, now + 1))
                  for j in range(d)]
        return apply(w.matrix(at + "o_net.weight", c["d_model"], h * d), o)

    def feed_forward(self, at, x):
        inner = [relu(a) for a in self.affine(at + "CoreNet.0", self.c["d_inner"], x, True)]
        return self.affine(at + "CoreNet.3", len(x), inner, True)

    def around(self, at, f, x):
        if self.c["pre_lnorm"]:
            return add(x, f(self.norm(at, x)))
        return self.norm(at, add(x, f(x)))

    def token(self, token, state):
        c, w = self.c, self.w
        table = w.table("word_emb.emb_layers.0.weight", c["n_token"], c["d_model"])
        x = times(table[token], math.sqrt(c["d_model"]))
        for i in range(c["n_layer"]):
            at = f"layers.{i}.dec_attn."
            x = self.around(at, lambda y: self.attention(at, y, state), x)
            ff = f"layers.{i}.pos_ff."
            x = self.around(ff, lambda y: self.feed_forward(ff, y), x)
        state.position += 1
        head = table if c["tie_weight"] else w.matrix("crit.out_layers.0.weight", c["n_token"],
                                                      c["d_model"], gain=3)
        return apply(head, x, w.vector("crit.out_layers.0.bias", c["n_token"]))
