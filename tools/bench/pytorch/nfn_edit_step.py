"""One training step of an NFN-NP editor on SIRENs 2-32-32-1 as published: 3 layers of 128 channels and one to the change
of each weight, batch 64, AdamW on the pictures that the changed networks draw.

The layers are those of nfn_np_step.py.
"""
import argparse
import math
import os

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--channels", type=int, default=128)
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
FREQUENCIES, BANDS, SIDE, OMEGA = 128, 3, 28, 30


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
        return new_weights, [spaces[i + 1][1] + whole[LAYERS + i].unsqueeze(1) for i in range(LAYERS)]


class NfnEditor(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(1, FREQUENCIES) * 3)
        codes = 2 * BANDS + 1
        self.register_buffer("input_code", torch.randn(1, 1, SIZES[0], codes))
        self.register_buffer("output_code", torch.randn(1, SIZES[-1], 1, codes))
        widths = [2 * FREQUENCIES + codes, channels, channels, channels, 1]
        self.layers = nn.ModuleList(NpLinear(c, d) for c, d in zip(widths, widths[1:]))
        self.scales = nn.Parameter(torch.full((2 * LAYERS,), 0.01))

    def encode(self, x, code):
        z = 2 * math.pi * x.unsqueeze(-1) * self.frequencies
        return torch.cat([torch.sin(z), torch.cos(z), code.expand(*x.shape, -1)], -1)

    def forward(self, weights, biases):
        none = torch.zeros(1, 1, 1, 2 * BANDS + 1)
        w = [self.encode(x, c) for x, c in zip(weights, [self.input_code, none, self.output_code])]
        b = [self.encode(x, c) for x, c in zip(biases, [none[0], none[0], self.output_code[:, :, 0]])]
        for i, layer in enumerate(self.layers):
            w, b = layer(w, b)
            if i < len(self.layers) - 1:
                w, b = [torch.relu(x) for x in w], [torch.relu(x) for x in b]
        new_w = [old + s * x.squeeze(-1) for old, x, s in zip(weights, w, self.scales)]
        new_b = [old + s * x.squeeze(-1) for old, x, s in zip(biases, b, self.scales[LAYERS:])]
        return new_w, new_b


def draw(weights, biases, points):
    """[B, pixels, 1]"""
    x = points
    for i, (w, b) in enumerate(zip(weights, biases)):
        x = x @ w.transpose(1, 2) + b.unsqueeze(1)
        if i < LAYERS - 1:
            x = torch.sin(OMEGA * x)
    return x


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = NfnEditor(settings.channels).train()
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-4)
    weights = [torch.randn(settings.batch, o, i) * 0.1 for i, o in zip(SIZES, SIZES[1:])]
    biases = [torch.randn(settings.batch, o) * 0.1 for o in SIZES[1:]]
    side = torch.linspace(-1, 1, SIDE)
    points = torch.cartesian_prod(side, side).expand(settings.batch, -1, -1)
    target = torch.rand(settings.batch, SIDE * SIDE, 1)

    def step():
        adamw.zero_grad()
        nn.functional.mse_loss(draw(*model(weights, biases), points), target).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    timing.report(seconds, {"parameters": sum(p.numel() for p in model.parameters())})


if __name__ == "__main__":
    main()
