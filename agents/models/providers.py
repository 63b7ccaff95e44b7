"""Open one configured chat model: the policy rule, OpenAI-compatible, Ollama, local, or any that LangChain knows.

Retries and the time-out of an attempt are the ladder's, so every client tries once.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from pydantic import SecretStr, ValidationError

from candlegraph.agents.models.answers import REASONING
from candlegraph.agents.models.local import local_url
from candlegraph.agents.models.policy import PolicyModel
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.keys import KEY_NAMES, OURS, key_of
from candlegraph.graph.settings.llm import ModelSettings

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


class ThinkingChatOpenAI(ChatOpenAI):
    """Keeps the thoughts that compatible endpoints send beside the text; LangChain drops them."""

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        tree = response if isinstance(response, dict) else response.model_dump(warnings=False)
        mark_no_objects(tree)
        result = super()._create_chat_result(tree, generation_info)
        for generation, choice in zip(result.generations, tree["choices"], strict=True):
            said = choice["message"]
            thoughts = said.get("reasoning_content") or said.get("reasoning")  # DeepSeek, llama.cpp; OpenRouter, vLLM
            if isinstance(thoughts, str) and isinstance(generation.message, AIMessage):
                generation.message.additional_kwargs[REASONING] = thoughts
        return result


def mark_no_objects(tree: dict[str, Any]) -> None:
    """Make arguments that are JSON but no object unreadable: LangChain would raise, and the model could not be told."""
    messages = [one.get("message") for one in tree.get("choices") or [] if isinstance(one, dict)]
    calls = [call for said in messages if isinstance(said, dict) for call in said.get("tool_calls") or []]
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and not is_object(function.get("arguments")):
            function["arguments"] = f"no object: {function.get('arguments')}"


def is_object(arguments: Any) -> bool:
    """Return whether the text is a JSON object, or no JSON at all, which LangChain reads well enough."""
    try:
        return isinstance(json.loads(arguments or "null", strict=False), dict)
    except RecursionError:
        return False
    except (ValueError, TypeError):
        return isinstance(arguments, str)


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


def base_url(api_base: str) -> str:
    """Return `api_base` ending in /v1, whether it was written with it or without."""
    trimmed = api_base.rstrip("/")
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def _refuse_secrets(settings: ModelSettings) -> None:
    """Raise ConfigError where a key stands in a place that logs and cassettes show, without showing it."""
    if named := [name for name in settings.options if SECRET_NAME.search(name)]:
        raise ConfigError(f"config: llm_config.options.{named[0]}: keys belong into the environment")
    if settings.api_base is None:
        return
    try:
        parts = urlsplit(settings.api_base)
    except ValueError as e:
        raise ConfigError("config: llm_config.api_base is no URL") from e
    if "@" in parts.netloc or parts.query:
        raise ConfigError(
            "config: llm_config.api_base holds a user name, a key or a query: keys go into the environment"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"config: llm_config.api_base = {settings.api_base!r} must begin with http:// or https://")


def _openai(settings: ModelSettings, api_base: str, key: SecretStr) -> BaseChatModel:
    return ThinkingChatOpenAI(
        base_url=base_url(api_base),
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
    arguments = {
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
    where = f"config: llm_config.provider = {settings.provider!r}"
    try:
        model = client(**arguments | settings.options)
    except ImportError as e:
        raise ConfigError(f"{where}: {e}") from e
    except ValidationError as e:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in e.errors())
        raise ConfigError(f"{where}: {said}") from None
    except (ValueError, TypeError, openai.OpenAIError) as e:
        raise ConfigError(f"{where}: {' '.join(str(e).split())}") from e
    assert isinstance(model, BaseChatModel)
    return model
