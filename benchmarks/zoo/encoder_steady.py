"""A transformer encoder embeds batches of sentences. Healthy."""

import argparse

import numpy as np
import torch
from _truth import Clock
from torch import nn

ZOO = {
    "stage": "compute",
    "function": "embed",
    "rule": "",
    "also": [],
    "cured_stage": "compute",
    "healthy": True,
    "same_output": True,
}


class Encoder(nn.Module):
    def __init__(self, width=256, words=5000):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids):
        return nn.functional.normalize(self.layers(self.embedding(ids)).mean(1), dim=-1)


class Service:
    def __init__(self):
        self.vocabulary = {f"w{number}": number for number in range(5000)}
        self.model = Encoder().eval()

    def tokenize(self, sentences):
        return torch.tensor([[self.vocabulary[word] for word in one.split()] for one in sentences])

    def embed(self, ids):
        with torch.inference_mode():
            return self.model(ids)  # planted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cured", action="store_true", help="there is nothing to cure")
    parser.add_argument("--requests", type=int, default=130)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    service = Service()
    texts = [
        [" ".join(f"w{number}" for number in rng.integers(0, 5000, 48)) for _ in range(8)]
        for _ in range(args.requests)
    ]
    clock = Clock("compute")
    for sentences in texts:
        ids = service.tokenize(sentences)
        clock.lap("preprocess")
        vectors = service.embed(ids)
        clock.lap("compute")
        clock.done(vectors.argmax(1).tolist())
    clock.tell()


if __name__ == "__main__":
    main()
