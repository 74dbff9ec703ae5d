"""One training step of NFN-NP on SIRENs 2-32-32-1 as published: 3 layers of 512 channels, batch 64, AdamW.

Channels are the last axis and each layer's maps are as few products as PyTorch's eager mode allows: the maps into one
tensor's rows are one `Linear` on what they read, and so on, which is faster than one convolution per map.
"""
import argparse
import math
import os

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--channels", type=int, default=512)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--blas-threads", type=int, default=2)
parser.add_argument("--calls", type=int, default=5)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.blas_threads)

import torch
from torch import nn

import timing

SIZES = [2, 32, 32, 1]
LAYERS = len(SIZES) - 1
FREQUENCIES, BANDS = 128, 6


class NpLinear(nn.Module):
    """The layer of Zhou et al. 2023, eq. 5: W_i [B, n_i, n_(i-1), C], b_i [B, n_i, C]."""

    def __init__(self, c, d):
        super().__init__()
        self.pointwise = nn.ModuleList(nn.Linear(c, d, bias=False) for _ in range(LAYERS))
        # What a space's neurons see: the weights into them, their bias, the weights out of them.
        seen = [(i > 0) * 2 + (i < LAYERS) for i in range(LAYERS + 1)]
        self.spaces = nn.ModuleList(nn.Linear(seen[i] * c, seen[i] * d, bias=False) for i in range(LAYERS + 1))
        self.whole = nn.Linear(2 * LAYERS * c, 2 * LAYERS * d)

    def forward(self, weights, biases):
        ins, outs = [w.mean(2) for w in weights], [w.mean(1) for w in weights]
        whole = self.whole(torch.cat([r.mean(1) for r in ins] + [b.mean(1) for b in biases], -1)).chunk(2 * LAYERS, -1)
        spaces = []
        for i, linear in enumerate(self.spaces):
            tokens = ([ins[i - 1], biases[i - 1]] if i > 0 else []) + ([outs[i]] if i < LAYERS else [])
            spaces.append(linear(torch.cat(tokens, -1)).chunk(len(tokens), -1))
        new_weights = [
            self.pointwise[i](w)
            + spaces[i][-1].unsqueeze(1)
            + (spaces[i + 1][0] + whole[i].unsqueeze(1)).unsqueeze(2)
            for i, w in enumerate(weights)
        ]
        new_biases = [spaces[i + 1][1] + whole[LAYERS + i].unsqueeze(1) for i in range(LAYERS)]
        return [torch.relu(w) for w in new_weights], [torch.relu(b) for b in new_biases]


class NfnNp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(1, FREQUENCIES) * 10)
        codes = 2 * BANDS + 1
        first = 2 * FREQUENCIES + codes
        self.register_buffer("input_code", torch.randn(1, 1, SIZES[0], codes))
        self.register_buffer("output_code", torch.randn(1, SIZES[-1], 1, codes))
        self.layers = nn.ModuleList(NpLinear(first if i == 0 else channels, channels) for i in range(3))
        pooled = channels * (SIZES[0] + 1 + SIZES[-1] + 1 + 1 + SIZES[-1])
        self.head = nn.Sequential(
            nn.Linear(pooled, 1000), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(1000, 1000), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(1000, 10),
        )

    def encode(self, x, code):
        z = 2 * math.pi * x.unsqueeze(-1) * self.frequencies
        return torch.cat([torch.sin(z), torch.cos(z), code.expand(*x.shape, -1)], -1)

    def forward(self, weights, biases):
        none = torch.zeros(1, 1, 1, 2 * BANDS + 1)
        w = [self.encode(x, c) for x, c in zip(weights, [self.input_code, none, self.output_code])]
        b = [self.encode(x, c) for x, c in zip(biases, [none[0], none[0], self.output_code[:, :, 0]])]
        for layer in self.layers:
            w, b = layer(w, b)
        pooled = [w[0].mean(1), w[1].mean((1, 2)), w[2].mean(2), b[0].mean(1), b[1].mean(1), b[2]]
        return self.head(torch.cat([p.flatten(1) for p in pooled], -1))


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = NfnNp(settings.channels).train()
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-4)
    weights = [torch.randn(settings.batch, o, i) * 0.1 for i, o in zip(SIZES, SIZES[1:])]
    biases = [torch.randn(settings.batch, o) * 0.1 for o in SIZES[1:]]
    labels = torch.arange(settings.batch) % 10

    def step():
        adamw.zero_grad()
        nn.functional.cross_entropy(model(weights, biases), labels).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    timing.report(seconds, {"parameters": sum(p.numel() for p in model.parameters())})


if __name__ == "__main__":
    main()
