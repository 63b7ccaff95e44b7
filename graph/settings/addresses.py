"""An endpoint's address as its users write it, and the URLs that it may mean, in the order in which they are tried."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

from candlegraph.graph.schema.errors import ConfigError

VERSION = re.compile(r"(^|/)v\d+\w*(/|$)", re.IGNORECASE)
SECRET = re.compile(r"key|token|secret|sig|auth|pass|code|credential", re.IGNORECASE)
"""Names in a query that hold what no address may hold: addresses stand in logs."""


def parsed_address(api_base: str, key: str) -> SplitResult:
    """Return the parts of an address; raise ConfigError, naming the configuration `key`, where it is none or secret."""
    try:
        parts = urlsplit(api_base.strip())
        _ = parts.port
    except ValueError as e:
        raise ConfigError(f"config: {key} is no URL") from e
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if "@" in parts.netloc or any(SECRET.search(name) for name in names) or (parts.query and not names):
        raise ConfigError(
            f"config: {key} holds a user name, or a key in its query: keys go into the environment "
            "(a query such as ?api-version=2024-10-21 is valid)"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"config: {key} = {api_base!r} must begin with http:// or https://, such as http://127.0.0.1:1234/v1"
        )
    return parts


def urls_of(api_base: str, key: str, method: str) -> tuple[str, ...]:
    """Return the URLs under which `method` ("chat/completions", "embeddings") may lie, the likeliest first.

    One with the method, or with a version, is taken as it is; one with a path is, and then tried with /v1 behind it;
    a bare host is tried with /v1 and without.
    """
    parts = parsed_address(api_base, key)
    path = parts.path.rstrip("/")
    if path.endswith(f"/{method}"):
        roots = [path.removesuffix(f"/{method}")]
    elif VERSION.search(path):
        roots = [path]
    else:
        roots = [path, f"{path}/v1"] if path else ["/v1", ""]
    return tuple(parts._replace(path=f"{root}/{method}", fragment="").geturl() for root in roots)


def shown_address(url: str) -> str:
    """Return an address for messages, without its query."""
    return urlsplit(url)._replace(query="", fragment="").geturl()
