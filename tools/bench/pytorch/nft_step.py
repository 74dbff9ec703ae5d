"""One training step of NFT on SIRENs 2-32-32-1: 6 blocks of 256 channels, 4 heads, feed-forward × 4, batch 16, AdamW.

Channels are the last axis. The parameters are those of the published encoder of INR2Array (Fourier features, position
embedding, blocks) with one linear layer on the means of all parameters; the Perceiver and the decoder that INR2Array has
behind it are printed beside, and not run.
"""
import argparse
import math
import os

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--blocks", type=int, default=6)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--blas-threads", type=int, default=2)
parser.add_argument("--calls", type=int, default=3)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.blas_threads)

import torch
from torch import nn

import timing

SIZES = [2, 32, 32, 1]
LAYERS = len(SIZES) - 1
FREQUENCIES, HEADS, WIDENING = 128, 4, 4
C = 2 * FREQUENCIES


class ChannelNorm(nn.Module):
    """With the deviation of n - 1, and epsilon beside it."""

    def __init__(self):
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(C)), nn.Parameter(torch.zeros(C))

    def forward(self, x):
        return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5) * self.gain + self.shift


def attend(q, k, v):
    return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), -1) @ v


class Attention(nn.Module):
    """Zhou et al. 2023, arXiv:2305.13546, eq. 4 to 6: W_i [B, n_i, n_(i-1), C], b_i [B, n_i, C]."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(C, 3 * C)

    def tokens(self, x):
        """[B, T, n, 3C] to three of [B, H, T, n c]."""
        b, t, n, _ = x.shape
        parts = x.reshape(b, t, n, 3, HEADS, C // HEADS).permute(3, 0, 4, 1, 2, 5).reshape(3, b, HEADS, t, -1)
        return parts.unbind(0)

    def forward(self, weights, biases):
        qkv_w, qkv_b = [self.qkv(w) for w in weights], [self.qkv(b) for b in biases]
        means = torch.stack([w.mean((1, 2)) for w in qkv_w] + [b.mean(1) for b in qkv_b], 1)
        whole = attend(*self.tokens(means.unsqueeze(2))).permute(0, 2, 1, 3).flatten(2)
        out_w = [whole[:, i, None, None] for i in range(LAYERS)]
        out_b = [whole[:, LAYERS + i, None] for i in range(LAYERS)]
        for i in range(LAYERS + 1):
            parts = []
            if i > 0:
                parts += [qkv_w[i - 1].transpose(1, 2), qkv_b[i - 1].unsqueeze(1)]
            if i < LAYERS:
                parts.append(qkv_w[i])
            x = torch.cat(parts, 1)
            y = attend(*self.tokens(x)).unflatten(-1, (x.shape[2], -1)).permute(0, 2, 3, 1, 4).flatten(3)
            ys = list(y.split([p.shape[1] for p in parts], 1))
            if i > 0:
                out_w[i - 1] = out_w[i - 1] + ys.pop(0).transpose(1, 2)
                out_b[i - 1] = out_b[i - 1] + ys.pop(0).squeeze(1)
            if i < LAYERS:
                out_w[i] = out_w[i] + ys.pop(0)
        return out_w, out_b


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.ModuleList(ChannelNorm() for _ in range(2 * LAYERS))
        self.norm2 = nn.ModuleList(ChannelNorm() for _ in range(2 * LAYERS))
        self.attention = Attention()
        self.feed = nn.ModuleList(
            nn.Sequential(nn.Linear(C, WIDENING * C), nn.GELU(), nn.Linear(WIDENING * C, C)) for _ in range(2 * LAYERS)
        )

    def forward(self, x):
        normed = [norm(v) for norm, v in zip(self.norm1, x)]
        out_w, out_b = self.attention(normed[:LAYERS], normed[LAYERS:])
        x = [a + b for a, b in zip(x, out_w + out_b)]
        return [v + feed(norm(v)) for v, feed, norm in zip(x, self.feed, self.norm2)]


class Nft(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(1, FREQUENCIES) * 3)
        self.position = nn.Parameter(torch.randn(2 * LAYERS, C))
        self.inputs, self.outputs = nn.Parameter(torch.randn(SIZES[0], C)), nn.Parameter(torch.randn(SIZES[-1], C))
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.head = nn.Linear(2 * LAYERS * C, 10)

    def encode(self, x):
        z = 2 * math.pi * x.unsqueeze(-1) * self.frequencies
        return torch.cat([torch.sin(z), torch.cos(z)], -1)

    def forward(self, weights, biases):
        x = [self.encode(v) + p for v, p in zip(weights + biases, self.position)]
        x[0] = x[0] + self.inputs
        x[LAYERS - 1] = x[LAYERS - 1] + self.outputs[:, None]
        x[-1] = x[-1] + self.outputs
        for block in self.blocks:
            x = block(x)
        return self.head(torch.cat([v.flatten(1, -2).mean(1) for v in x], -1))


def counted(module):
    return sum(p.numel() for p in module.parameters())


def published_rest(latents=16, width=256):
    """Parameters of the Perceiver (one cross-attention) and of the decoder (one MLP per tensor) of INR2Array."""
    linear = lambda i, o: (i + 1) * o
    attention = 4 * width + 3 * width * width + linear(width, width)
    feed = 2 * width + linear(width, 8 * width) + linear(4 * width, width)
    sizes = [o * i for i, o in zip(SIZES, SIZES[1:])] + SIZES[1:]
    decoder = sum(2 * linear(width, width) + linear(width, size) for size in sizes)
    return {"perceiver": latents * width + attention + feed, "decoder": decoder}


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = Nft(settings.blocks).train()
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-4)
    weights = [torch.randn(settings.batch, o, i) * 0.1 for i, o in zip(SIZES, SIZES[1:])]
    biases = [torch.randn(settings.batch, o) * 0.1 for o in SIZES[1:]]
    labels = torch.arange(settings.batch) % 10

    def step():
        adamw.zero_grad()
        nn.functional.cross_entropy(model(weights, biases), labels).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    block = model.blocks[0]
    parts = {
        "parameters": counted(model),
        "position": model.position.numel() + model.inputs.numel() + model.outputs.numel(),
        "block": counted(block),
        "block attention": counted(block.attention),
        "block feed-forward": counted(block.feed),
        "head": counted(model.head),
        **{f"unused {name}": value for name, value in published_rest().items()},
    }
    timing.report(seconds, parts)


if __name__ == "__main__":
    main()
