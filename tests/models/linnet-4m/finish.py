#!/usr/bin/env python3
"""Measure the trained linnet-4m and write what Linnet's tests compare with.

    python3 finish.py --data work --model .

Writes into MODEL: held_out.txt (a piece of the held-out text), expected.safetensors (logits and a greedy
continuation), loss_curve.svg; prints perplexities and sample continuations.  Everything is computed in
float32 from the float16 weights of the checkpoint, by transformers' own eager code.
"""

import argparse
import csv
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import AutoTokenizer, Qwen3_5ForCausalLM

PROMPTS = ["The people of the United States", "It was a", "Fellow-citizens, the duty of this Government is",
           "The old captain looked at the sea, and"]


def held_out_piece(text):
    """The first held-out address and the first held-out chapter of the novel (the only documents of many lines)."""
    documents = [d for d in text.split("\n\n") if d.strip()]
    return documents[0] + "\n\n" + next(d for d in documents if d.count("\n") > 5) + "\n"


def negative_log_likelihood(model, ids, window):
    """Sum over the tokens, and how many; each window starts from an empty state, its first token not scored."""
    total, count = 0.0, 0
    for piece in ids.split(window):
        if len(piece) > 1:
            logits = model(piece[None]).logits[0, :-1]
            total += F.cross_entropy(logits, piece[1:], reduction="sum").item()
            count += len(piece) - 1
    return total, count


def report(name, model, tokenizer, text, window):
    ids = tokenizer(text, return_tensors="pt", verbose=False).input_ids[0]
    total, count = negative_log_likelihood(model, ids, window)
    tokens_per_byte = len(ids) / len(text.encode("utf-8"))
    print(f"{name}, windows of {min(window, len(ids))}: {count} tokens scored, loss {total / count:.4f},"
          f" perplexity {math.exp(total / count):.2f} per token,"
          f" {total / count / math.log(2) * tokens_per_byte:.3f} bits per byte")


def plot(rows, path):
    """The loss curve as a small SVG."""
    width, height, left, bottom = 560, 300, 50, 40
    last, low, high = int(rows[-1]["tokens"]), 3, 8
    x = lambda row: left + (width - left - 15) * int(row["tokens"]) / last
    y = lambda loss: 15 + (height - bottom - 15) * (high - min(high, loss)) / (high - low)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
           f' font-size="12"><rect width="100%" height="100%" fill="white"/>']
    for loss in range(low, high + 1):
        svg.append(f'<path d="M{left} {y(loss):.1f}H{width - 15}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss}</text>')
    for column, colour, name, at in (("train_loss", "#888", "training", 40), ("held_out_loss", "#06c", "held out", 60)):
        line = " ".join(f"{x(r):.1f},{y(float(r[column])):.1f}" for r in rows)
        svg.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                   f'<text x="{width - 120}" y="{at}" fill="{colour}">{name}</text>')
    svg.append(f'<text x="{left}" y="{height - 18}">0</text><text x="{width - 15}" y="{height - 18}"'
               f' text-anchor="end">{last / 1e6:.1f} million tokens</text>'
               f'<text x="{left}" y="11">loss, nats per token</text></svg>\n')
    path.write_text("\n".join(svg))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=Path("work"), help="folder of held_out.txt, from corpus.py")
    p.add_argument("--model", type=Path, default=Path("."), help="folder of the checkpoint")
    args = p.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = Qwen3_5ForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    torch.set_grad_enabled(False)

    everything = (args.data / "held_out.txt").read_text(encoding="utf-8")
    piece = held_out_piece(everything)
    (args.model / "held_out.txt").write_text(piece, encoding="utf-8")
    report("all held-out text", model, tokenizer, everything, 512)
    report("held_out.txt", model, tokenizer, piece, 512)
    report("held_out.txt", model, tokenizer, piece, 1 << 30)

    ids = tokenizer(piece, return_tensors="pt", verbose=False).input_ids[0, :64]
    greedy = ids[:16].tolist()
    for _ in range(24):  # without a cache, so that nothing but the plain forward pass is involved
        greedy.append(model(torch.tensor([greedy])).logits[0, -1].argmax().item())
    save_file({"input_ids": ids.to(torch.int32), "logits": model(ids[None]).logits[0].contiguous(),
               "greedy_ids": torch.tensor(greedy[16:], dtype=torch.int32)}, args.model / "expected.safetensors")
    print("greedy:", repr(tokenizer.decode(greedy[:16])), "->", repr(tokenizer.decode(greedy[16:])))

    with open(args.model / "loss_curve.csv", newline="") as f:
        plot(list(csv.DictReader(f)), args.model / "loss_curve.svg")

    torch.manual_seed(0)
    for prompt in PROMPTS:
        inputs = tokenizer([prompt] * 2, return_tensors="pt")
        for out in model.generate(**inputs, max_new_tokens=80, do_sample=True, temperature=0.7, top_p=0.9, top_k=0):
            print("\n> " + tokenizer.decode(out, skip_special_tokens=True).replace("\n", "\n> "))


if __name__ == "__main__":
    main()
