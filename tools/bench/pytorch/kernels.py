"""The kernels of libs/compute's benchmark, on the same shapes: `kernels.py <name>`."""
import sys

import torch
from torch.nn.functional import conv2d

import timing

NETWORKS = 64


def inputs(*shapes):
    return [torch.randn(shape) for shape in shapes]


def kernel(name):
    if name == "matmul-square":
        a, b = inputs((2048, 2048), (2048, 2048))
        return lambda: a @ b
    if name == "matmul-tall":
        a, b = inputs((65536, 512), (512, 512))
        return lambda: a @ b
    if name == "stacked-linear":
        x, w, b = inputs((256, 784, 32), (256, 32, 32), (256, 1, 32))
        return lambda: torch.baddbmm(b, x, w.transpose(1, 2))
    if name == "stacked-conv2d":
        x, w, b = inputs((8, NETWORKS * 16, 14, 14), (NETWORKS * 16, 16, 3, 3), (NETWORKS * 16,))
        return lambda: conv2d(x, w, b, groups=NETWORKS)
    if name == "sin":
        (x,) = inputs((4096, 4096))
        return lambda: torch.sin(x)
    if name == "mean-rows":
        (x,) = inputs((64, 32, 32, 512))
        return lambda: x.mean(1)
    raise SystemExit(f"kernels.py: no kernel {name!r}")


torch.set_num_threads(2)
step = kernel(sys.argv[1])
with torch.no_grad():
    timing.report(timing.median_seconds(step, 15))
