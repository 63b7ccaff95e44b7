"""`monitoring`: where machines may look at a running bot, and whom it calls."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from candlegraph.graph.settings.block import Block


class Monitoring(Block):
    """Doors of a live or dry-run bot for a monitor; all closed by default."""

    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Prometheus text at `http://ADDRESS:PORT/metrics`; a port that is taken refuses the start.",
    )
    metrics_address: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Where that port listens; `0.0.0.0` for a container that is asked from outside. It has no "
        "password.",
    )
    ping_url: SecretStr | None = Field(
        None,
        description=(
            "Called (GET, in the background) after each decided candle: a monitor that is no longer called raises "
            "the alarm. Better in the environment, as `FREQTRADE__MONITORING__PING_URL`; never shown."
        ),
    )

    @field_validator("ping_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("expected an address that begins with http:// or https://")
        return url
