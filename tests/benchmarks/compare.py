#!/usr/bin/env python3
"""Measures Linnet and llama.cpp side by side, on the same weights, in alternation, on this machine.

  sudo tests/benchmarks/compare.py                          speed, memory and start of two models
  sudo tests/benchmarks/compare.py --models gpt2-124m,smollm2-135m          of softmax Transformers
  sudo tests/benchmarks/compare.py --checkpoint DIR         of a checkpoint of your own
  tests/benchmarks/compare.py --quality held_out.txt        what quantising costs a trained model

llama.cpp comes from a Debian chroot that peers/setup-llama-cpp.sh --oracle makes; entering it needs
root. Models are made there once, below models/NAME: checkpoint/, f16.gguf, Q8_0.gguf, Q4_0.gguf and
int8.linnet, int4.linnet. Give the machine nothing else to do meanwhile.

Speed is the median over the rounds of what 'linnet bench' and 'llama-bench' report, each started
anew in every round. Private memory is the largest RssAnon (/proc/PID/status) while a text is
generated, the first token the time of a whole process that generates one, its files in the cache.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import zlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BENCHMARK_MODELS = ["qwen3.5-0.8b", "rwkv7-0.4b"]
PAIRS = [("int8", "Q8_0"), ("int4", "Q4_0")]  # Linnet's weights and the peer's
PROMPT = "Call me"
CONTEXT = 2048


class Failure(Exception):
    """Something that the user has to put right; its text says how."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, with_errors=False):
    """Standard output of a command that must succeed, with its standard error if wanted."""
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise Failure(f"{' '.join(map(str, command))}\nfailed with {done.returncode}:\n{last}")
    return done.stdout + done.stderr if with_errors else done.stdout


def is_fresh(target, sources):
    """Whether a file is there and no older than what it is made of."""
    return target.exists() and all(target.stat().st_mtime >= s.stat().st_mtime for s in sources)


def make(target, sources, command):
    """Makes a file by a command that takes where to write it, unless it is fresh."""
    if is_fresh(target, sources):
        return
    say(f"making {target}")
    part = target.with_name(target.name + ".part")
    run(command(part))
    part.rename(target)


class Linnet:
    def __init__(self, binary):
        self.binary = Path(binary)
        if not self.binary.exists():
            raise Failure(f"{binary} is missing: build it (cmake --preset release && "
                          "cmake --build --preset release) or give --linnet")
        self.convert_help = run([self.binary, "convert", "--help"])

    def knows(self, weights):
        return re.search(rf"\b{weights}\b", self.convert_help) is not None

    def convert(self, checkpoint, target, weights):
        pack = ["--pack", "native"] if "--pack" in self.convert_help else []
        sources = [self.binary, *(f for f in checkpoint.iterdir() if f.is_file())]
        make(target, sources, lambda part: [self.binary, "convert", checkpoint, "-o", part,
                                            "--weights", weights, *pack])

    def bench(self, model, options, *more):
        return json.loads(run([self.binary, "bench", model, "-p", options.prompt, "-n",
                               options.tokens, "-t", options.threads, "--json", *more]))

    def generate(self, model, options, tokens):
        return [self.binary, "run", model, "--prompt", PROMPT, "-n", str(tokens), "--ignore-end",
                "--seed", "1", "--threads", str(options.threads), "--context", str(CONTEXT)]

    def speed(self, model, options):
        report = self.bench(model, options, "-r", "1", "--no-yardsticks")
        return [report[phase][0]["tokens_per_second"]["median"] for phase in ("prefill", "decode")]


