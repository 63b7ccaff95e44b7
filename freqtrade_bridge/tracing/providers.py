"""Whose model answered, by the names of OpenTelemetry's GenAI conventions, which LangSmith shows as they are."""

from __future__ import annotations

import re

from candlegraph.agents.models.providers import provider_of
from candlegraph.graph.settings.llm import ModelSettings

HOSTS = {
    "anthropic": r"anthropic\.com",
    "azure.ai.openai": r"\.azure(-api)?\.(com|net|us|cn)",
    "cohere": r"cohere\.(com|ai)",
    "deepseek": r"deepseek\.com",
    "gcp.gemini": r"generativelanguage\.googleapis\.com",
    "groq": r"groq\.com",
    "mistral_ai": r"mistral\.ai",
    "perplexity": r"perplexity\.ai",
    "x_ai": r"\bx\.ai",
}
"""Endpoints that speak OpenAI's protocol and are known by name; any other is `openai`, whose protocol it speaks."""
NAMES = {"mistralai": "mistral_ai", "google_genai": "gcp.gemini", "xai": "x_ai", "bedrock": "aws.bedrock"}
"""LangChain's names of providers that the conventions call otherwise."""


def provider_told(model: ModelSettings) -> str:
    """Return the provider of a model; `policy` is the offline rule."""
    named = provider_of(model)
    if named != "openai" or model.api_base is None:
        return NAMES.get(named, named)
    host = re.sub(r"^\w+://", "", model.api_base).partition("/")[0]
    return next((name for name, known in HOSTS.items() if re.search(known, host)), named)
