"""Open one configured chat model: an OpenAI-compatible endpoint, or the policy rule in process."""

from __future__ import annotations

import os
from collections.abc import Mapping

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.errors import ConfigError
from candlegraph.graph.llm_settings import ModelSettings

KEY_NAMES = ("CANDLEGRAPH_API_KEY", "OPENAI_API_KEY")
POLICY = "policy"


def open_model(settings: ModelSettings, env: Mapping[str, str] = os.environ) -> BaseChatModel:
    """Return the chat model of `settings`; raise ConfigError where an endpoint is needed and none is named.

    Retries and the time-out of an attempt are the ladder's, so the client itself tries once.
    """
    if settings.api_base is None and settings.model == POLICY:
        return PolicyModel()
    if settings.api_base is None:
        raise ConfigError(
            f"config: llm_config.model = {settings.model!r} needs llm_config.api_base "
            f"(for example https://api.openai.com/v1); without one only {POLICY!r} is valid"
        )
    return ChatOpenAI(
        base_url=base_url(settings.api_base),
        api_key=settings.api_key or key_of(env),
        model=settings.model,
        temperature=settings.temperature,
        max_completion_tokens=settings.max_tokens,
        timeout=settings.timeout,
        max_retries=0,
        use_responses_api=False,
    )


def key_of(env: Mapping[str, str]) -> SecretStr:
    """Return the key of the environment; servers on loopback need none, and get a word that says so."""
    return SecretStr(next((env[name] for name in KEY_NAMES if env.get(name)), "none"))


def base_url(api_base: str) -> str:
    """Return `api_base` ending in /v1, whether it was written with it or without."""
    trimmed = api_base.rstrip("/")
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"
