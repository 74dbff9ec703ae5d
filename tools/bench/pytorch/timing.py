"""What every script prints: one line of JSON as the TypeScript side measures it."""
import json
import resource
import statistics
import time


def memory():
    """Peak of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def median_seconds(step, calls):
    """The first call warms up and is not counted."""
    step()
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def report(seconds, values=None, memory_bytes=None):
    print(json.dumps({"seconds": seconds, "memory": memory_bytes or memory(), "values": values or {}}))