class LlamaCpp:
    def __init__(self, chroot, peers):
        self.chroot, self.peers = Path(chroot), Path(peers)
        setup = f"sudo {self.peers}/setup-llama-cpp.sh --oracle {self.chroot}"
        if not self.peers.is_dir():
            raise Failure(f"{self.peers} is missing: give --peers, the folder with "
                          "make-bench-model.py, hf-to-gguf.py and setup-llama-cpp.sh")
        if not (self.chroot / "usr/bin/llama-bench").exists():
            raise Failure(f"{self.chroot} has no llama.cpp: {setup}, or give --chroot")
        if os.geteuid() != 0:
            raise Failure(f"entering {self.chroot} needs root: start this script with sudo")
        self.models = self.chroot / "models"
        self.scripts = self.models / "peers"
        self.scripts.mkdir(parents=True, exist_ok=True)
        for script in self.peers.glob("*.py"):
            shutil.copyfile(script, self.scripts / script.name)

    def inside(self, path):
        """A path as a program in the chroot sees it."""
        return Path("/") / Path(path).relative_to(self.chroot)

    def command(self, *parts):
        return ["chroot", str(self.chroot),
                *(str(self.inside(p)) if isinstance(p, Path) else str(p) for p in parts)]

    def require(self, program):
        if not (self.chroot / "usr/bin" / program).exists():
            raise Failure(f"{self.chroot} has no {program}: chroot {self.chroot} apt-get install "
                          "llama.cpp-tools-extra")

    def rwkv_vocabulary(self):
        vocabulary = self.peers.parent / "data" / "rwkv_vocab_v20230424.txt"
        if not vocabulary.exists():
            raise Failure(f"{vocabulary} is missing, without which llama.cpp converts no RWKV")
        return Path(shutil.copyfile(vocabulary, self.scripts / vocabulary.name))

    def make_checkpoint(self, name, folder):
        more = ["--rwkv-vocab", self.rwkv_vocabulary()] if name.startswith("rwkv") else []
        say(f"making {folder}")
        part = folder.with_name(folder.name + ".part")
        run(self.command("python3", self.scripts / "make-bench-model.py", name, part, *more))
        part.rename(folder)

    def rename_rwkv7(self, source, folder):
        """A checkpoint in the form that llama.cpp converts, of a .pth file."""
        script = Path(__file__).with_name("rwkv7_pth_to_hf.py")
        if is_fresh(folder / "config.json", [source, script]):
            return
        say(f"making {folder}")
        inside = Path(shutil.copyfile(script, self.scripts / script.name))
        weights = Path(shutil.copyfile(source, folder.with_name(source.name)))
        run(self.command("python3", inside, weights, folder, self.rwkv_vocabulary()))

    def convert(self, checkpoint, target):
        sources = [f for f in checkpoint.iterdir() if f.is_file() and f.name != "config.json"]
        script = self.scripts / "hf-to-gguf.py"
        make(target, sources, lambda part: self.command("python3", script, checkpoint, part))

    def quantize(self, source, target, kind):
        make(target, [source], lambda part: self.command("llama-quantize", source, part, kind))

    def generate(self, model, options, tokens):
        return self.command("llama-completion", "-m", model, "-t", options.threads, "-n", tokens,
                            "-p", PROMPT, "-c", CONTEXT, "-no-cnv", "--no-warmup", "--ignore-eos",
                            "--seed", "1")

    def speed(self, model, options):
        report = json.loads(run(self.command(
            "llama-bench", "-m", model, "-t", options.threads, "-p", options.prompt, "-n",
            options.tokens, "-r", "1", "-o", "json")))
        return [next(r["avg_ts"] for r in report if r[key] > 0) for key in ("n_prompt", "n_gen")]


class Model:
    """A checkpoint with all that is made of it, below models/NAME of the chroot."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.checkpoint = folder / "checkpoint"

    def linnet(self, weights):
        return self.folder / f"{weights}.linnet"

    def gguf(self, kind):
        return self.folder / f"{kind}.gguf"


def name_of(checkpoint):
    """A folder's name alone may be that of another checkpoint, whose files would be taken for its."""
    path = checkpoint.resolve()
    return f"{path.name}-{zlib.crc32(str(path).encode()):08x}"


def open_model(name, linnet, llama, source=None):
    """The model of a name; its checkpoint is made, or taken from the folder `source`."""
    model = Model(name, llama.models / name)
    model.folder.mkdir(parents=True, exist_ok=True)
    pth = sorted(source.glob("*.pth")) if source else []
    if pth:
        llama.rename_rwkv7(pth[0], model.checkpoint)
    elif source:
        shutil.copytree(source, model.checkpoint, dirs_exist_ok=True)
    elif not model.checkpoint.exists():
        llama.make_checkpoint(name, model.checkpoint)
    for weights, _ in PAIRS:
        if linnet.knows(weights):
            linnet.convert(model.checkpoint, model.linnet(weights), weights)
        else:
            say(f"note: {linnet.binary} has no --weights {weights}: left out")
    return model


def make_ggufs(model, llama):
    llama.convert(model.checkpoint, model.gguf("f16"))
    for _, kind in PAIRS:
        llama.quantize(model.gguf("f16"), model.gguf(kind), kind)


