"""One training step of universal neural functionals, term by term as the paper's algorithm: 3 layers of 64 channels, AdamW.

For each output tensor, each input tensor and each partition of their axes: diagonal, mean, a product with a matrix of its
own, and embedding on the diagonal. The public code is in JAX and computes in this order; it has one bias per tensor, which
here has one for each of its diagonals.
"""
import argparse
import math
import os

parser = argparse.ArgumentParser()
parser.add_argument("--network", choices=["siren", "rnn"], default="siren")
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--channels", type=int, default=64)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--blas-threads", type=int, default=2)
parser.add_argument("--calls", type=int, default=5)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.blas_threads)

import torch
from torch import nn

import timing

# Labels of each tensor's axes; axes of size 1 are left out.
NETWORKS = {
    "siren": (
        {"x": 2, "a": 32, "b": 32},
        [("a", "x"), ("a",), ("b", "a"), ("b",), ("b",), ()],
    ),
    "rnn": (
        {"x": 2, "n": 32, "y": 3},
        [("n", "x"), ("n", "n"), ("n",), ("n",), ("y", "n"), ("y",)],
    ),
}
SIZES, TENSORS = NETWORKS[settings.network]
FIXED = [label for label in ("x", "y") if label in SIZES]
FREQUENCIES = 64
CLASSES = 10


def partitions(labels):
    """For each axis the number of its part; a part holds one label."""
    found = [()]
    for label in labels:
        found = [
            parts + (part,)
            for parts in found
            for part in range(max(parts, default=-1) + 2)
            if all(labels[i] == label for i, other in enumerate(parts) if other == part)
        ]
    return found


def letters(parts):
    return "".join(chr(ord("i") + part) for part in parts)


def read(x, parts, kept):
    """Mean over the generalized diagonal of all parts but those kept."""
    own = list(dict.fromkeys(parts))
    dims = [x.shape[1 + parts.index(part)] for part in own if part not in kept]
    order = [part for part in own if part in kept]
    return order, torch.einsum(f"b{letters(parts)}c->b{letters(order)}c", x) / math.prod(dims)


def spread(y, order, out, sizes):
    """Onto the generalized diagonal of an output whose axes have these parts; y has the axes `order`."""
    want = [part for part in dict.fromkeys(out) if part in order]
    y = y.permute(0, *[1 + order.index(part) for part in want], y.dim() - 1)
    first = {part: out.index(part) for part in out}
    shape = [sizes[i] if first[part] == i and part in order else 1 for i, part in enumerate(out)]
    y = y.reshape(y.shape[0], *shape, y.shape[-1])
    for i, part in enumerate(out):
        if first[part] != i:
            mask = [1] * y.dim()
            mask[1 + i] = mask[1 + first[part]] = sizes[i]
            y = y * torch.eye(sizes[i]).reshape(mask)
    return y


class UnfLinear(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        self.terms, self.theta, self.bias = [], nn.ParameterList(), nn.ParameterList()
        for o in TENSORS:
            own = [(s, parts) for s in range(len(TENSORS)) for parts in partitions(o + TENSORS[s])]
            self.terms.append(own)
            self.theta.append(nn.Parameter(torch.randn(len(own), c, d) / math.sqrt(c * len(own))))
            self.bias.append(nn.Parameter(torch.zeros(len(partitions(o)), d)))

    def forward(self, tensors):
        result = []
        for i, o in enumerate(TENSORS):
            sizes = [SIZES[label] for label in o]
            y = 0
            for (s, parts), theta in zip(self.terms[i], self.theta[i]):
                out, seen = parts[: len(o)], parts[len(o):]
                order, pooled = read(tensors[s], seen, out)
                y = y + spread(pooled @ theta, order, out, sizes)
            for parts, bias in zip(partitions(o), self.bias[i]):
                y = y + spread(bias.unsqueeze(0), [], parts, sizes)
            result.append(torch.relu(y))
        return result


class Unf(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(FREQUENCIES) * 0.3)
        self.encoder = nn.Linear(2 * FREQUENCIES, c, bias=False)
        self.blocks = nn.ParameterList(nn.Parameter(torch.randn(c) / 2) for _ in TENSORS)
        self.positions = nn.ParameterDict({label: nn.Parameter(torch.randn(SIZES[label], c) / 2) for label in FIXED})
        self.layers = nn.ModuleList(UnfLinear(c, c) for _ in range(3))
        pooled = sum(len(partitions(o)) for o in TENSORS) * c
        self.head = nn.Sequential(
            nn.Linear(pooled, 256), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(256, CLASSES),
        )

    def encode(self, x, labels, block):
        z = 2 * math.pi * x.unsqueeze(-1) * self.frequencies
        y = self.encoder(torch.cat([torch.sin(z), torch.cos(z)], -1)) + block
        for axis, label in enumerate(labels):
            if label in FIXED:
                position = self.positions[label]
                y = y + position.reshape(*[len(position) if a == axis else 1 for a in range(len(labels))], -1)
        return torch.relu(y)

    def forward(self, tensors):
        x = [self.encode(w, o, block) for w, o, block in zip(tensors, TENSORS, self.blocks)]
        for layer in self.layers:
            x = layer(x)
        means = [read(y, parts, ())[1] for y, o in zip(x, TENSORS) for parts in partitions(o)]
        return self.head(torch.cat(means, -1))


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = Unf(settings.channels).train()
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tensors = [torch.randn(settings.batch, *[SIZES[label] for label in o]) * 0.1 for o in TENSORS]
    labels = torch.arange(settings.batch) % CLASSES

    def step():
        adamw.zero_grad()
        nn.functional.cross_entropy(model(tensors), labels).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    timing.report(seconds, {"parameters": sum(p.numel() for p in model.parameters())})


if __name__ == "__main__":
    main()
