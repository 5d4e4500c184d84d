"""RWKV-4 and 5 by BlinkDL's and Hugging Face's names, and Mamba-2, token by token."""

import math

from plain import *


class Rwkv:
    """What BlinkDL's versions 4 and 5 share; hf: Hugging Face's names, version 4 alone."""

    def __init__(self, config, weights, hf=False):
        self.c = config
        self.w = weights
        self.hf = hf
        self.width = config["hidden_size" if hf else "n_embd"]
        self.layers = config["num_hidden_layers" if hf else "n_layer"]
        self.inner = config.get("attention_hidden_size" if hf else "dim_att", self.width)
        self.ffn = config.get("intermediate_size" if hf else "dim_ffn", 4 * self.width)
        self.eps = config.get("layer_norm_epsilon", 1e-5)

    def name(self, layer):
        at = f"rwkv.blocks.{layer}." if self.hf else f"blocks.{layer}."
        return at, at + ("attention." if self.hf else "att."), \
            at + ("feed_forward." if self.hf else "ffn.")

    def norm(self, name, x, eps):
        return layer_norm(x, self.w.scale(name + ".weight", self.width),
                          self.w.vector(name + ".bias", self.width), eps)

    def token(self, token, state):
        hf, v = self.hf, self.c["vocab_size"]
        x = list(self.w.table("rwkv.embeddings.weight" if hf else "emb.weight", v, self.width)[token])
        x = self.norm(self.name(0)[0] + ("pre_ln" if hf else "ln0"), x, self.eps)
        every = self.c.get("rescale_every", 6) if hf else 0
        for i in range(self.layers):
            at, att, ffn = self.name(i)
            factor = 2.0 ** -(i // every) if every else 1.0
            y = self.time_mix(att, self.norm(at + "ln1", x, self.eps), state)
            x = add(x, times(y, factor))
            y = self.channel_mix(ffn, self.norm(at + "ln2", x, self.eps), state, factor)
            x = add(x, y)
            if every and (i + 1) % every == 0:
                x = times(x, 0.5)
        x = self.norm("rwkv.ln_out" if hf else "ln_out", x, 1e-5)
        return apply(self.w.matrix("head.weight", v, self.width, gain=3), x)

    def mixed(self, at, letter, x, last):
        long = {"k": "key", "v": "value", "r": "receptance", "g": "gate"}[letter]
        m = self.w.vector(f"{at}time_mix_{long if self.hf else letter}", self.width, 0.5, 0.3,
                          shape=[1, 1, self.width])
        return add(mul(x, m), mul(last, [1 - a for a in m]))

    def channel_mix(self, at, x, state, factor):
        last = state.shifted(at, x)
        key = apply(self.w.matrix(at + "key.weight", self.ffn, self.width),
                    self.mixed(at, "k", x, last))
        value = apply(self.w.matrix(at + "value.weight", self.width, self.ffn),
                      [relu(a) ** 2 for a in key])
        gate = apply(self.w.matrix(at + "receptance.weight", self.width, self.width),
                     self.mixed(at, "r", x, last))
        return mul(times(value, factor), [sigmoid(a) for a in gate])

    def projected(self, at, x, names):
        return [apply(self.w.matrix(f"{at}{name}.weight", self.inner, self.width),
                      self.mixed(at, name[0], x, self.last)) for name in names]


class Rwkv4(Rwkv):
    def time_mix(self, at, x, state):
        self.last = state.shifted(at, x)
        k, v, r = self.projected(at, x, ["key", "value", "receptance"])
        w = self.w.vector(at + "time_decay", self.inner, -0.5, 0.7)
        u = self.w.vector(at + "time_first", self.inner)
        sums = state.get(at + "sums", lambda: [[0.0, 0.0] for _ in range(self.inner)])
        o = []
        for i in range(self.inner):
            now = math.exp(u[i] + k[i])
            o.append((sums[i][0] + now * v[i]) / (sums[i][1] + now))
            fade = math.exp(-math.exp(w[i]))
            sums[i][0] = fade * sums[i][0] + math.exp(k[i]) * v[i]
            sums[i][1] = fade * sums[i][1] + math.exp(k[i])
        return apply(self.w.matrix(at + "output.weight", self.width, self.inner),
                     mul(o, [sigmoid(a) for a in r]))


class Rwkv5(Rwkv):
    """A gate, as 5.1 and 5.2 have it; decay and bonus per head with "per_head", as in 5.1."""

    def time_mix(self, at, x, state):
        self.last = state.shifted(at, x)
        h = self.inner // self.c["head_size"]
        n = self.c["head_size"]
        k, v, r, g = self.projected(at, x, ["key", "value", "receptance", "gate"])
        if self.c["per_head"]:
            w = [[a] * n for a in self.w.vector(at + "time_decay", h, -0.5, 0.7)]
            u = [[math.exp(a)] * n for a in self.w.vector(at + "time_first", h)]
        else:
            w = heads_of(self.w.vector(at + "time_decay", h * n, -0.5, 0.7, shape=[h, n]), h)
            u = heads_of(self.w.vector(at + "time_faaaa", h * n, shape=[h, n]), h)
        k, v, r = (heads_of(p, h) for p in (k, v, r))
        weight = heads_of(self.w.scale(at + "ln_x.weight", h * n), h)
        bias = heads_of(self.w.vector(at + "ln_x.bias", h * n), h)
        eps = 1e-5 * self.c.get("head_size_divisor", 8) ** 2
        o = []
        for i, memory in enumerate(state.memories(at + "s", h, n, n)):
            y = add(memory.read(r[i]), times(v[i], dot(r[i], mul(u[i], k[i]))))
            memory.decay_keys([math.exp(-math.exp(a)) for a in w[i]])
            memory.write(k[i], v[i])
            o += layer_norm(y, weight[i], bias[i], eps)
        return apply(self.w.matrix(at + "output.weight", self.width, self.inner),
                     mul(o, [silu(a) for a in g]))


class Mamba2:
    """transformers' layer, or with fla=True flash-linear-attention's."""

    def __init__(self, config, weights, fla):
        self.c = config
        self.w = weights
        self.fla = fla
        self.width = config["hidden_size"]
        self.eps = config["norm_eps" if fla else "layer_norm_epsilon"]

    def token(self, token, state):
        v = self.c["vocab_size"]
        table = self.w.table("backbone.embeddings.weight", v, self.width)
        x = list(table[token])
        for i in range(self.c["num_hidden_layers"]):
            at = f"backbone.layers.{i}."
            y = rms(x, self.w.scale(at + "norm.weight", self.width), self.eps)
            x = add(x, self.mix(at + "mixer.", y, state))
        x = rms(x, self.w.scale("backbone.norm_f.weight", self.width), self.eps)
        if self.c.get("tie_word_embeddings", False):
            return apply(table, x)
        return apply(self.w.matrix("lm_head.weight", v, self.width, gain=3), x)

    def mix(self, at, x, state):
        c = self.c
        inner = int(c.get("expand", 2) * self.width)
        p, n, g = c["head_dim"], c["state_size"], c["n_groups"]
        h = inner // p
        wide = inner + 2 * g * n
        bias = self.w.vector(at + "in_proj.bias", inner + wide + h) if c["use_bias"] else None
        y = apply(self.w.matrix(at + "in_proj.weight", inner + wide + h, self.width), x, bias)
        z, xbc, dt = y[:inner], y[inner:inner + wide], y[inner + wide:]
        size = c.get("conv_kernel", 4)
        kernel = self.w.matrix(at + "conv1d.weight", wide, size, shape=[wide, 1, size])
        bias = self.w.vector(at + "conv1d.bias", wide) if c.get("use_conv_bias", True) else None
        xbc = state.convolved(at + "conv", xbc, kernel, bias, silu)
        values = heads_of(xbc[:inner], h)
        b = repeated(heads_of(xbc[inner:inner + g * n], g), h // g)
        r = repeated(heads_of(xbc[inner + g * n:], g), h // g)
        low, high = c["dt_limit" if self.fla else "time_step_limit"]
        high = math.inf if isinstance(high, dict) else high
        dt = [min(max(softplus(a), low), high)
              for a in add(dt, self.w.vector(at + "dt_bias", h, -1.0))]
        a_log = self.w.vector(at + "A_log", h, 0.3, 0.5)
        per_channel = c.get("D_has_hdim", False)
        d = self.w.vector(at + "D", inner if per_channel else h, 1.0)
        o = []
        for i, memory in enumerate(state.memories(at, h, n, p)):
            memory.decay_keys([math.exp(-math.exp(a_log[i]) * dt[i])] * n)
            memory.write(b[i], times(values[i], dt[i]))
            skip = d[i * p:(i + 1) * p] if per_channel else [d[i]] * p
            o += add(memory.read(r[i]), mul(skip, values[i]))
        return self.output(at, o, [silu(a) for a in z], inner)

    def output(self, at, y, gate, inner):
        groups = self.c["n_groups"] if self.fla else 1

        def norm(x):
            weight = self.w.scale(at + "norm.weight", inner)
            return mul(joined([rms(part, None, self.eps) for part in heads_of(x, groups)]), weight)

        if self.fla and not self.c.get("rmsnorm", True):
            y = mul(y, gate)
        elif self.fla and self.c.get("norm_before_gate", False):
            y = mul(norm(y), gate)
        else:
            y = norm(mul(y, gate))
        bias = self.w.vector(at + "out_proj.bias", self.width) if self.c["use_bias"] else None
        return apply(self.w.matrix(at + "out_proj.weight", self.width, inner), y, bias)
