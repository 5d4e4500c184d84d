#!/usr/bin/env python3
"""Train linnet-4m: a Qwen3.5 text model of gated DeltaNet layers alone, on a CPU.

    python3 train.py --data work --out . --minutes 75

Reads DATA/train.txt and DATA/held_out.txt (see corpus.py).  Writes the tokeniser, and, whenever the
held-out loss is the best so far, the model as Hugging Face `save_pretrained` does (float16) into OUT,
with the curve in OUT/loss_curve.csv.

It runs as --workers processes of one thread each, which meet once a step to add their gradients up.
That shares a busy machine better than threads that wait for one another inside every operator.
"""

import argparse
import copy
import csv
import os
import time
from pathlib import Path

# Keep freed memory: giving it back to the system after each step costs more than the arithmetic.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", "4000000000")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "16000000000")

import numpy as np
import tokenizers
import torch
import torch.distributed as dist
import torch.nn.functional as F
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3_5ForCausalLM, Qwen3_5TextConfig

EOS = "<|endoftext|>"
VOCAB = 4096
QWEN_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=Path("work"), help="folder of train.txt and held_out.txt")
    p.add_argument("--out", type=Path, default=Path("."), help="folder for the checkpoint")
    p.add_argument("--minutes", type=float, default=75, help="training time; the learning rate ends with it")
    p.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    p.add_argument("--batch", type=int, default=8, help="sequences per worker and step")
    p.add_argument("--length", type=int, default=512, help="tokens per sequence")
    p.add_argument("--lr", type=float, default=3e-3, help="peak learning rate")
    p.add_argument("--weight-decay", type=float, default=0.1)
    p.add_argument("--warmup", type=float, default=0.03, help="part of the time that the rate climbs")
    p.add_argument("--eval-every", type=int, default=50, help="steps between held-out evaluations")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--check", action="store_true", help="only compare chunk_rule with the library's")
    return p.parse_args()


def train_tokenizer(text):
    """A byte-level BPE in the layout of Qwen's own tokenizer.json."""
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.normalizer = tokenizers.normalizers.NFC()
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(QWEN_SPLIT), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.post_processor = tokenizers.processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.decoder = tokenizers.decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[EOS], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(text.split("\n"), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tok, eos_token=EOS, pad_token=EOS,
                                   clean_up_tokenization_spaces=False, model_max_length=4096)


def encode(tokenizer, path):
    """The documents of a file as one row of tokens, each document ended by EOS."""
    documents = path.read_text(encoding="utf-8").split("\n\n")
    rows = tokenizer([d for d in documents if d.strip()], add_special_tokens=False, verbose=False)["input_ids"]
    return np.concatenate([np.array(r + [tokenizer.eos_token_id], dtype=np.int64) for r in rows])


def model_config(tokenizer):
    layers = 4
    return Qwen3_5TextConfig(
        vocab_size=VOCAB, hidden_size=256, intermediate_size=640, num_hidden_layers=layers,
        layer_types=["linear_attention"] * layers, tie_word_embeddings=True,
        linear_num_key_heads=4, linear_num_value_heads=4, linear_key_head_dim=32, linear_value_head_dim=64,
        # No layer has softmax attention; these only keep the unused rotary table small.
        num_attention_heads=4, num_key_value_heads=4, head_dim=64,
        max_position_embeddings=4096, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=None,
        use_cache=False)  # transformers 5.12's cache refuses a model without any attention layer


def initialise(model):
    """Decay rates as in the gated DeltaNet reference: heads from very short to about 1,000 tokens of memory.
    (The library's own start, dt_bias = 1, forgets everything within one token.)"""
    with torch.no_grad():
        for layer in model.model.layers:
            net = layer.linear_attn
            net.A_log.copy_(torch.empty_like(net.A_log).uniform_(1, 16).log())
            dt = torch.exp(torch.empty_like(net.dt_bias).uniform_(np.log(1e-3), np.log(1e-1)))
            net.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # inverse of softplus
            net.chunk_gated_delta_rule = chunk_rule


