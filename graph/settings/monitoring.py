"""`monitoring`: where machines may look at a running bot, and whom it calls."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from candlegraph.graph.settings.block import Block


class Monitoring(Block):
    """Doors of a live or dry-run bot for a monitor; all closed by default."""

    metrics_port: int | None = Field(None, ge=1, le=65535, description="serves Prometheus text there; None: not")
    metrics_address: str = Field(
        "127.0.0.1", min_length=1, description="0.0.0.0 where a container is asked from outside"
    )
    ping_url: SecretStr | None = Field(
        None, description="called after each decided candle, so that a monitor misses a bot that is dead; None: nobody"
    )

    @field_validator("ping_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("expected an address that begins with http:// or https://")
        return url
