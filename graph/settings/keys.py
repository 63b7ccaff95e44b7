"""The one way to an endpoint's key, whichever client sends it; no message ever shows a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from candlegraph.graph.schema.errors import ConfigError

OURS, OPENAIS = "CANDLEGRAPH_API_KEY", "OPENAI_API_KEY"
KEY_NAMES = (OURS, OPENAIS)
"""Where a key is looked for that no setting names; the second one is for OpenAI-compatible endpoints only."""


class Keyed(Protocol):
    """Settings of whatever is reached with a key."""

    @property
    def api_key(self) -> SecretStr | None:
        """Return the key that is written in the configuration."""

    @property
    def api_key_env(self) -> str | None:
        """Return the name of the environment variable that holds it."""


def key_of(settings: Keyed, block: str, env: Mapping[str, str], names: tuple[str, ...]) -> SecretStr | None:
    """Return the written key, else that of the named variable, else the first of `names` that is set.

    `block` is where the settings stand, for messages. `names` are fewer where a key that was meant for OpenAI must not
    travel to another company or server. A blank key is none.
    """
    if settings.api_key is not None and (written := sendable(settings.api_key.get_secret_value(), f"{block}.api_key")):
        return written
    if settings.api_key_env is None:
        return next((found for name in names if (found := sendable(env.get(name, ""), name))), None)
    named = sendable(env.get(settings.api_key_env, ""), settings.api_key_env)
    if named is None:
        raise ConfigError(
            f"config: {block}.api_key_env = {settings.api_key_env!r}: this environment variable is not set"
        )
    return named


def sendable(key: str, where: str) -> SecretStr | None:
    """Return `key` as a header may carry it, None for a blank one; HTTP clients quote a bad one in their errors."""
    trimmed = key.strip()
    if not trimmed.isascii() or not trimmed.isprintable() or " " in trimmed:
        raise ConfigError(
            f"config: the key in {where} has characters that no key has (a line break, a space, a letter that is not "
            "ASCII): copy it anew"
        )
    return SecretStr(trimmed) if trimmed else None
