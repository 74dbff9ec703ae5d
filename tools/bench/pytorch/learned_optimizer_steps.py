"""Inner steps of the published task under the per-parameter MLP: forward, backward and update of MLPs 64-32-10, batch 128.

Each network has perturbed meta-parameters of its own, as the particles of an evolution strategy have: `--mode sequential` trains
one after the other, as one would in plain PyTorch; `--mode vectorized` all at once by batched products. Seconds are per inner
step of one network.
"""
import argparse
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["sequential", "vectorized"], required=True)
parser.add_argument("--networks", type=int, default=32)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--calls", type=int, default=5)
settings = parser.parse_args()
# torch.set_num_threads doesn't reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(settings.threads)

import torch
from torch.nn.functional import log_softmax, one_hot

import timing

SIZES = (64, 32, 10)
DECAYS = torch.tensor([0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
TIMES = torch.tensor([1.0, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5])
FEATURES, WIDTH = 2 + len(DECAYS) + len(TIMES), 32


def rms_normalized(x):
    """x: [..., P, C]; each channel by its root mean square over the tensor."""
    return x * torch.rsqrt(x.square().mean(-2, keepdim=True) + 1e-5)


def direction(meta, p, g, momenta, step):
    """p, g: [..., P]; momenta: [..., P, 6]; meta: weights [..., in, out] and biases [..., 1, out]. @returns by how much p moves"""
    own = rms_normalized(torch.cat([g.unsqueeze(-1), p.unsqueeze(-1), momenta], -1))
    time = torch.tanh(step / TIMES - 1).expand(*own.shape[:-1], len(TIMES))
    x = torch.cat([own, time], -1)
    (w1, b1), (w2, b2), (w3, b3) = meta
    x = torch.relu(x @ w1 + b1)
    x = torch.relu(x @ w2 + b2)
    y = x @ w3 + b3
    return y[..., 0] * torch.exp(1e-3 * y[..., 1]) * 1e-3


def draw_meta(*lead):
    sizes = (FEATURES, WIDTH, WIDTH, 2)
    return [(torch.randn(*lead, i, o) / i**0.5, torch.zeros(*lead, 1, o)) for i, o in zip(sizes, sizes[1:])]


def draw_network(*lead):
    shapes = [s for i, o in zip(SIZES, SIZES[1:]) for s in ((i, o), (1, o))]
    return [torch.randn(*lead, *shape) * (2 / shape[0]) ** 0.5 if shape[0] > 1 else torch.zeros(*lead, *shape) for shape in shapes]


def loss_of(params, x, right):
    """@returns mean cross entropy, summed over networks"""
    w1, b1, w2, b2 = params
    logits = torch.relu(x @ w1 + b1) @ w2 + b2
    return -(log_softmax(logits, -1) * right).sum(-1).mean(-1).sum()


def train(meta, params, x, right, lead):
    """All inner steps. @returns the last loss"""
    momenta = [torch.zeros(*lead, p.shape[-2] * p.shape[-1], len(DECAYS)) for p in params]
    for step in range(settings.steps):
        params = [p.detach().requires_grad_() for p in params]
        loss = loss_of(params, x[step], right[step])
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            moved = []
            for i, (p, g) in enumerate(zip(params, grads)):
                flat_p, flat_g = p.reshape(*lead, -1), g.reshape(*lead, -1)
                momenta[i] = momenta[i] * DECAYS + flat_g.unsqueeze(-1) * (1 - DECAYS)
                moved.append((flat_p - direction(meta, flat_p, flat_g, momenta[i], float(step))).reshape(p.shape))
            params = moved
    return loss.item()


def main():
    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    n, k, b = settings.networks, settings.steps, settings.batch
    inputs = torch.rand(n, k, b, SIZES[0])
    right = one_hot(torch.arange(b) % SIZES[-1], SIZES[-1]).float().expand(n, k, b, SIZES[-1])
    if settings.mode == "vectorized":
        meta, params = draw_meta(n), draw_network(n)
        steps = lambda: train(meta, params, inputs.transpose(0, 1), right.transpose(0, 1), (n,))
    else:
        alone = [(draw_meta(), draw_network()) for _ in range(n)]
        steps = lambda: [train(*alone[i], inputs[i], right[i], ()) for i in range(n)]
    seconds = timing.median_seconds(steps, settings.calls) / (n * k)
    before = time.process_time()
    steps()
    timing.report(seconds, {"processor ms per step": 1e3 * (time.process_time() - before) / (n * k)})


if __name__ == "__main__":
    main()
