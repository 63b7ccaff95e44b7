"""Open the configured text model."""

from __future__ import annotations

import os
from collections.abc import Mapping

from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.experience import Embedding
from candlegraph.graph.settings.keys import KEY_NAMES, key_of
from candlegraph.memory.embeddings import local, sentence
from candlegraph.memory.embeddings.embedder import Embed, Embedder

BLOCK = "experience_config.rag_config.embedding"


def open_embedder(settings: Embedding, env: Mapping[str, str] = os.environ) -> Embedder | None:
    """Return the text model, None where there is none; raise ConfigError. Nothing is asked yet."""
    if settings.provider == "none":
        return None
    model = local.MODEL if settings.provider == "local" else settings.model
    return Embedder(f"{settings.provider}:{model}", _asker(settings, env))


def _asker(settings: Embedding, env: Mapping[str, str]) -> Embed:
    """Return what asks the model; the HTTP client, which takes 0.2 s, is loaded only if one is needed."""
    if settings.provider == "local":
        return local.asker()
    if settings.provider == "sentence_transformers":
        return sentence.asker(settings.model)
    if settings.provider == "ollama":
        from candlegraph.memory.embeddings import ollama

        key = key_of(settings, BLOCK, env, ())
        return ollama.asker(settings.api_base, settings.model, key, settings.timeout)
    if settings.api_base is None:
        raise ConfigError(
            "config: experience_config.rag_config.embedding.provider = 'openai' needs embedding.api_base "
            "(for example http://127.0.0.1:1234/v1)"
        )
    from candlegraph.memory.embeddings import openai_compatible

    key = key_of(settings, BLOCK, env, KEY_NAMES)
    return openai_compatible.asker(settings.api_base, settings.model, key, settings.timeout)
