"""One training step of NG-T on SIRENs 2-32-32-1 as published: 4 relational transformer layers, batch 64, AdamW.

    graph (d 64, c 32)                                                   30,208
        positions 5·64, weights 256·32+32, biases 256·64+64, second maps 64·64+64 and 32·32+32
    each of 4 layers                                                     70,080
        queries, keys, values of nodes 64·384, and of edges with the modulation 32·512, both without a bias
        out of the attention 128·64+64, 64·64+64, two norms 2·128, perceptron 64·128 and 128·64+64
    each of 3 edge updates (the last layer has none)                     18,816
        of an edge and its reverse 64·64+64, of its nodes 2·(64·64+64), out 64·32+32
        perceptron 32·64 and 64·32+32, two norms 2·64
    head 64·128+128, 128·10+10                                            9,610
    all                                                                 376,586
"""
import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--blas-threads", type=int, default=2)
parser.add_argument("--calls", type=int, default=3)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.blas_threads)

import torch
from torch import nn

import timing
from ng_graph import CLASSES, SIZES, Graph, random_networks

D, C, A, HEADS, DEPTH, DROPOUT = 64, 32, 128, 8, 4, 0.2


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.nodes = nn.Linear(D, 3 * A, bias=False)
        self.edges = nn.Linear(C, 4 * A, bias=False)
        self.out = nn.Linear(A, D)

    def forward(self, x, e):
        b, n, _ = x.shape
        q, k, v = self.nodes(x).view(b, n, 3 * HEADS, -1).transpose(1, 2).chunk(3, 1)
        qe, ke, ve, me = self.edges(e).view(b, n, n, 4 * HEADS, -1).permute(0, 3, 1, 2, 4).chunk(4, 1)
        scores = ((q.unsqueeze(3) + qe) * (k.unsqueeze(2) + ke)).sum(-1) / A**0.5
        values = v.unsqueeze(2) * me + ve
        mixed = torch.matmul(torch.softmax(scores, -1).unsqueeze(-2), values).squeeze(-2)
        return self.out(mixed.transpose(1, 2).reshape(b, n, A))


class EdgeUpdate(nn.Module):
    def __init__(self):
        super().__init__()
        self.both, self.source, self.target = nn.Linear(2 * C, 64), nn.Linear(D, 64), nn.Linear(D, 64)
        self.out = nn.Linear(64, C)
        self.mlp = nn.Sequential(nn.Linear(C, 64, bias=False), nn.GELU(), nn.Linear(64, C), nn.Dropout(DROPOUT))
        self.norms = nn.ModuleList(nn.LayerNorm(C) for _ in range(2))

    def forward(self, x, e):
        hidden = self.both(torch.cat([e, e.transpose(1, 2)], -1))
        hidden = hidden + self.source(x).unsqueeze(2) + self.target(x).unsqueeze(1)
        update = nn.functional.dropout(self.out(nn.functional.gelu(hidden)), DROPOUT)
        e = self.norms[0](e + update)
        return self.norms[1](e + self.mlp(e))


class Layer(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.attention = Attention()
        self.lin = nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(D, A, bias=False), nn.GELU(), nn.Linear(A, D), nn.Dropout(DROPOUT))
        self.norms = nn.ModuleList(nn.LayerNorm(D) for _ in range(2))
        self.edges = None if last else EdgeUpdate()

    def forward(self, x, e):
        x = self.norms[0](x + nn.functional.dropout(self.lin(self.attention(x, e)), DROPOUT))
        x = self.norms[1](x + self.mlp(x))
        return x, self.edges(x, e) if self.edges else e


class NgT(nn.Module):
    def __init__(self):
        super().__init__()
        self.graph = Graph(D, C, 1, reverse=False)
        self.layers = nn.ModuleList(Layer(i == DEPTH - 1) for i in range(DEPTH))
        self.head = nn.Sequential(nn.Linear(SIZES[-1] * D, 128), nn.ReLU(), nn.Linear(128, CLASSES))

    def forward(self, weights, biases):
        x, e = self.graph(weights, biases)
        for layer in self.layers:
            x, e = layer(x, e)
        return self.head(x[:, -SIZES[-1] :].flatten(1))


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    model = NgT().train()
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-3)
    networks = random_networks(settings.batch)
    labels = torch.arange(settings.batch) % CLASSES

    def step():
        adamw.zero_grad()
        nn.functional.cross_entropy(model(*networks), labels).backward()
        adamw.step()

    seconds = timing.median_seconds(step, settings.calls)
    timing.report(seconds, {"parameters": sum(p.numel() for p in model.parameters())})


if __name__ == "__main__":
    main()