def anonymous_bytes(process):
    """RssAnon of a running process; 0 once it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def largest_private_bytes(command):
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        largest = 0
        while process.poll() is None:
            largest = max(largest, anonymous_bytes(process.pid))
            time.sleep(0.002)
    if process.returncode != 0:
        run(command)  # once more, for its message
    return largest


def seconds_of(command):
    begin = time.monotonic()
    run(command)
    return time.monotonic() - begin


def measure_model(model, linnet, llama, options):
    """One entry for every program and kind of weights that there is."""
    programs = []
    for weights, kind in PAIRS:
        if model.linnet(weights).exists() and linnet.knows(weights):
            programs.append(("linnet", weights, linnet, model.linnet(weights)))
            programs.append(("llama.cpp", kind, llama, model.gguf(kind)))
    results = [{"model": model.name, "program": name, "weights": weights, "prefill": [],
                "decode": [], "first_token_seconds": []} for name, weights, _, _ in programs]
    for number in range(options.rounds):
        for result, (name, weights, program, path) in zip(results, programs):
            say(f"{model.name}: round {number + 1} of {options.rounds}, {name} {weights}")
            prefill, decode = program.speed(path, options)
            result["prefill"].append(prefill)
            result["decode"].append(decode)
            first = program.generate(path, options, 1)
            if number == 0:
                run(first)  # brings the file into the cache
            result["first_token_seconds"].append(seconds_of(first))
    for result, (_, _, program, path) in zip(results, programs):
        result["private_bytes"] = largest_private_bytes(
            program.generate(path, options, options.tokens))
        if program is linnet:
            report = linnet.bench(path, options, "-r", "3")
            result["share_of_bare"] = report["prefill"][0].get("share_of_bare")
            result["share_of_read_bandwidth"] = report["decode"][0].get("share_of_read_bandwidth")
    return results


def table(header, rows):
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def print_speed(results, options):
    def cells(result):
        return [f"{statistics.median(result['prefill']):.1f}",
                f"{statistics.median(result['decode']):.1f}",
                f"{result['private_bytes'] / 1e6:.0f}",
                f"{statistics.median(result['first_token_seconds']) * 1e3:.0f}"]

    rows = []
    for ours, theirs in zip(results[::2], results[1::2]):
        for result in (ours, theirs):
            rows.append([result["model"], result["program"], result["weights"], *cells(result)])
        ratio = [statistics.median(ours[k]) / statistics.median(theirs[k])
                 for k in ("prefill", "decode")]
        rows.append(["", "ratio", "", f"{ratio[0]:.2f}", f"{ratio[1]:.2f}", "", ""])
    print(f"\nMedians of {options.rounds} alternating rounds, {options.threads} threads, tokens/s:\n")
    print(table(["model", "program", "weights", f"prefill {options.prompt}",
                 f"decode {options.tokens}", "private MB", "first token ms"], rows))
    shares = [[r["model"], r["weights"], f"{100 * r['share_of_bare']:.0f} %",
               f"{100 * r['share_of_read_bandwidth']:.0f} %"]
              for r in results if r.get("share_of_bare") and r.get("share_of_read_bandwidth")]
    if shares:
        print("\nLinnet beside what the machine allows (linnet bench --help):\n")
        print(table(["model", "weights", "prefill, of bare matrix products",
                     "decode, of read bandwidth"], shares))


def linnet_quality(linnet, checkpoint, folder, text, options):
    rows = []
    base = folder / "f32.linnet"
    linnet.convert(checkpoint, base, "f32")
    for weights in ["f32", "f16", "int8", "int4"]:
        if not linnet.knows(weights):
            say(f"note: {linnet.binary} has no --weights {weights}: left out")
            continue
        model = folder / f"{weights}.linnet"
        linnet.convert(checkpoint, model, weights)
        report = json.loads(run([linnet.binary, "perplexity", model, "--text", text, "--against",
                                 base, "-t", options.threads, "--json"]))
        kl = report["divergence"]["kl"]
        rows.append({"program": "linnet", "weights": weights, "perplexity": report["perplexity"],
                     "kl_mean": kl["mean"], "kl_median": kl["median"],
                     "kl_percentile_99": kl["percentile_99"],
                     "argmax_agreement": report["divergence"]["argmax_agreement"]})
    return rows


def number_after(label, text):
    found = re.search(label + r"\s*:?\s*([-+0-9.eE]+)", text)
    if not found:
        raise Failure(f"llama-perplexity printed no '{label}':\n{text[-2000:]}")
    return float(found[1])


def llama_quality(model, llama, text, options):
    """By llama-perplexity, against its own f16: the later half of every window is scored."""
    llama.require("llama-perplexity")
    make_ggufs(model, llama)
    words = model.folder / "text.txt"
    shutil.copyfile(text, words)
    logits = model.folder / "f16.logits"
    common = ["-f", words, "-c", options.window, "-t", options.threads,
              "--kl-divergence-base", logits]
    base = llama.command("llama-perplexity", "-m", model.gguf("f16"), *common)
    # Of a recurrent model llama-perplexity (0.7.0 of Debian) loses the windows that do not fill a
    # batch of four, and its summary with them, without an error: then only whole batches are read.
    said = run(base, with_errors=True)
    if "Final estimate" not in said:
        windows = max(map(int, re.findall(r"\[(\d+)\]", said)), default=0)
        whole_batches = ["--chunks", windows // 4 * 4]
        common += whole_batches
        run([*base, *whole_batches])
    rows = []
    for _, kind in PAIRS:
        said = run(llama.command("llama-perplexity", "-m", model.gguf(kind), *common,
                                 "--kl-divergence"))
        rows.append({"program": "llama.cpp", "weights": kind,
                     "perplexity": number_after(r"Mean PPL\(Q\)", said),
                     "kl_mean": number_after("Mean +KLD", said),
                     "kl_median": number_after("Median +KLD", said),
                     "kl_percentile_99": number_after("99.0% +KLD", said),
                     "argmax_agreement": number_after("Same top p", said) / 100})
    logits.unlink()
    return rows


def measure_quality(linnet, llama, options):
    checkpoint = options.checkpoint or REPOSITORY / "tests/models/linnet-4m"
    name = name_of(checkpoint)
    if not options.quality.is_file():
        raise Failure(f"{options.quality} is missing: --quality wants a text that the model was "
                      "not trained on")
    if llama is None:
        folder = Path(options.linnet).resolve().parent / "compare" / name
        folder.mkdir(parents=True, exist_ok=True)
        return name, linnet_quality(linnet, checkpoint, folder, options.quality, options)
    model = open_model(name, linnet, llama, checkpoint)
    rows = linnet_quality(linnet, model.checkpoint, model.folder, options.quality, options)
    try:
        rows += llama_quality(model, llama, options.quality, options)
    except Failure as why:
        say(f"note: llama.cpp is left out, it does not run {name}: {why}")
    return name, rows


def print_quality(name, rows, options):
    print(f"\n{name} on {options.quality}: KL (nats) from each program's own unquantised model:\n")
    print(table(["program", "weights", "perplexity", "KL mean", "median", "99 %", "equal argmax"],
                [[r["program"], r["weights"], f"{r['perplexity']:.3f}", f"{r['kl_mean']:.3g}",
                  f"{r['kl_median']:.3g}", f"{r['kl_percentile_99']:.3g}",
                  f"{100 * r['argmax_agreement']:.2f} %"] for r in rows]))
    if any(r["program"] == "llama.cpp" for r in rows):
        print(f"\nllama.cpp scores the later half of windows of {options.window} tokens, Linnet the "
              "text in one stream:\ncompare the KL, not the perplexity.")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--linnet", default=REPOSITORY / "build/release/linnet", help="the program [%(default)s]")
    add("--peers", default=REPOSITORY.parent / "shared/peers", type=Path,
        help="the folder with llama.cpp's set-up and conversion scripts [%(default)s]")
    add("--chroot", default="/opt/forky", type=Path, help="where llama.cpp lives [%(default)s]")
    add("--models", default=",".join(BENCHMARK_MODELS),
        help="shapes that make-bench-model.py knows [%(default)s]")
    add("--checkpoint", type=Path, help="a checkpoint's folder instead")
    add("--quality", type=Path, metavar="TEXT",
        help="instead of speed: what quantising costs the checkpoint [tests/models/linnet-4m] on "
        "this text")
    add("--window", default=512, type=int, help="llama-perplexity's windows [%(default)s]")
    add("--rounds", default=5, type=int, help="[%(default)s]")
    add("--threads", default=2, type=int, help="[%(default)s]")
    add("--prompt", default=512, type=int, help="tokens of the prompt [%(default)s]")
    add("--tokens", default=64, type=int, help="tokens to decode [%(default)s]")
    add("--make-only", action="store_true", help="make the models and measure nothing")
    add("--json", type=Path, help="write every figure of every round here, too")
    options = parser.parse_args()
    if min(options.rounds, options.threads, options.prompt, options.tokens, options.window) < 1:
        parser.error("--rounds, --threads, --prompt, --tokens and --window are at least 1")
    if options.checkpoint and not options.checkpoint.is_dir():
        parser.error(f"--checkpoint {options.checkpoint} is no folder")
    return options


def compare_speed(linnet, llama, options):
    if options.checkpoint:
        sources = {name_of(options.checkpoint): options.checkpoint}
    else:
        sources = dict.fromkeys(options.models.split(","))
    models = [open_model(name, linnet, llama, source) for name, source in sources.items()]
    for model in models:
        make_ggufs(model, llama)
    if options.make_only:
        return []
    return [r for model in models for r in measure_model(model, linnet, llama, options)]


def main():
    options = parse()
    try:
        linnet = Linnet(options.linnet)
        if options.quality:
            try:
                llama = LlamaCpp(options.chroot, options.peers)
            except Failure as why:
                say(f"note: llama.cpp is left out: {why}")
                llama = None
            name, results = measure_quality(linnet, llama, options)
            print_quality(name, results, options)
        else:
            results = compare_speed(linnet, LlamaCpp(options.chroot, options.peers), options)
            if results:
                print_speed(results, options)
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n")
    except Failure as why:
        sys.exit(f"compare.py: {why}")


main()
