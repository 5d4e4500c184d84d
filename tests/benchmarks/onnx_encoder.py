#!/usr/bin/env python3
"""ONNX Runtime's side of compare_encoders.py; it runs where that and transformers are installed.

  onnx_encoder.py make FOLDER             a BERT of the base size with random weights: checkpoint/,
                                          f32.onnx (fused), int8.onnx, expected.safetensors
  onnx_encoder.py run MODEL.onnx -t 2 -p 128,512 -r 3     tokens per second, as JSON
  onnx_encoder.py error MODEL.onnx EXPECTED.safetensors   how far its hidden states are off, as JSON

f32.onnx is what onnxruntime.transformers.optimizer makes of torch's export, and int8.onnx what
onnxruntime.quantization.quantize_dynamic makes of f32.onnx, in the faster of its ways for this
processor: the settings that ONNX Runtime's own scripts for BERT use.
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
    import torch

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask,
                              token_type_ids=token_type_ids).last_hidden_state

    ids = torch.ones((1, 8), dtype=torch.int64)
    names = [*INPUTS, "last_hidden_state"]
    torch.onnx.export(Hidden(), (ids, ids, ids * 0), path, dynamo=False, opset_version=17,
                      input_names=names[:3], output_names=names[3:],
                      dynamic_axes={name: {0: "texts", 1: "tokens"} for name in names})


def make(options):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    folder = options.folder
    os.makedirs(folder, exist_ok=True)
    model = random_bert(folder)
    save_expected(model, os.path.join(folder, "expected.safetensors"))
    plain, fused = (os.path.join(folder, name) for name in ("plain.onnx", "f32.onnx"))
    export(model, plain)
    optimized = optimizer.optimize_model(plain, model_type="bert", hidden_size=768, num_heads=12)
    optimized.save_model_to_file(fused)
    print(json.dumps(optimized.get_fused_operator_statistics()))
    quantize_dynamic(fused, os.path.join(folder, "int8.onnx"), weight_type=QuantType.QInt8,
                     per_channel=True)


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
        ids = numpy.random.default_rng(1).integers(0, 30000, (1, tokens))
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
    found = session.run(None, feeds_of(session, expected["input_ids"][None].astype("int64")))[0][0]
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