def matmul(a, b):
    """Operands in bfloat16, which CPUs multiply several times faster; the state itself stays in float32."""
    return (a.bfloat16() @ b.bfloat16()).float()


def chunk_rule(query, key, value, g, beta, chunk_size=32, matmul=matmul, **_):
    """transformers' torch_chunk_gated_delta_rule for training: the same sums, but the triangular systems
    inside the chunks go to one solver call, and everything that does not need the state is done at once."""
    batch, length, heads, key_dim = key.shape
    chunks = length // chunk_size
    assert chunks * chunk_size == length

    def split(x):  # [batch, length, heads, d] -> [batch, heads, chunks, chunk_size, d]
        return x.float().reshape(batch, chunks, chunk_size, heads, -1).permute(0, 3, 1, 2, 4)

    q = split(F.normalize(query.float(), dim=-1) * key_dim ** -0.5)
    k = split(F.normalize(key.float(), dim=-1))
    v, b = split(value), split(beta.unsqueeze(-1))
    g = split(g.unsqueeze(-1)).squeeze(-1).cumsum(-1)
    decay = (g.unsqueeze(-1) - g.unsqueeze(-2)).tril().exp().tril()
    reach = g.exp().unsqueeze(-1)
    kt, kb = k.transpose(-1, -2), k * b
    solved = torch.linalg.solve_triangular(matmul(kb, kt) * decay, torch.cat([v * b, kb * reach], -1),
                                           upper=False, unitriangular=True)
    u, w = solved.split([v.shape[-1], key_dim], -1)
    kt = (k * (g[..., -1:] - g).exp().unsqueeze(-1)).transpose(-1, -2)
    kept = reach[..., -1:, :]
    state = q.new_zeros(batch, heads, key_dim, v.shape[-1])
    states, writes = [], []
    for u_i, w_i, kt_i, kept_i in zip(u.unbind(2), w.unbind(2), kt.unbind(2), kept.unbind(2)):
        write = u_i - matmul(w_i, state)
        states.append(state)
        writes.append(write)
        state = state * kept_i + matmul(kt_i, write)
    out = matmul(q * reach, torch.stack(states, 2)) + matmul(matmul(q, k.transpose(-1, -2)) * decay,
                                                             torch.stack(writes, 2))
    return out.permute(0, 2, 3, 1, 4).reshape(batch, length, heads, -1).to(value.dtype), None


def check_chunk_rule():
    from transformers.models.qwen3_5.modeling_qwen3_5 import torch_chunk_gated_delta_rule
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 128, 3, d) for d in (32, 32, 64))
    g, beta = -torch.rand(2, 128, 3), torch.rand(2, 128, 3)
    want, _ = torch_chunk_gated_delta_rule(q, k, v, g=g, beta=beta, use_qk_l2norm_in_kernel=True)
    for name, mm in (("float32", torch.matmul), ("bfloat16", matmul)):
        got, _ = chunk_rule(q, k, v, g=g, beta=beta, matmul=mm)
        print(f"chunk_rule, {name} products: largest difference {(got - want).abs().max():.2e}"
              f" of {want.abs().max():.2f}")


def loss_of(model, tokens):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(tokens[:, :-1], use_cache=False).logits
    return F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())


