"""What went wrong at an address, with its reason: every failure of an OpenAI-compatible endpoint is one of these."""

from __future__ import annotations

import os
import re
from typing import Any

from candlegraph.graph.settings.addresses import shown_address
from candlegraph.graph.settings.network import advice_on

OF_MODELS = re.compile(r"model|deployment|模型", re.IGNORECASE)


class EndpointError(Exception):
    """One failed request: its status if there is one, the server's words, and the response with its headers."""

    def __init__(self, text: str, reason: str, status: int | None = None, response: Any = None) -> None:
        super().__init__(text)
        self.reason, self.status_code, self.response = reason, status, response
        self.is_page = False

    @classmethod
    def of_response(cls, status: int, url: str, reason: str, response: Any) -> EndpointError:
        """Return the error of a response with a status of an error."""
        error = cls(f"{status} from {shown_address(url)}: {reason or 'no reason given'}", reason, status, response)
        error.is_page = reason.startswith("a page, ")
        return error

    @classmethod
    def of_answer(cls, url: str, reason: str, status: int | None, response: Any) -> EndpointError:
        """Return the error of a response that is well by its status, and holds no completion; it may name a status."""
        named = f", error {status} in it" if status else ""
        text = f"unreadable answer: 200 from {shown_address(url)}{named}: {reason}"
        error = cls(text, reason, status, response)
        error.is_page = "a page, " in reason
        return error

    @property
    def is_not_there(self) -> bool:
        """Return whether nothing of ours lies at the address; a model that is not there is another matter."""
        if self.is_page and self.status_code in (None, 404, 405):
            return True
        return self.status_code in (404, 405) and not OF_MODELS.search(self.reason)


def connection_error(url: str, error: BaseException) -> EndpointError:
    """Return the error of a request without a response: its root, and what of the environment has to do with it."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    said = " ".join(str(root).split()) or "no message"
    advice = advice_on(url, said, os.environ)
    text = f"Connection error at {shown_address(url)}: {type(root).__name__}: {said}{advice}"
    return EndpointError(text, said)
