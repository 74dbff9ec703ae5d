"""What NG-T and NG-GNN share: SIRENs 2-32-32-1 as graphs (Kofinas et al. 2024, arXiv:2403.12143, section 2).

Nodes are neurons, numbered from the inputs to the output; node i reads nothing, an edge i → j carries a weight.
Trainable parameters for d channels per node and c per edge, 256 Fourier features:
    positions 5 · d (two inputs, two hidden layers, one output)
    weights 256 · c + c, biases 256 · d + d, second maps c · c + c and d · d + d
"""
import math

import torch
from torch import nn

SIZES = [2, 32, 32, 1]
NODES = sum(SIZES)
STARTS = [sum(SIZES[:i]) for i in range(len(SIZES))]
CLASSES = 10
FREQUENCIES = 128


class Fourier(nn.Module):
    def __init__(self, inputs, sigma):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(inputs, FREQUENCIES) * sigma)

    def forward(self, x):
        phase = 2 * math.pi * (x @ self.frequencies)
        return torch.cat([torch.cos(phase), torch.sin(phase)], -1)


class Graph(nn.Module):
    """weights [B, in, out], biases [B, out] → nodes [B, N, D], dense edges [B, N, N, C]."""

    def __init__(self, d_node, d_edge, sigma, reverse):
        super().__init__()
        self.reverse = reverse
        kinds = [1] * SIZES[0] + SIZES[1:-1] + [1] * SIZES[-1]
        self.positions = nn.Parameter(torch.randn(len(kinds), d_node))
        self.register_buffer("kind", torch.repeat_interleave(torch.arange(len(kinds)), torch.tensor(kinds)))
        self.weight = nn.Sequential(Fourier(3 if reverse else 1, sigma), nn.Linear(2 * FREQUENCIES, d_edge))
        self.bias = nn.Sequential(Fourier(1, sigma), nn.Linear(2 * FREQUENCIES, d_node))
        self.node_in, self.edge_in = nn.Linear(d_node, d_node), nn.Linear(d_edge, d_edge)

    def forward(self, weights, biases):
        edges = weights[0].new_zeros(len(weights[0]), NODES, NODES, 1)
        nodes = weights[0].new_zeros(len(weights[0]), NODES, 1)
        for i, (w, b) in enumerate(zip(weights, biases)):
            rows = slice(STARTS[i], STARTS[i] + SIZES[i])
            columns = slice(STARTS[i + 1], STARTS[i + 1] + SIZES[i + 1])
            edges[:, rows, columns, 0] = w
            nodes[:, columns, 0] = b
        if self.reverse:
            back = edges.transpose(1, 2)
            edges = torch.cat([edges, back, edges + back], -1)
        return self.node_in(self.bias(nodes)) + self.positions[self.kind], self.edge_in(self.weight(edges))


def random_networks(batch):
    weights = [torch.randn(batch, i, o) * 0.1 for i, o in zip(SIZES, SIZES[1:])]
    return weights, [torch.randn(batch, o) * 0.1 for o in SIZES[1:]]
