"""One training step of the DWSNets classifier as published: SIRENs 2-32-32-1, 5 layers of 32 channels, batch 64, AdamW.

Every pair of parameters has a sub-layer of its own, as in the paper: set attention where the two share a hidden space,
four linear maps where they share two, one linear map where they share none. A parameter is [B, hidden spaces, F * C],
with inputs and outputs folded into the channels; each pooled form is computed once per layer.
"""
import argparse
import math
import os

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--channels", type=int, default=32)
parser.add_argument("--layers", type=int, default=5)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--blas-threads", type=int, default=1)
parser.add_argument("--calls", type=int, default=5)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.blas_threads)

import torch
from torch import nn

import timing

HEADS, HIDDEN = 8, 32
# Hidden spaces and folded entries of each parameter of 2-32-32-1.
PARAMETERS = {
    "w1": ((1,), 2), "w2": ((1, 2), 1), "w3": ((2,), 1),
    "b1": ((1,), 1), "b2": ((2,), 1), "b3": ((), 1),
}


class SetAttention(nn.Module):
    def __init__(self, c, d, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(c, d) for _ in range(3))
        self.out = nn.Linear(d, d)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (f(x).view(b, n, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        shares = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(self.out.in_features), -1)
        hidden = (q + shares @ v).transpose(1, 2).reshape(b, n, -1)
        return hidden + torch.relu(self.out(hidden))


class Matrix(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        self.entry, self.rows, self.columns, self.whole = (nn.Linear(c, d) for _ in range(4))

    def forward(self, x, forms):
        rows, columns = self.rows(forms[1]).unsqueeze(2), self.columns(forms[2]).unsqueeze(1)
        return (self.entry(x) + rows + columns + self.whole(forms[()])[:, None, None]) / 4


def pooled(spaces, x):
    if len(spaces) == 2:
        rows, columns = x.max(2)[0], x.max(1)[0]
        return {spaces[0]: rows, spaces[1]: columns, (): rows.max(1)[0]}
    return {spaces[0]: x, (): x.max(1)[0]} if spaces else {(): x}


class DwsLayer(nn.Module):
    def __init__(self, c, d, heads):
        super().__init__()
        self.pairs = nn.ModuleDict()
        for source, (ours, f) in PARAMETERS.items():
            for target, (theirs, g) in PARAMETERS.items():
                shared = set(ours) & set(theirs)
                if len(shared) == 2:
                    module = Matrix(f * c, g * d)
                elif shared:
                    module = SetAttention(f * c, g * d, heads)
                else:
                    module = nn.Linear(f * c, g * d)
                self.pairs[f"{source}>{target}"] = module

    def forward(self, x):
        forms = {name: pooled(PARAMETERS[name][0], value) for name, value in x.items()}
        result = {}
        for pair, module in self.pairs.items():
            source, target = pair.split(">")
            theirs = PARAMETERS[target][0]
            shared = [s for s in PARAMETERS[source][0] if s in theirs]
            if len(shared) == 2:
                y = module(x[source], forms[source])
            elif shared:
                y = module(forms[source][shared[0]])
                if len(theirs) == 2:
                    y = y.unsqueeze(2 if theirs[0] == shared[0] else 1)
            else:
                y = module(forms[source][()])
                y = y.view(y.shape[0], *[1] * len(theirs), -1)
            result[target] = y if target not in result else result[target] + y
        return {name: value / len(PARAMETERS) for name, value in result.items()}


class Norms(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norms = nn.ModuleDict({name: nn.BatchNorm1d(c) for name in PARAMETERS})

    def forward(self, x):
        return {
            name: torch.relu(norm(x[name].reshape(-1, norm.num_features)).view(x[name].shape))
            for name, norm in self.norms.items()
        }


class DwsNet(nn.Module):
    def __init__(self, c, layers):
        super().__init__()
        heads = [HEADS] * (layers - 1) + [1]
        self.layers = nn.ModuleList(DwsLayer(1 if i == 0 else c, c, heads[i]) for i in range(layers))
        self.norms = nn.ModuleList(Norms(c) for _ in range(layers - 1))
        self.head = nn.Linear(sum(f * c for _, f in PARAMETERS.values()), 10)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x = self.norms[i](x) if i < len(self.norms) else {name: torch.relu(y) for name, y in x.items()}
        return self.head(torch.cat([pooled(PARAMETERS[name][0], y)[()] for name, y in x.items()], -1))


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = DwsNet(settings.channels, settings.layers).train()
    adamw = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=5e-4, amsgrad=True)
    x = {
        name: torch.randn(settings.batch, *[HIDDEN] * len(spaces), folded) * 0.1
        for name, (spaces, folded) in PARAMETERS.items()
    }
    labels = torch.arange(settings.batch) % 10

    def step():
        adamw.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    timing.report(seconds, {"parameters": sum(p.numel() for p in model.parameters())})


if __name__ == "__main__":
    main()
