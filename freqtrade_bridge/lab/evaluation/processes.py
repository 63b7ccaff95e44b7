"""The chains of a plan side by side: in this process, in several of this machine, or on a Ray cluster.

Whatever runs them, a chain's graph is built where it runs, and its results are files: the same to the last digit.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from candlegraph.freqtrade_bridge.lab.evaluation.cells import Chain
from candlegraph.freqtrade_bridge.lab.evaluation.evaluating import Tell
from candlegraph.freqtrade_bridge.lab.evaluation.running import Job, run_chain
from candlegraph.graph.schema.errors import ConfigError


def run_chains(job: Job, chains: Sequence[Chain], tell: Tell, *, on_ray: bool) -> None:
    """Run all chains; the first error ends it, and what was finished stays."""
    finished = _on_ray(job, chains) if on_ray else _here(job, chains)
    for count, chain in enumerate(finished, 1):
        tell(count, len(chains), chain[-1].key)


def _here(job: Job, chains: Sequence[Chain]) -> Iterator[Chain]:
    if job.at_once == 1:
        return (_run(job, chain) for chain in chains)
    from joblib import Parallel, delayed

    side_by_side = Parallel(n_jobs=job.at_once, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1)
    found: Iterator[Chain] = side_by_side(delayed(_run)(job, chain) for chain in chains)
    return found


def _run(job: Job, chain: Chain) -> Chain:
    run_chain(job, chain)
    return chain


def _on_ray(job: Job, chains: Sequence[Chain]) -> Iterator[Chain]:
    """Yield chains as they end, on the cluster of RAY_ADDRESS, else on one that is started here."""
    if find_spec("ray") is None:
        raise ConfigError("evaluate: --ray: its package is not installed: pip install 'candlegraph[ray]'")
    ray: Any = import_module("ray")
    if not ray.is_initialized():
        own = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": job.at_once, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    run = ray.remote(num_cpus=1, max_retries=0)(_run)
    waiting = [run.remote(job, chain) for chain in chains]
    try:
        while waiting:
            (done,), waiting = ray.wait(waiting)
            yield ray.get(done)
    except ray.exceptions.RayTaskError as e:
        raise e.cause from None
    finally:
        for left in waiting:
            ray.cancel(left, force=True)
