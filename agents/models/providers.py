"""Open one configured chat model: the policy rule, OpenAI-compatible, Ollama, local, or any that LangChain knows.

Retries and the time-out of an attempt are the ladder's, so every client tries once.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr, ValidationError

from candlegraph.agents.models.local import local_url
from candlegraph.agents.models.policy import PolicyModel
from candlegraph.agents.models.profiles import Profile, profile_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.addresses import parsed_address, urls_of
from candlegraph.graph.settings.keys import KEY_NAMES, OURS, key_of
from candlegraph.graph.settings.llm import ModelSettings
from candlegraph.graph.settings.network import check_environment

BLOCK = "llm_config"
POLICY = "policy"
NO_KEY = "none"
"""Servers on loopback need no key, and get a word that says so."""
OPENAI, OLLAMA = "https://api.openai.com/v1", "http://127.0.0.1:11434"
LANGCHAIN = "langchain.chat_models"
ENDPOINT_NAMES = {"azure_openai": "azure_endpoint"}
"""How a provider of LangChain calls its endpoint, where it is not `base_url`."""
SECRET_NAME = re.compile(r"api_?key|access_?key|token$|secret|password|authorization", re.IGNORECASE)
SHORTEST_SECRET = 4
"""A shorter key, as servers on loopback get one, hides nothing, but would blot out half of a message."""


@dataclass(frozen=True)
class Bearer:
    """Adds the key to a request; a header among the client's arguments would stand in its repr."""

    key: SecretStr

    def __call__(self, request: Any) -> Any:
        """Return the httpx request with the key."""
        request.headers["Authorization"] = f"Bearer {self.key.get_secret_value()}"
        return request


def open_model(settings: ModelSettings, env: Mapping[str, str] = os.environ) -> BaseChatModel:
    """Return the chat model of `settings`; raise ConfigError, naming the key, where it cannot be opened."""
    _refuse_secrets(settings)
    if settings.provider not in (POLICY, "local"):
        check_environment(env)
    match provider_of(settings):
        case "policy":
            return PolicyModel()
        case "local":
            return _openai(settings, local_url(), SecretStr(NO_KEY))
        case "openai":
            return _openai(
                settings, settings.api_base or OPENAI, key_of(settings, BLOCK, env, KEY_NAMES) or SecretStr(NO_KEY)
            )
        case "ollama":
            return _ollama(settings, key_of(settings, BLOCK, env, ()))
        case provider:
            return _langchain(settings, provider, key_of(settings, BLOCK, env, (OURS,)))


def provider_of(settings: ModelSettings) -> str:
    """Return the provider; `auto` is the policy rule or an OpenAI-compatible endpoint."""
    if settings.provider != "auto":
        return settings.provider
    if settings.api_base is not None:
        return "openai"
    if settings.model == POLICY:
        return POLICY
    raise ConfigError(
        f"config: llm_config.model = {settings.model!r} needs llm_config.api_base "
        f"(for example {OPENAI}) or llm_config.provider; without them only {POLICY!r} is valid"
    )


def secrets_of(settings: ModelSettings, env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return every key that this model may send: ours, and for LangChain's providers those of their own variables."""
    if settings.provider in (POLICY, "local"):
        return ()
    names = {settings.api_key_env or "", *KEY_NAMES}
    if settings.provider not in ("auto", "openai"):
        names |= {name for name in env if SECRET_NAME.search(name)}
    written = settings.api_key.get_secret_value() if settings.api_key else ""
    found = {one.strip() for one in (written, *(env.get(name, "") for name in names))}
    return tuple(sorted(one for one in found if len(one) >= SHORTEST_SECRET))


def profile_for(settings: ModelSettings) -> Profile:
    """Return what the process knows of the model at its endpoint."""
    named = settings.model if settings.provider == "auto" else settings.provider
    return profile_of(settings.api_base or named, settings.model)


def _refuse_secrets(settings: ModelSettings) -> None:
    """Raise ConfigError where a key stands in a place that logs and cassettes show, without showing it."""
    if named := [name for name in settings.options if SECRET_NAME.search(name)]:
        raise ConfigError(f"config: llm_config.options.{named[0]}: keys belong into the environment")
    if settings.api_base is not None:
        parsed_address(settings.api_base, f"{BLOCK}.api_base")


def _openai(settings: ModelSettings, api_base: str, key: SecretStr) -> BaseChatModel:
    from candlegraph.agents.models.wire.compatible import CompatibleChat  # here: the rule needs no client, 1 s of CPU

    return CompatibleChat(
        urls=urls_of(api_base, f"{BLOCK}.api_base", "chat/completions"),
        known=profile_for(settings),
        base_url=api_base,
        api_key=key,
        model=settings.model,
        temperature=settings.temperature,
        max_completion_tokens=settings.max_tokens,
        timeout=settings.timeout,
        max_retries=0,
        use_responses_api=False,
        extra_body=settings.options or None,
    )


def _ollama(settings: ModelSettings, key: SecretStr | None) -> BaseChatModel:
    try:
        client = importlib.import_module("langchain_ollama").ChatOllama
    except ImportError as e:
        raise ConfigError("config: llm_config.provider = 'ollama' needs: pip install 'candlegraph[ollama]'") from e
    sent: dict[str, Any] = {"timeout": settings.timeout}
    if key is not None:
        sent["auth"] = Bearer(key)
    arguments = {
        "model": settings.model,
        "base_url": (settings.api_base or OLLAMA).rstrip("/").removesuffix("/v1"),
        "temperature": settings.temperature,
        "num_predict": settings.max_tokens,
        "client_kwargs": sent,
    }
    return _opened(settings, client, arguments)


def _langchain(settings: ModelSettings, provider: str, key: SecretStr | None) -> BaseChatModel:
    try:
        client = importlib.import_module(LANGCHAIN).init_chat_model
    except ImportError as e:
        raise ConfigError(
            f"config: llm_config.provider = {provider!r} is none of auto, openai, ollama, policy, local; "
            "for those of LangChain: pip install 'candlegraph[providers]'"
        ) from e
    arguments: dict[str, Any] = {
        "model": settings.model,
        "model_provider": provider,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "timeout": settings.timeout,
        "max_retries": 0,
    }
    if key is not None:
        arguments["api_key"] = key
    if settings.api_base is not None:
        arguments[ENDPOINT_NAMES.get(provider, "base_url")] = settings.api_base
    return _opened(settings, client, arguments)


def _opened(settings: ModelSettings, client: Any, arguments: dict[str, Any]) -> BaseChatModel:
    """Return the client's model; what it refuses is told without the values, among which is the key."""
    import openai

    where = f"config: llm_config.provider = {settings.provider!r}"
    try:
        given = {name: value for name, value in (arguments | settings.options).items() if value is not None}
        model = client(**given)
    except ImportError as e:
        raise ConfigError(f"{where}: {e}") from e
    except ValidationError as e:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in e.errors())
        raise ConfigError(f"{where}: {said}") from None
    except (ValueError, TypeError, openai.OpenAIError) as e:
        raise ConfigError(f"{where}: {' '.join(str(e).split())}") from e
    assert isinstance(model, BaseChatModel)
    return model
