"""What a prediction costs, the engine alone, on one core: `python -m benchmarks.engine_predict`.

The data is that of `engine_data`. Each query runs several times and its best times count, by the clock and of the
processor, so that other load on the machine does not appear as variation of the engine. With --profile SIZE it reports
where the time of a prediction goes instead. --contract tells for which version of KATO it predicts.
"""

import argparse
import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.engine_data import Events, Source
from engine import predict, prediction_json
from engine.contracts import CONTRACTS, KATO_3_10, Contract
from engine.index import Index
from engine.warm import warm

TARGETS = {1_000: 1.0, 10_000: 3.0, 100_000: 15.0, 1_000_000: 150.0}
NARROW_TARGETS = {10_000: 15.0}
ZIPF_VOCABULARY, NARROW_VOCABULARY = 5000, 40
BATCH = 20_000
STEPS = {
    predict: ("encode", "choose", "align_members", "measure", "group_futures", "render", "describe_futures"),
    prediction_json: ("write_members", "order_futures", "write_futures"),
}


def predict_once(index: Index, stm: Events, contract: Contract) -> predict.Prediction:
    return predict.predict(index.view(), stm, {}, contract=contract, emotives=lambda names: {})


def grow(index: Index, source: Source, size: int, sample: list[Any]) -> float:
    """Add patterns up to `size`; return the seconds this took. `sample` collects patterns to make queries from."""
    seconds = 0.0
    while len(index.view()) < size:
        rows = source.rows(min(BATCH, size - len(index.view())))
        started = time.perf_counter()
        index.upsert(rows)
        seconds += time.perf_counter() - started
        if len(sample) < 5 * BATCH:
            sample += rows
    return seconds


def best_times(
    index: Index, queries: list[Events], repeats: int, contract: Contract
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Milliseconds by the clock and of the processor, shape (2, queries): for each query the best of `repeats`.

    Freeing the prediction is not included.
    """
    times = np.full((2, len(queries)), np.inf)
    for _ in range(repeats):
        for number, query in enumerate(queries):
            started, used = time.perf_counter(), time.thread_time()
            prediction = predict_once(index, query, contract)
            took = time.perf_counter() - started, time.thread_time() - used
            times[:, number] = np.minimum(times[:, number], np.multiply(took, 1e3))
            del prediction
    return times


def report(
    vocabulary: int, targets: dict[int, float], sizes: list[int], queries: int, repeats: int, contract: Contract
) -> None:
    print(f"\nvocabulary {vocabulary}, {queries} queries, best of {repeats}; milliseconds")
    print(" patterns      p50      p99  p99/p50  target  CPU p50  bytes/pattern  learned/s  learn ms")
    source, index, sample = Source(vocabulary), Index(), list[Any]()
    for size in sizes:
        before = len(index.view())
        seconds = grow(index, source, size, sample)
        gc.collect()
        times, cpu = best_times(index, source.queries(sample, queries), repeats, contract)
        p50, p99 = np.percentile(times, [50, 99])
        [row] = source.rows(1)
        started = time.perf_counter()
        index.upsert([row])
        learn = (time.perf_counter() - started) * 1e3
        index.remove([row[0]])
        print(
            f"{size:>9} {p50:>8.2f} {p99:>8.2f} {p99 / p50:>8.2f} {targets.get(size, float('nan')):>7.0f} "
            f"{np.median(cpu):>8.2f} {index.memory_bytes() / size:>14.0f} {(size - before) / seconds:>10.0f} "
            f"{learn:>9.2f}",
            flush=True,
        )


def profile(size: int, queries: int, repeats: int, contract: Contract) -> None:
    """Print the milliseconds of each step; the steps of `prediction_json` are part of render and describe_futures."""
    source, index, sample = Source(ZIPF_VOCABULARY), Index(), list[Any]()
    grow(index, source, size, sample)
    measured_queries = source.queries(sample, queries)
    best_times(index, measured_queries, 1, contract)
    spent: dict[str, list[float]] = {}
    for module, names in STEPS.items():
        for name in names:
            setattr(module, name, _timed(getattr(module, name), spent.setdefault(name, [])))
    whole, _ = best_times(index, measured_queries, repeats, contract)
    print(f"\n{size} patterns: p50 {np.median(whole):.2f} ms, of which (p50 over the queries, best of {repeats} each)")
    for name, times in spent.items():
        best = np.reshape(times, (repeats, len(measured_queries))).min(axis=0)
        print(f"  {name:<18} {np.median(best) * 1e3:>8.3f}")


def _timed(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def measured(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        result = function(*arguments, **named)
        times.append(time.perf_counter() - started)
        return result

    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", type=int, metavar="SIZE")
    parser.add_argument("--contract", choices=CONTRACTS, default=KATO_3_10.name)
    options = parser.parse_args()
    contract = CONTRACTS[options.contract]
    started = time.perf_counter()
    warm()
    print(f"kernels ready after {time.perf_counter() - started:.1f} s")
    if options.profile:
        profile(options.profile, options.queries, options.repeats, contract)
        return
    sizes = [size for size in TARGETS if size <= options.largest]
    report(ZIPF_VOCABULARY, TARGETS, sizes, options.queries, options.repeats, contract)
    narrow_sizes = [size for size in sizes if size <= max(NARROW_TARGETS)]
    report(NARROW_VOCABULARY, NARROW_TARGETS, narrow_sizes, options.queries, options.repeats, contract)


if __name__ == "__main__":
    main()
