"""Open the configured chat model: an OpenAI-compatible endpoint, or the policy rule in process."""

from __future__ import annotations

import os
from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.errors import ConfigError
from candlegraph.graph.settings import LlmConfig

KEY_NAMES = ("CANDLEGRAPH_API_KEY", "OPENAI_API_KEY")
POLICY = "policy"


def open_model(config: LlmConfig, env: Mapping[str, str] = os.environ) -> BaseChatModel:
    """Return the chat model of `config`; raise ConfigError where an endpoint is needed and none is named.

    Retries are the client's (`retry_times`); `timeout` is per attempt.
    """
    if config.api_base is None and config.model == POLICY:
        return PolicyModel()
    if config.api_base is None:
        raise ConfigError(
            f"config: llm_config.model = {config.model!r} needs llm_config.api_base "
            f"(for example https://api.openai.com/v1); without one only {POLICY!r} is valid"
        )
    return ChatOpenAI(
        base_url=base_url(config.api_base),
        api_key=config.api_key or key_of(env),
        model=config.model,
        temperature=config.temperature,
        max_completion_tokens=config.max_tokens,
        timeout=config.timeout,
        max_retries=config.retry_times,
        use_responses_api=False,
    )


def key_of(env: Mapping[str, str]) -> SecretStr:
    """Return the key of the environment; servers on loopback need none, and get a word that says so."""
    return SecretStr(next((env[name] for name in KEY_NAMES if env.get(name)), "none"))


def base_url(api_base: str) -> str:
    """Return `api_base` ending in /v1, whether it was written with it or without."""
    trimmed = api_base.rstrip("/")
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"
