"""A sentence classifier with a byte-pair tokenizer in plain Python."""

import argparse
import random

import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "preprocess",
    "function": "merge",
    "rule": "slow-tokenizer",
    "also": ["python-loops"],
    "cured_stage": "compute",
    "healthy": False,
    "healthy_when_cured": True,
    "same_output": True,
}

WORDS, LENGTH = 130, 384


class Tokenizer:
    def __init__(self, cached):
        rng = random.Random(0)
        letters = "abcdefghijklmnop"
        pairs = [(a, b) for a in letters for b in letters]
        rng.shuffle(pairs)
        self.ranks = {pair: rank for rank, pair in enumerate(pairs)}
        self.ids = {}
        self.cache = {} if cached else None

    def merge(self, word):
        parts = list(word)
        while len(parts) > 1:
            best, rank = None, len(self.ranks)
            for i in range(len(parts) - 1):  # planted
                found = self.ranks.get((parts[i][-1], parts[i + 1][0]), rank)  # planted
                if found < rank and len(parts[i]) + len(parts[i + 1]) <= 4:  # planted
                    best, rank = i, found  # planted
            if best is None:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        return parts

    def encode(self, text):
        ids = []
        for word in text.split():
            if self.cache is not None and word in self.cache:
                ids += self.cache[word]
                continue
            new = [self.ids.setdefault(part, len(self.ids) % 4000) for part in self.merge(word)]
            if self.cache is not None:
                self.cache[word] = new
            ids += new
        return torch.tensor([(ids + [0] * LENGTH)[:LENGTH]])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(4000, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(128, 4)

    def forward(self, ids):
        return self.head(self.layers(self.embed(ids)).mean(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="remember the words seen")
    parser.add_argument("--requests", type=int, default=360)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(12, 30))) for _ in range(300)]
    tokenizer, model = Tokenizer(args.cured), Encoder().eval()
    for word in words:
        tokenizer.encode(word)
    clock = Clock("preprocess")
    for _ in range(args.requests):
        ids = tokenizer.encode(" ".join(rng.choices(words, k=WORDS)))
        clock.lap("preprocess")
        with torch.inference_mode():
            scores = model(ids)
        clock.lap("compute")
        clock.done(int(scores.argmax()))
    clock.tell()


if __name__ == "__main__":
    main()