def optimizers(model, args):
    """Muon for the matrices inside the layers, AdamW for the embedding, norms, convolutions and decay rates."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and min(p.shape) >= 32]
    inside = {id(p) for p in matrices}
    table = [p for n, p in model.named_parameters() if p.ndim == 2 and id(p) not in inside]
    small = [p for p in model.parameters() if p.ndim != 2]
    return [
        torch.optim.Muon(matrices, lr=args.lr, weight_decay=args.weight_decay, momentum=0.95,
                         adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([{"params": table, "weight_decay": args.weight_decay},
                           {"params": small, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.95)),
    ]


def worker(rank, args, train, held_out, tokenizer):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{args.data.resolve()}/rendezvous", rank=rank,
                            world_size=args.workers)
    torch.manual_seed(args.seed)  # the same start in every worker
    model = Qwen3_5ForCausalLM(model_config(tokenizer))
    initialise(model)
    model.generation_config = GenerationConfig(do_sample=True, temperature=0.7, top_p=0.9, top_k=0, use_cache=False,
                                               eos_token_id=tokenizer.eos_token_id,
                                               pad_token_id=tokenizer.eos_token_id)
    params = list(model.parameters())
    opts = optimizers(model, args)
    if rank == 0:
        print(f"{sum(p.numel() for p in params)} parameters, {len(train)} tokens to train on,"
              f" {len(held_out)} held out", flush=True)
        curve = csv.writer(log := open(args.out / "loss_curve.csv", "w", newline=""))
        curve.writerow(["step", "tokens", "seconds", "train_loss", "held_out_loss"])

    def together(values):  # the mean over the workers
        dist.all_reduce(values)
        return values / args.workers

    def evaluate():
        rows = held_out[: len(held_out) // (args.length + 1) * (args.length + 1)].reshape(-1, args.length + 1)
        rows = torch.from_numpy(rows[rank::args.workers][: len(rows) // args.workers])
        with torch.no_grad():
            losses = [loss_of(model, r) for r in rows.split(args.batch) if len(r) == args.batch]
        return together(torch.stack(losses).mean().reshape(1)).item()

    rng = np.random.default_rng([args.seed, rank])
    step, best, recent, start, progress = 0, float("inf"), [], time.time(), 0.0
    while progress < 1:
        at = rng.integers(0, len(train) - args.length - 1, args.batch)
        tokens = torch.from_numpy(np.stack([train[i:i + args.length + 1] for i in at]))
        loss = loss_of(model, tokens)
        loss.backward()
        # One exchange per step: gradients, the loss, and the clock, so that all agree on the schedule.
        extra = torch.tensor([loss.item(), time.time() - start])
        mean = together(torch.cat([p.grad.flatten() for p in params] + [extra]))
        recent.append(mean[-2].item())
        seconds = mean[-1].item()
        grads = mean[:-2]
        grads *= min(1.0, 1.0 / (grads.norm().item() + 1e-6))
        for p, part in zip(params, grads.split([p.numel() for p in params])):
            p.grad = part.view_as(p)
        progress = seconds / (60 * args.minutes)
        rate = args.lr * (progress / args.warmup if progress < args.warmup else
                          0.5 + 0.5 * np.cos(np.pi * min(1, (progress - args.warmup) / (1 - args.warmup))))
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = rate
            opt.step()
        for p in params:
            p.grad = None
        step += 1
        if step % args.eval_every == 0 or progress >= 1:
            held = evaluate()
            if rank == 0:
                row = [step, step * args.workers * args.batch * args.length, round(seconds),
                       round(float(np.mean(recent)), 4), round(held, 4)]
                curve.writerow(row)
                log.flush()
                print(*row, f"rate {rate:.2e}", time.strftime("%H:%M:%S"), flush=True)
                if held < best:
                    copy.deepcopy(model).half().save_pretrained(args.out)
            best, recent = min(best, held), []


def main():
    args = arguments()
    if args.check:
        return check_chunk_rule()
    args.out.mkdir(parents=True, exist_ok=True)
    text = (args.data / "train.txt").read_text(encoding="utf-8")
    tokenizer = train_tokenizer(text)
    tokenizer.save_pretrained(args.out)
    train, held_out = (encode(tokenizer, args.data / n) for n in ("train.txt", "held_out.txt"))
    (args.data / "rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(worker, (args, train, held_out, tokenizer), nprocs=args.workers)


if __name__ == "__main__":
    main()
