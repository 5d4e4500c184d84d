#!/usr/bin/env python3
"""Measures Linnet and ONNX Runtime side by side on an encoder of BERT's base size, in alternation.

  sudo tests/benchmarks/compare_encoders.py               speed, and how far int8 is off, of both

ONNX Runtime comes from a Debian chroot (python3-onnxruntime, python3-onnx, python3-transformers);
entering it needs root. The model, with random weights, is made there once by onnx_encoder.py, below
models/bert-base. Give the machine nothing else to do meanwhile. Speed is the median over the rounds;
every round starts each program anew.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = {"f32": "f32.onnx", "int8": "int8.onnx"}  # by Linnet's weights


def run(command, accepted=(0,)):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")
    if done.returncode not in accepted:
        sys.exit(f"{' '.join(map(str, command))}\nfailed with {done.returncode}:\n"
                 f"{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


class Onnx:
    def __init__(self, chroot):
        self.chroot = Path(chroot)
        if os.geteuid() != 0:
            sys.exit(f"entering {chroot} needs root: start this script with sudo")
        self.script = self.chroot / "models/peers/onnx_encoder.py"
        self.script.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).with_name("onnx_encoder.py"), self.script)

    def call(self, *parts):
        inside = [str("/" / part.relative_to(self.chroot)) if isinstance(part, Path) else str(part)
                  for part in parts]
        output = run(["chroot", self.chroot, "python3", "/models/peers/onnx_encoder.py", *inside])
        lines = [line for line in output.splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else None


def speeds(report):
    return {entry["tokens"]: entry["tokens_per_second"] for entry in report["prefill"]}


def linnet_speeds(options, model):
    report = json.loads(run([options.linnet, "bench", model, "-p", options.prompt, "-t",
                             options.threads, "-r", "3", "--no-yardsticks", "--json"]))
    return {tokens: value["median"] for tokens, value in speeds(report).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", default=REPOSITORY / "build/release/linnet", type=Path)
    parser.add_argument("--chroot", default="/opt/forky")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", default="128,512")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    onnx = Onnx(options.chroot)
    folder = onnx.chroot / "models/bert-base"
    if not (folder / "int8.onnx").exists():
        print(f"making {folder}", file=sys.stderr)
        onnx.call("make", folder)
    for weights, peer in PEERS.items():
        model = folder / f"{weights}.linnet"
        run([options.linnet, "convert", folder / "checkpoint", "-o", model, "--weights", weights,
             "--pack", "native"])
        found = {"linnet": [], "onnxruntime": []}
        for _ in range(options.rounds):
            found["linnet"].append(linnet_speeds(options, model))
            found["onnxruntime"].append(speeds(onnx.call(
                "run", folder / peer, "-t", options.threads, "-p", options.prompt)))
        for tokens in map(int, options.prompt.split(",")):
            ours, theirs = (statistics.median(r[tokens] for r in found[name]) for name in found)
            print(f"{weights} {tokens} tokens: linnet {ours:.0f} tokens/s, onnxruntime "
                  f"{theirs:.0f}, ratio {ours / theirs:.2f}")
        expected = folder / "expected.safetensors"
        ours = json.loads(run([options.linnet, "diff", model, expected, "--json"], accepted=(0, 1)))
        theirs = onnx.call("error", folder / peer, expected)
        print(f"{weights} error of the hidden states, root mean square as a share: linnet "
              f"{ours['outputs'][0]['relative_rms_difference']:.2g}, onnxruntime "
              f"{theirs['relative_rms_difference']:.2g}")


if __name__ == "__main__":
    main()
