"""What the environment has to do with a connection: proxies and certificates, told with the variable's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from candlegraph.graph.schema.errors import ConfigError

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
CERTIFICATE = re.compile(r"certificate|CERT_|self.signed", re.IGNORECASE)
BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""What the clients read; REQUESTS_CA_BUNDLE is read by others, freqtrade's exchange among them."""


def check_environment(env: Mapping[str, str]) -> None:
    """Raise ConfigError, naming the variable, where no request could ever leave: said once, at the start."""
    for name in PROXIES:
        if (given := env.get(name)) and not _is_proxy(given):
            raise ConfigError(
                f"environment: {name} is no proxy address; expected http://HOST:PORT or socks5://HOST:PORT"
            )
    if (given := env.get("SSL_CERT_FILE")) and not Path(given).is_file():
        raise ConfigError(f"environment: SSL_CERT_FILE = {given}: there is no such file of certificates")
    if (given := env.get("SSL_CERT_DIR")) and not Path(given).is_dir():
        raise ConfigError(f"environment: SSL_CERT_DIR = {given}: there is no such folder of certificates")


def advice_on(url: str, said: str, env: Mapping[str, str]) -> str:
    """Return what the environment has to do with a failed connection, in brackets; empty for nothing."""
    advice = [one for one in (_of_proxy(url, env), _of_certificate(said, env)) if one]
    return f" [{'; '.join(advice)}]" if advice else ""


def _of_proxy(url: str, env: Mapping[str, str]) -> str | None:
    """Return through which proxy a request goes, and which variable says so."""
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.netloc):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
    name = next((one for one in names if env.get(one)), None)
    return None if name is None else f"through the proxy of {name}; NO_PROXY={parts.hostname} goes around it"


def _of_certificate(said: str, env: Mapping[str, str]) -> str | None:
    if not CERTIFICATE.search(said):
        return None
    if name := next((one for one in BUNDLES if env.get(one)), None):
        return f"the certificate is not signed by anyone in {name} = {env[name]}"
    unread = "; REQUESTS_CA_BUNDLE is not read here" if env.get("REQUESTS_CA_BUNDLE") else ""
    return f"the certificate is not trusted: set SSL_CERT_FILE to the file of its authority{unread}"


def _is_proxy(given: str) -> bool:
    """Return whether it can be read; its value is never shown, for it may hold a password."""
    try:
        parts = urlsplit(given if "://" in given else f"http://{given}")
        return parts.scheme in ("http", "https", "socks5", "socks5h") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
