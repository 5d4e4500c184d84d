"""The layers of flash-linear-attention (fla.layers), token by token, written down from its code."""

import math

from plain import *


def identity(x):
    return x


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "logsigmoid": log_sigmoid, "silu": silu,
               "swish": silu, "sqrelu": lambda x: relu(x) ** 2}


class Fla:
    def __init__(self, config, weights):
        self.c = config
        self.w = weights
        self.width = config["hidden_size"]
        self.eps = config.get("norm_eps", 1e-6)
        self.conv = False

    def expanded(self, key, default):
        return int(self.width * self.c.get(key, default))

    def heads(self, expand_k, expand_v):
        self.h = self.c["num_heads"]
        self.kv = self.c.get("num_kv_heads") or self.h
        self.k = self.expanded("expand_k", expand_k) // self.h
        self.v = self.expanded("expand_v", expand_v) // self.h

    def projected(self, at, letter, x, size, state, function):
        y = apply(self.w.matrix(f"{at}{letter}_proj.weight", size, self.width), x)
        if not self.conv:
            return y
        kernel = self.w.matrix(f"{at}{letter}_conv1d.weight", size, self.c.get("conv_size", 4),
                               shape=[size, 1, self.c.get("conv_size", 4)])
        return state.convolved(f"{at}{letter}", y, kernel, None, function)

    def token(self, token, state):
        x = list(self.w.table("model.embeddings.weight", self.c["vocab_size"], self.width)[token])
        for i in range(self.c["num_hidden_layers"]):
            at = f"model.layers.{i}."
            y = rms(x, self.w.scale(at + "attn_norm.weight", self.width), self.eps)
            spec = self.attention_of(i)
            x = add(x, self.attention(spec, at + "attn.", y, state) if spec
                    else self.mix(i, at + "attn.", y, state))
            y = rms(x, self.w.scale(at + "mlp_norm.weight", self.width), self.eps)
            x = add(x, self.mlp(at + "mlp.", y))
        x = rms(x, self.w.scale("model.norm.weight", self.width), self.eps)
        state.position += 1
        tied = self.c.get("tie_word_embeddings", False)
        name = "model.embeddings.weight" if tied else "lm_head.weight"
        head = (self.w.table if tied else lambda *a: self.w.matrix(*a, gain=3))(
            name, self.c["vocab_size"], self.width)
        return apply(head, x)

    def mlp(self, at, x):
        inner = self.c.get("intermediate_size")
        if inner is None:
            inner = int(self.width * (self.c.get("hidden_ratio") or self.ratio) * 2 / 3)
            inner = 256 * ((inner + 255) // 256)
        gate = apply(self.w.matrix(at + "gate_proj.weight", inner, self.width), x)
        up = apply(self.w.matrix(at + "up_proj.weight", inner, self.width), x)
        return apply(self.w.matrix(at + "down_proj.weight", self.width, inner),
                     mul([silu(v) for v in gate], up))

    ratio = 4

    def attention_of(self, layer):
        specs = self.c.get("attn") or []
        for spec in specs if isinstance(specs, list) else [specs]:
            if layer in spec["layers"]:
                return spec
        return None

    def attention(self, spec, at, x, state):
        h = spec["num_heads"]
        kv = spec.get("num_kv_heads") or h
        d = self.width // h

        def projected(letter, count):
            bias = None
            if spec.get("qkv_bias", False):
                bias = self.w.vector(f"{at}{letter}_proj.bias", count * d)
            y = apply(self.w.matrix(f"{at}{letter}_proj.weight", count * d, self.width), x, bias)
            return heads_of(y, count)

        base = spec.get("rope_theta", 10000.0)
        q = [rotated(v, state.position, base) for v in projected("q", h)]
        k = [rotated(v, state.position, base) for v in projected("k", kv)]
        v = projected("v", kv)
        ring = state.get(at + "ring", list)
        ring.append((k, v))
        seen = ring[-spec["window_size"]:] if spec.get("window_size") else ring
        o = []
        for i in range(h):
            j = i // (h // kv)
            o += softmax_attention(q[i], [t[0][j] for t in seen], [t[1][j] for t in seen], d ** -0.5)
        return apply(self.w.matrix(at + "o_proj.weight", self.width, self.width), o)

    def output(self, at, o, x, norm, gated, has_weight=True):
        weight = self.w.scale(f"{at}{norm}.weight", self.v) if has_weight else None
        o = [rms(part, weight, self.eps) for part in o]
        y = joined(o)
        if gated:
            gate = apply(self.w.matrix(at + "g_proj.weight", len(y), self.width), x)
            y = mul(y, [silu(g) for g in gate])
        return apply(self.w.matrix(at + "o_proj.weight", self.width, len(y)), y)

    def gated_output(self, at, o, x):
        gated = self.c.get("use_output_gate", True)
        fused = gated and self.c.get("fuse_norm", True)
        return self.output(at, o, x, "g_norm_swish_gate" if fused else "g_norm", gated,
                           self.c.get("elementwise_affine", True))

    def strengths(self, at, x, heads):
        beta = [sigmoid(v) for v in apply(self.w.matrix(at + "b_proj.weight", heads, self.width), x)]
        return times(beta, 2.0) if self.c.get("allow_neg_eigval", False) else beta


class LinearAttention(Fla):
    def features(self, at, letter, x, state):
        self.heads(1, 1)
        count = self.h if letter == "q" else self.kv
        parts = heads_of(self.projected(at, letter, x, count * self.k, state, identity), count)
        if letter == "k":
            parts = repeated(parts, self.h // self.kv)
        name = at + "feature_map_" + ("q" if self.c.get("tie_feature_map_qk") else letter) + "."
        y = [self.feature_map(name, part) for part in parts]
        if self.c.get("norm_" + letter, False):
            y = [times(part, 1 / (math.fsum(part) + 1e-4)) for part in y]
        return y

    def feature_map(self, name, x):
        kind = self.c.get("feature_map", "elementwise_product")
        k = self.k

        def layer(suffix, bias=True):
            return apply(self.w.matrix(f"{name}{suffix}.weight", k, k), x,
                         self.w.vector(f"{name}{suffix}.bias", k) if bias else None)

        if kind == "hedgehog":
            y = times(layer("layer"), 2.0)
            return softmax(y + times(y, -1.0))
        if kind == "t2r":
            return [relu(v) for v in layer("layer", bias=False)]
        if kind == "elementwise_product":
            return mul(layer("layer1"), layer("layer2"))
        if kind == "dpfp":
            r = [relu(v) for v in x]
            r = r + times(r, -1.0)
            return joined([mul(r, r[-j:] + r[:-j]) for j in range(1, 5)])
        return [{"elu": elu1, "relu": relu, "identity": identity}[kind](v) for v in x]

    def mix(self, layer, at, x, state):
        q = self.features(at, "q", x, state)
        k = self.features(at, "k", x, state)
        v = heads_of(self.projected(at, "v", x, self.kv * self.v, state, identity), self.kv)
        v = repeated(v, self.h // self.kv)
        o = []
        memories = state.memories(at, self.h, len(k[0]), self.v)
        for i, memory in enumerate(memories):
            memory.write(k[i], v[i])
            scaled = times(q[i], len(q[i]) ** -0.5)
            y = memory.read(scaled)
            if self.c.get("norm_feature_map", False):
                y = times(y, 1 / (dot(scaled, memory.z) + 1e-10))
            o.append(y)
        return self.output(at, o, x, "norm", False, self.c.get("elementwise_affine", True))


class RetNet(Fla):
    ratio = 2

    def mix(self, layer, at, x, state):
        self.heads(1, 2)
        f = ACTIVATIONS[self.c["feature_map"]] if self.c.get("feature_map") else identity

        def turned(letter, count):
            y = heads_of(self.projected(at, letter, x, count * self.k, state, identity), count)
            return [rotated([f(v) for v in part], state.position, 10000.0) for part in y]

        q = turned("q", self.h)
        k = repeated(turned("k", self.kv), self.h // self.kv)
        v = heads_of(self.projected(at, "v", x, self.kv * self.v, state, identity), self.kv)
        v = repeated(v, self.h // self.kv)
        o = []
        for i, memory in enumerate(state.memories(at, self.h, self.k, self.v)):
            memory.decay_keys([1 - 2.0 ** (-5 - i)] * self.k)
            memory.write(k[i], v[i])
            o.append(memory.read(times(q[i], self.k ** -0.5)))
        return self.gated_output(at, o, x)


class Gla(Fla):
    def mix(self, layer, at, x, state):
        self.heads(0.5, 1)
        self.conv = self.c.get("use_short_conv", False)
        f = ACTIVATIONS[self.c["feature_map"]] if self.c.get("feature_map") else identity
        groups = self.h // self.kv
        q = heads_of(self.projected(at, "q", x, self.h * self.k, state, silu), self.h)
        k = heads_of(self.projected(at, "k", x, self.kv * self.k, state, silu), self.kv)
        v = heads_of(self.projected(at, "v", x, self.kv * self.v, state, silu), self.kv)
        narrow = apply(self.w.matrix(at + "gk_proj.0.weight", 16, self.width), x)
        g = apply(self.w.matrix(at + "gk_proj.1.weight", self.kv * self.k, 16), narrow,
                  self.w.vector(at + "gk_proj.1.bias", self.kv * self.k))
        g = [log_sigmoid(v) / 16 for v in g]
        if self.c.get("clamp_min") is not None:
            g = [max(v, self.c["clamp_min"]) for v in g]
        k, v, g = (repeated(p, groups) for p in (k, v, heads_of(g, self.kv)))
        o = []
        for i, memory in enumerate(state.memories(at, self.h, self.k, self.v)):
            memory.decay_keys([math.exp(v) for v in g[i]])
            memory.write([f(a) for a in k[i]], v[i])
            o.append(memory.read(times([f(a) for a in q[i]], self.k ** -0.5)))
        return self.gated_output(at, o, x)


class Hgrn2(Fla):
    def lower_bound(self, layer):
        n = self.c["num_hidden_layers"]
        rows = self.w.matrix("model.lower_bounds", n, self.width)
        if layer == 0:
            return [0.0] * self.width
        columns = [softmax([rows[i][c] for i in range(n)]) for c in range(self.width)]
        return [math.fsum(p[1:layer + 1]) for p in columns]

    def mix(self, layer, at, x, state):
        self.conv = self.c.get("use_short_conv", False)
        size = self.c.get("expand_ratio", 128)
        h = self.width // size
        q = self.projected(at, "q", x, h * size, state, identity)
        f = self.projected(at, "f", x, h * size, state, identity)
        i = self.projected(at, "i", x, self.width, state, identity)
        forget = [sigmoid(v) for v in f]
        if self.c.get("use_lower_bound", True):
            forget = [l + (1 - l) * v for l, v in zip(self.lower_bound(layer), forget)]
        q, forget, i = heads_of([silu(v) for v in q], h), heads_of(forget, h), heads_of(i, h)
        o = []
        for n, memory in enumerate(state.memories(at, h, size, self.width // h)):
            memory.decay_keys(forget[n])
            memory.write([1 - v for v in forget[n]], i[n])
            o += memory.read(times(q[n], size ** -0.5))
        affine = self.c.get("elementwise_affine", True)
        weight = self.w.scale(at + "g_norm.weight", self.width) if affine else None
        return apply(self.w.matrix(at + "o_proj.weight", self.width, self.width),
                     rms(o, weight, 1e-5))


class DeltaNet(Fla):
    def mix(self, layer, at, x, state):
        self.heads(1, 1)
        self.conv = self.c.get("use_short_conv", True)
        kind = self.c.get("qk_activation", "silu")
        f = {"silu": silu, "relu": relu, "elu": elu1, "identity": identity}[kind]

        def keys(letter):
            y = self.projected(at, letter, x, self.h * self.k, state, f)
            parts = heads_of(y if self.conv else [f(v) for v in y], self.h)
            if self.c.get("qk_norm", "l2") == "sum":
                return [times(p, 1 / math.fsum(p)) for p in parts]
            return [unit(p) for p in parts]

        q, k = keys("q"), keys("k")
        v = self.projected(at, "v", x, self.h * self.v, state, silu)
        v = heads_of(v if self.conv else [silu(a) for a in v], self.h)
        if self.c.get("use_beta", True):
            beta = self.strengths(at, x, self.h)
        else:
            beta = [2.0 if self.c.get("allow_neg_eigval", False) else 1.0] * self.h
        o = []
        for i, memory in enumerate(state.memories(at, self.h, self.k, self.v)):
            memory.write_difference(k[i], v[i], beta[i])
            o.append(memory.read(times(q[i], self.k ** -0.5)))
        return self.output(at, o, x, "o_norm", self.c.get("use_gate", False))


class GatedDelta(Fla):
    """What gated_deltanet and kda share."""

    def mix(self, layer, at, x, state):
        self.conv = self.c.get("use_short_conv", True)
        keys = self.c["num_heads"]
        self.h = self.c.get("num_v_heads") or keys
        self.k = self.c["head_dim"]
        self.v = int(self.k * self.c.get("expand_v", self.expand_v))

        def projected(letter, size):
            y = self.projected(at, letter, x, size, state, silu)
            return y if self.conv else [silu(a) for a in y]

        q = repeated([unit(p) for p in heads_of(projected("q", keys * self.k), keys)], self.h // keys)
        k = repeated([unit(p) for p in heads_of(projected("k", keys * self.k), keys)], self.h // keys)
        v = heads_of(projected("v", self.h * self.v), self.h)
        beta = self.strengths(at, x, self.h)
        decay = self.decay(at, x)
        o = []
        for i, memory in enumerate(state.memories(at, self.h, self.k, self.v)):
            memory.decay_keys(decay[i])
            memory.write_difference(k[i], v[i], beta[i])
            o.append(memory.read(times(q[i], self.k ** -0.5)))
        return self.result(at, o, x)

    def rates(self, at):
        return [math.exp(a) for a in self.w.vector(at + "A_log", self.h, 0.3, 0.5)]


class GatedDeltaNet(GatedDelta):
    expand_v = 2

    def decay(self, at, x):
        a = apply(self.w.matrix(at + "a_proj.weight", self.h, self.width), x,
                  self.w.vector(at + "dt_bias", self.h, -1.0))
        return [[math.exp(-r * softplus(v))] * self.k for r, v in zip(self.rates(at), a)]

    def result(self, at, o, x):
        return self.output(at, o, x, "o_norm", self.c.get("use_gate", True))


class Kda(GatedDelta):
    expand_v = 1

    def decay(self, at, x):
        size = self.h * self.k
        narrow = apply(self.w.matrix(at + "f_proj.0.weight", self.v, self.width), x)
        g = apply(self.w.matrix(at + "f_proj.1.weight", size, self.v), narrow,
                  self.w.vector(at + "dt_bias", size, -1.0))
        bound = self.c.get("lower_bound")
        decay = []
        for r, part in zip(self.rates(at), heads_of(g, self.h)):
            if bound is None:
                decay.append([math.exp(-r * softplus(v)) for v in part])
            else:
                decay.append([math.exp(bound * sigmoid(r * v)) for v in part])
        return decay

    def result(self, at, o, x):
        weight = self.w.scale(at + "o_norm.weight", self.v)
        y = joined([rms(part, weight, self.eps) for part in o])
        narrow = apply(self.w.matrix(at + "g_proj.0.weight", self.v, self.width), x)
        g = apply(self.w.matrix(at + "g_proj.1.weight", len(y), self.v), narrow,
                  self.w.vector(at + "g_proj.1.bias", len(y)))
        return apply(self.w.matrix(at + "o_proj.weight", self.width, len(y)),
                     mul(y, [sigmoid(v) for v in g]))


class Gsa(Fla):
    def mix(self, layer, at, x, state):
        self.heads(1, 1)
        self.conv = self.c.get("use_short_conv", False)
        slots = self.c["num_slots"] if self.c["num_slots"] is not None else self.k
        groups = self.h // self.kv
        q = heads_of(self.projected(at, "q", x, self.h * self.k, state, silu), self.h)
        k = heads_of(self.projected(at, "k", x, self.kv * self.k, state, silu), self.kv)
        v = heads_of(self.projected(at, "v", x, self.kv * self.v, state, silu), self.kv)
        f = apply(self.w.matrix(at + "f_proj.weight", self.kv * slots, self.width), x)
        normalizer = self.c.get("gate_logit_normalizer", 8)
        f = [math.exp(log_sigmoid(a) / normalizer) for a in f]
        q, k = ([self.feature_map(at, p) for p in parts] for parts in (q, k))
        v = [[silu(a) for a in p] for p in v]
        k, v, f = (repeated(p, groups) for p in (k, v, heads_of(f, self.kv)))
        keys = state.memories(at + "keys", self.h, self.k, slots)
        values = state.memories(at + "values", self.h, slots, self.v)
        o = []
        for i in range(self.h):
            written = [1 - a for a in f[i]]
            keys[i].decay_values(f[i])
            keys[i].write(k[i], written)
            values[i].decay_keys(f[i])
            values[i].write(written, v[i])
            o += values[i].read(softmax(keys[i].read(q[i])))
        affine = self.c.get("elementwise_affine", True)
        weight = self.w.scale(at + "g_norm.weight", self.width) if affine else None
        return apply(self.w.matrix(at + "o_proj.weight", self.width, self.width),
                     rms([silu(a) for a in o], weight, 1e-5))

    def feature_map(self, at, x):
        kind = self.c.get("feature_map", "swish")
        if kind == "t2r":
            matrix = self.w.matrix(at + "feature_map.layer.weight", self.k, self.k)
            return [relu(a) for a in apply(matrix, x)]
        return [ACTIVATIONS[kind](a) for a in x]


class Rwkv6:
    def __init__(self, config, weights):
        self.c = config
        self.w = weights
        self.width = config["hidden_size"]

    def norm(self, name, x):
        bias = self.w.vector(name + ".bias", self.width) if self.c.get("norm_bias", True) else None
        return layer_norm(x, self.w.scale(name + ".weight", self.width), bias, self.c["norm_eps"])

    def token(self, token, state):
        x = list(self.w.table("model.embeddings.weight", self.c["vocab_size"], self.width)[token])
        if self.c.get("norm_first", True):
            x = self.norm("model.layers.0.pre_norm", x)
        for i in range(self.c["num_hidden_layers"]):
            at = f"model.layers.{i}."
            x = add(x, self.time_mix(at + "attn.", self.norm(at + "attn_norm", x), state))
            x = add(x, self.channel_mix(at + "ffn.", self.norm(at + "ffn_norm", x), state))
        x = self.norm("model.norm", x)
        return apply(self.w.matrix("lm_head.weight", self.c["vocab_size"], self.width, gain=3), x)

    def time_mix(self, at, x, state):
        h = self.c["num_heads"]
        keys = int(self.width * self.c.get("expand_k", 0.5))
        values = int(self.width * self.c.get("expand_v", 1.0))
        rank = self.c["proj_low_rank_dim"]
        delta = [p - v for p, v in zip(state.shifted(at, x), x)]

        def mixed(mu):
            return add(x, mul(delta, mu))

        low = apply(self.w.matrix(at + "x_proj.0.linear.weight", 5 * rank, self.width),
                    mixed(self.w.vector(at + "x_proj.0.mu", self.width, 0.5, 0.3)))
        low = heads_of([math.tanh(v) for v in low], 5)
        up = self.w.matrix(at + "x_proj.2.weight", self.width, 5 * rank)
        bias = self.w.matrix(at + "x_bias", 5, self.width)
        streams = []
        for n in range(5):
            part = [row[n * rank:(n + 1) * rank] for row in up]
            streams.append(mixed(add(apply(part, low[n]), bias[n])))

        def linear(letter, stream, size):
            return apply(self.w.matrix(f"{at}{letter}_proj.linear.weight", size, self.width), stream)

        r = heads_of(linear("r", streams[0], keys), h)
        k = heads_of(linear("k", streams[2], keys), h)
        v = heads_of(linear("v", streams[3], values), h)
        g = linear("g", streams[4], values)
        lora = at + "w_proj.linear.lora."
        narrow = apply(self.w.matrix(lora + "0.weight", self.c["gate_low_rank_dim"], self.width),
                       streams[1])
        w = apply(self.w.matrix(lora + "2.weight", keys, self.c["gate_low_rank_dim"]),
                  [math.tanh(a) for a in narrow], self.w.vector(lora + "2.bias", keys, -1.0))
        w = heads_of([math.exp(-math.exp(a)) for a in w], h)
        u = heads_of(joined(self.w.matrix(at + "bonus", h, keys // h)), h)
        weight = heads_of(self.w.scale(at + "g_norm.weight", values), h)
        shift = heads_of(self.w.vector(at + "g_norm.bias", values), h)
        o = []
        for i, memory in enumerate(state.memories(at + "s", h, keys // h, values // h)):
            now = dot(r[i], mul(u[i], k[i]))
            y = add(memory.read(r[i]), times(v[i], now))
            memory.decay_keys(w[i])
            memory.write(k[i], v[i])
            o += layer_norm(y, weight[i], shift[i], self.c["norm_eps"])
        return apply(self.w.matrix(at + "o_proj.weight", self.width, values),
                     mul(o, [silu(a) for a in g]))

    def channel_mix(self, at, x, state):
        delta = [p - v for p, v in zip(state.shifted(at, x), x)]
        inner = self.c["intermediate_size"]
        f = ACTIVATIONS[self.c.get("hidden_act", "sqrelu")]

        def mixed(name):
            return add(x, mul(delta, self.w.vector(f"{at}{name}.mu", self.width, 0.5, 0.3)))

        key = apply(self.w.matrix(at + "key.linear.weight", inner, self.width), mixed("key"))
        value = apply(self.w.matrix(at + "value.weight", self.width, inner), [f(a) for a in key])
        gate = apply(self.w.matrix(at + "receptance.linear.weight", self.width, self.width),
                     mixed("receptance"))
        return mul(value, [sigmoid(a) for a in gate])
