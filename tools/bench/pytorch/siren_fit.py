"""Fits SIRENs 2-32-32-1 to MNIST digits in the DWS recipe, batched: the counterpart of libs/zoo's `fitSirens`.

The networks of a group are stacked and each step is one forward, one backward and one Adam update for all of them.
"""
import argparse
import math
import multiprocessing
import os
import time

import numpy
import torch

import timing

OMEGA, HIDDEN, SIDE = 30.0, 32, 28


def digits(path, first, count):
    with open(path, "rb") as file:
        file.seek(16 + first * SIDE * SIDE)
        pixels = numpy.frombuffer(file.read(count * SIDE * SIDE), numpy.uint8)
    return torch.from_numpy(pixels.reshape(count, SIDE * SIDE, 1).astype(numpy.float32) / 255)


def rate_at(step, settings):
    """Linear warm-up, then a cosine down to a share of the peak: libs/zoo's `sirenRate`."""
    fall = settings.floor + (1 - settings.floor) * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return settings.rate * min(1, (step + 1) / settings.warm_up) * fall


def fit(target, steps, settings, generator):
    """Returns each network's mean squared error at the end."""
    count = len(target)
    uniform = lambda shape, bound: (torch.rand(shape, generator=generator) * 2 - 1) * bound
    first, later = math.sqrt(6 / 2) / OMEGA, math.sqrt(6 / HIDDEN) / OMEGA
    params = [
        uniform((count, 2, HIDDEN), first),
        torch.zeros(count, 1, HIDDEN),
        uniform((count, HIDDEN, HIDDEN), later),
        torch.zeros(count, 1, HIDDEN),
        uniform((count, HIDDEN, 1), later),
        torch.zeros(count, 1, 1),
    ]
    for p in params:
        p.requires_grad_(True)
    axis = torch.linspace(-1, 1, SIDE)
    x = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, -1, 2).expand(count, -1, -1).contiguous()
    adam = torch.optim.Adam(params, lr=settings.rate, betas=(settings.beta1, settings.beta2))

    def errors():
        w1, b1, w2, b2, w3, b3 = params
        h = torch.sin(OMEGA * torch.baddbmm(b1, x, w1))
        h = torch.sin(OMEGA * torch.baddbmm(b2, h, w2))
        return ((torch.baddbmm(b3, h, w3) + 0.5 - target) ** 2).mean((1, 2))

    for step in range(steps):
        adam.param_groups[0]["lr"] = rate_at(step, settings)
        adam.zero_grad()
        errors().sum().backward()
        adam.step()
    with torch.no_grad():
        return errors()


def work(part, settings, barrier, results):
    torch.set_num_threads(settings.threads)
    generator = torch.Generator().manual_seed(part)
    share = settings.count // settings.processes
    target = digits(settings.images, part * share, share)
    fit(target[: settings.group], 3, settings, generator)
    barrier.wait()
    losses = [fit(group, settings.steps, settings, generator) for group in target.split(settings.group)]
    barrier.wait()
    results.put((torch.cat(losses).tolist(), timing.memory()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", required=True, help="train-images-idx3-ubyte")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, required=True, help="peak of Adam's rate")
    parser.add_argument("--warm-up", type=int, required=True, help="steps in which the rate rises")
    parser.add_argument("--floor", type=float, required=True, help="share of the peak at the end")
    parser.add_argument("--beta1", type=float, required=True)
    parser.add_argument("--beta2", type=float, required=True)
    parser.add_argument("--group", type=int, default=64, help="networks per batched fit")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1)
    settings = parser.parse_args()
    # torch.set_num_threads doesn't reach OpenBLAS, which reads this when a worker starts.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(settings.processes + 1), context.Queue()
    workers = [
        context.Process(target=work, args=(part, settings, barrier, results)) for part in range(settings.processes)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    found = [results.get() for _ in workers]
    psnr = numpy.median([-10 * math.log10(loss) for losses, _ in found for loss in losses])
    timing.report(seconds / (settings.count * settings.steps), {"psnr": float(psnr)}, sum(m for _, m in found))


if __name__ == "__main__":
    main()
