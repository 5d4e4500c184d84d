"""Numbers, weights and layers for make_variants.py: plain lists of floats, no library."""

import hashlib
import json
import math
import random
import struct


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


class Weights:
    """A checkpoint that comes into being as it is read: whoever asks for a tensor says its shape."""

    def __init__(self, seed):
        self.seed = seed
        self.tensors = {}

    def _make(self, name, shape, sample):
        if name not in self.tensors:
            digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
            rng = random.Random(digest)
            count = math.prod(shape)
            self.tensors[name] = (list(shape), [f32(sample(rng)) for _ in range(count)])
        stored, values = self.tensors[name]
        assert stored == list(shape), (name, stored, shape)
        return values

    def vector(self, name, size, mean=0.0, deviation=0.4, shape=None):
        return self._make(name, shape or [size], lambda r: r.gauss(mean, deviation))

    def scale(self, name, size):
        return self.vector(name, size, 1.0, 0.3)

    def matrix(self, name, rows, columns, shape=None, gain=1.2):
        deviation = gain / math.sqrt(columns)
        values = self._make(name, shape or [rows, columns], lambda r: r.gauss(0, deviation))
        return [values[i * columns:(i + 1) * columns] for i in range(rows)]

    def table(self, name, rows, columns):
        return self.matrix(name, rows, columns, gain=math.sqrt(columns))

    def write(self, path):
        write_safetensors(path, {n: ("F32", s, v) for n, (s, v) in self.tensors.items()})


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name in sorted(tensors):
        kind, shape, values = tensors[name]
        begin = len(data)
        data += struct.pack(f"<{len(values)}{'f' if kind == 'F32' else 'q'}", *values)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def apply(matrix, x, bias=None):
    y = [dot(row, x) for row in matrix]
    return y if bias is None else add(y, bias)


def add(a, b):
    return [x + y for x, y in zip(a, b)]


def mul(a, b):
    return [x * y for x, y in zip(a, b)]


def times(a, factor):
    return [x * factor for x in a]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def silu(x):
    return x * sigmoid(x)


def relu(x):
    return max(x, 0.0)


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def log_sigmoid(x):
    return -softplus(-x)


def elu1(x):
    return x + 1 if x > 0 else math.exp(x)


def softmax(a):
    top = max(a)
    e = [math.exp(x - top) for x in a]
    total = math.fsum(e)
    return [x / total for x in e]


def heads_of(x, heads):
    size = len(x) // heads
    return [x[i * size:(i + 1) * size] for i in range(heads)]


def joined(parts):
    return [x for part in parts for x in part]


def repeated(parts, times_each):
    return [part for part in parts for _ in range(times_each)]


def rms(x, weight, epsilon):
    factor = 1 / math.sqrt(math.fsum(v * v for v in x) / len(x) + epsilon)
    y = times(x, factor)
    return y if weight is None else mul(y, weight)


def layer_norm(x, weight, bias, epsilon):
    mean = math.fsum(x) / len(x)
    factor = 1 / math.sqrt(math.fsum((v - mean) ** 2 for v in x) / len(x) + epsilon)
    y = mul([(v - mean) * factor for v in x], weight)
    return y if bias is None else add(y, bias)


def unit(x):
    return times(x, 1 / math.sqrt(math.fsum(v * v for v in x) + 1e-6))


def rotated(x, position, base):
    half = len(x) // 2
    y = list(x)
    for i in range(half):
        angle = position * base ** (-2 * i / len(x))
        c, s = math.cos(angle), math.sin(angle)
        y[i] = x[i] * c - x[half + i] * s
        y[half + i] = x[half + i] * c + x[i] * s
    return y


class Memory:
    """S [K, V] of one head."""

    def __init__(self):
        self.s = None
        self.z = None

    def start(self, keys, values):
        if self.s is None:
            self.s = [[0.0] * values for _ in range(keys)]
            self.z = [0.0] * keys

    def decay_keys(self, w):
        self.s = [times(row, f) for row, f in zip(self.s, w)]

    def decay_values(self, w):
        self.s = [mul(row, w) for row in self.s]

    def write(self, k, v):
        self.s = [add(row, times(v, f)) for row, f in zip(self.s, k)]
        self.z = add(self.z, k)

    def read(self, q):
        return [math.fsum(q[i] * self.s[i][j] for i in range(len(q))) for j in range(len(self.s[0]))]

    def write_difference(self, k, v, beta):
        old = self.read(k)
        self.write(k, [beta * (new - known) for new, known in zip(v, old)])


class State:
    """What a stream remembers, by name."""

    def __init__(self):
        self.parts = {}
        self.position = 0

    def get(self, name, make):
        return self.parts.setdefault(name, make())

    def memories(self, name, heads, keys, values):
        memories = self.get(name, lambda: [Memory() for _ in range(heads)])
        for memory in memories:
            memory.start(keys, values)
        return memories

    def shifted(self, name, x):
        """The x of the token before."""
        last = self.parts.get(name, [0.0] * len(x))
        self.parts[name] = x
        return last

    def convolved(self, name, x, kernel, bias, function):
        """kernel [channels, size], of which the last meets x."""
        size = len(kernel[0])
        rows = self.get(name, lambda: [[0.0] * len(x) for _ in range(size - 1)]) + [x]
        self.parts[name] = rows[1:]
        y = [math.fsum(kernel[c][j] * rows[j][c] for j in range(size)) for c in range(len(x))]
        if bias is not None:
            y = add(y, bias)
        return [function(v) for v in y]


def softmax_attention(q, keys, values, scale):
    """q of one head over all tokens of `keys`."""
    p = softmax([scale * dot(q, k) for k in keys])
    return [math.fsum(w * v[j] for w, v in zip(p, values)) for j in range(len(values[0]))]
