"""Open the configured text model."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import SecretStr

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.experience import Embedding
from candlegraph.memory.embeddings import local, ollama, openai_compatible, sentence
from candlegraph.memory.embeddings.embedder import Ask, Embedder

KEY_NAMES = ("CANDLEGRAPH_API_KEY", "OPENAI_API_KEY")


def open_embedder(settings: Embedding, env: Mapping[str, str] = os.environ) -> Embedder | None:
    """Return the text model, None where there is none; raise ConfigError. Nothing is asked yet."""
    if settings.provider == "none":
        return None
    model = local.MODEL if settings.provider == "local" else settings.model
    return Embedder(f"{settings.provider}:{model}", _asker(settings, env))


def key_of(settings: Embedding, env: Mapping[str, str]) -> SecretStr | None:
    """Return the key: of the settings, of the variable that they name, or of the usual ones."""
    if settings.api_key is not None:
        return settings.api_key
    if settings.api_key_env is None:
        return next((SecretStr(env[name]) for name in KEY_NAMES if env.get(name)), None)
    if not env.get(settings.api_key_env):
        raise ConfigError(
            f"config: experience_config.rag_config.embedding.api_key_env: the environment has no {settings.api_key_env}"
        )
    return SecretStr(env[settings.api_key_env])


def _asker(settings: Embedding, env: Mapping[str, str]) -> Ask:
    if settings.provider == "local":
        return local.asker()
    if settings.provider == "sentence_transformers":
        return sentence.asker(settings.model)
    key = key_of(settings, env)
    if settings.provider == "ollama":
        return ollama.asker(settings.api_base, settings.model, key, settings.timeout)
    if settings.api_base is None:
        raise ConfigError(
            "config: experience_config.rag_config.embedding.provider = 'openai' needs embedding.api_base "
            "(for example http://127.0.0.1:1234/v1)"
        )
    return openai_compatible.asker(settings.api_base, settings.model, key, settings.timeout)
