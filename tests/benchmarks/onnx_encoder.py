#!/usr/bin/env python3
"""ONNX Runtime's side of compare_encoders.py; it runs where that and transformers are installed.

  onnx_encoder.py make FOLDER             a BERT of the base size with random weights: checkpoint/,
                                          f32.onnx (fused), int8.onnx, expected.safetensors
  onnx_encoder.py run MODEL.onnx -t 2 -p 128,512 -r 3     tokens per second, as JSON
  onnx_encoder.py error MODEL.onnx EXPECTED.safetensors   how far its hidden states are off, as JSON

f32.onnx has ONNX Runtime's fused operators of BERT; int8.onnx is what its quantize_dynamic makes of
that, with a scale per channel.
"""
import argparse
import json
import os
import statistics
import time

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
EXPECTED_TOKENS = 128


def random_bert(folder):
    """Weights that make every layer count: transformers' own initial ones nearly keep the input."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.BertConfig(attn_implementation="eager")
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embeddings" not in name:
                weight.copy_(torch.randn_like(weight) / weight.shape[1] ** 0.5)
            elif name.endswith("LayerNorm.weight"):
                weight.copy_(0.6 + 0.8 * torch.rand_like(weight))
            elif name.endswith("bias"):
                weight.copy_(0.1 * torch.randn_like(weight))
    model.save_pretrained(os.path.join(folder, "checkpoint"))
    return model


def save_expected(model, path):
    import torch
    from safetensors.torch import save_file

    ids = torch.randint(0, model.config.vocab_size, (1, EXPECTED_TOKENS))
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    save_file({"input_ids": ids[0].int(), "last_hidden_state": hidden[0].contiguous()}, path)


def export(model, path):
    """The graph as onnxruntime.transformers' optimizer would leave it: one Attention operator per
    layer, biases in the Gelu, residuals in the norms. Written down by hand, since that optimizer does
    not find the attention in what transformers 5 exports."""
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    config = model.config
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value.copy(), name))
        return name

    def node(kind, inputs, output, domain="com.microsoft", **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], output, domain=domain, **attributes))
        return output

    def norm(name, inputs, at, bias=None):
        ends = [constant(name + ".gamma", weights[at + ".weight"]),
                constant(name + ".beta", weights[at + ".bias"])]
        more = [] if bias is None else [constant(name + ".bias", weights[bias])]
        return node("SkipLayerNormalization", [*inputs, *ends, *more], name,
                    epsilon=config.layer_norm_eps)

    def product(name, x, at):
        return node("MatMul", [x, constant(name + ".matrix", weights[at].T)], name, domain="")

    tables = [constant(name, weights[f"embeddings.{name}_embeddings.weight"])
              for name in ("word", "position", "token_type")]
    ends = [constant("embeddings." + end, weights["embeddings.LayerNorm." + end])
            for end in ("weight", "bias")]
    nodes.append(helper.make_node(
        "EmbedLayerNormalization",
        ["input_ids", "token_type_ids", *tables, *ends, "attention_mask"], ["x0", "lengths"],
        domain="com.microsoft", epsilon=config.layer_norm_eps))
    x = "x0"
    for i in range(config.num_hidden_layers):
        at, own = f"encoder.layer.{i}.", f"layer{i}."
        parts = [at + f"attention.self.{part}" for part in ("query", "key", "value")]
        matrix = numpy.concatenate([weights[part + ".weight"].T for part in parts], 1)
        bias = numpy.concatenate([weights[part + ".bias"] for part in parts])
        attended = node("Attention", [x, constant(own + "qkv", matrix),
                                      constant(own + "qkv.bias", bias), "lengths"],
                        own + "attention", num_heads=config.num_attention_heads)
        out = product(own + "out", attended, at + "attention.output.dense.weight")
        x = norm(own + "attention_norm", [out, x], at + "attention.output.LayerNorm",
                 at + "attention.output.dense.bias")
        up = product(own + "up", x, at + "intermediate.dense.weight")
        up = node("BiasGelu", [up, constant(own + "up.bias",
                                            weights[at + "intermediate.dense.bias"])], own + "gelu")
        down = product(own + "down", up, at + "output.dense.weight")
        x = norm(own + "norm", [down, x], at + "output.LayerNorm", at + "output.dense.bias")
    nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "tokens"])
              for name in INPUTS]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT,
                                             ["texts", "tokens", config.hidden_size])]
    graph = helper.make_graph(nodes, "bert", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]), path)


def without_runtime():
    """Debian's onnx and onnxruntime share a library that cannot be loaded twice: quantisation, which
    needs only the former, gets an empty onnxruntime around its own modules."""
    import importlib.util
    import sys
    import types

    package = types.ModuleType("onnxruntime")
    package.__path__ = importlib.util.find_spec("onnxruntime").submodule_search_locations
    package.__version__ = ""

    def placeholder(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

    package.__getattr__ = placeholder
    sys.modules["onnxruntime"] = package


def make(options):
    import onnx

    folder = options.folder
    os.makedirs(folder, exist_ok=True)
    model = random_bert(folder)
    save_expected(model, os.path.join(folder, "expected.safetensors"))
    plain = os.path.join(folder, "f32.onnx")
    export(model, plain)
    without_runtime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(plain, os.path.join(folder, "int8.onnx"), weight_type=QuantType.QInt8,
                     per_channel=True,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def open_session(options):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(options.model, settings,
                                        providers=["CPUExecutionProvider"])


def feeds_of(session, ids):
    import numpy

    values = {"input_ids": ids, "attention_mask": numpy.ones_like(ids),
              "token_type_ids": numpy.zeros_like(ids)}
    return {entry.name: values[entry.name] for entry in session.get_inputs()}


def run(options):
    import numpy

    session = open_session(options)
    results = []
    for tokens in options.prompt:
        ids = numpy.random.default_rng(1).integers(0, 30000, (1, tokens), dtype="int32")
        feeds = feeds_of(session, ids)
        session.run(None, feeds)
        speeds = []
        for _ in range(options.repeats):
            begin = time.perf_counter()
            session.run(None, feeds)
            speeds.append(tokens / (time.perf_counter() - begin))
        results.append({"tokens": tokens, "tokens_per_second": statistics.median(speeds)})
    print(json.dumps({"prefill": results}))


def error(options):
    import numpy
    from safetensors.numpy import load_file

    expected = load_file(options.expected)
    session = open_session(options)
    found = session.run(None, feeds_of(session, expected["input_ids"][None].astype("int32")))[0][0]
    wanted = expected["last_hidden_state"]
    difference = (found - wanted).astype("float64")
    print(json.dumps({"max_abs_difference": float(numpy.abs(difference).max()),
                      "relative_rms_difference": float(
                          numpy.sqrt((difference ** 2).mean() /
                                     (wanted.astype("float64") ** 2).mean()))}))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("make")
    command.add_argument("folder")
    command.set_defaults(work=make)
    for name, work in (("run", run), ("error", error)):
        command = commands.add_parser(name)
        command.add_argument("model")
        if work is error:
            command.add_argument("expected")
        command.add_argument("-t", "--threads", type=int, default=2)
        command.add_argument("-p", "--prompt", default=[128, 512],
                             type=lambda text: [int(part) for part in text.split(",")])
        command.add_argument("-r", "--repeats", type=int, default=3)
        command.set_defaults(work=work)
    options = parser.parse_args()
    options.work(options)


if __name__ == "__main__":
    main()
