"""What cnn_sequential.py and cnn_grouped.py share: settings, and timing of the same work in one or several processes."""
import argparse
import multiprocessing
import os
import time

import timing

CLASSES, SIDE, CHANNELS, RATE = 10, 28, 16, 1e-3


def parse(**defaults):
    parser = argparse.ArgumentParser()
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--calls", type=int, default=9)
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def optimizer(settings, parameters):
    import torch

    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[settings.optimizer]
    return kind(parameters, lr=RATE)


def work(make, settings, barrier, results):
    import torch

    torch.set_num_threads(settings.threads)
    steps, network_steps = make(settings)
    loss = steps()
    found = []
    for _ in range(settings.calls):
        barrier.wait()
        started, used = time.perf_counter(), time.process_time()
        loss = steps()
        barrier.wait()
        found.append((time.perf_counter() - started, time.process_time() - used))
    results.put((found, network_steps, loss, timing.memory()))


def run(make, settings):
    """@param make: from settings to a function that takes some steps, and how many steps of single networks these are"""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    # Threads that wait don't take the processor from the other process.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(settings.processes), context.Queue()
    workers = [context.Process(target=work, args=(make, settings, barrier, results)) for _ in range(settings.processes)]
    for worker in workers:
        worker.start()
    done = [results.get() for _ in workers]
    rounds, network_steps, loss, _ = done[0]
    seconds = sorted(wall for wall, _ in rounds)[len(rounds) // 2] / (network_steps * len(done))
    processor = min(used for own, *_ in done for _, used in own) / network_steps
    timing.report(seconds, {"loss": loss, "processor ms": processor * 1e3}, sum(memory for *_, memory in done))
