"""The client of every OpenAI-compatible endpoint: LangChain binds and converts, what travels is ours.

payload -> body as the profile wants it -> POST -> completion -> AIMessage
                  ^ refused: learn from it once, and send it again
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field

from candlegraph.agents.models.profiles import Profile
from candlegraph.agents.models.wire.bodies import NoCompletion, completion_in, reason_in
from candlegraph.agents.models.wire.endpoint_error import EndpointError, connection_error
from candlegraph.agents.models.wire.failed_generation import failed_answer
from candlegraph.agents.models.wire.reading import answer_in
from candlegraph.agents.models.wire.refusals import EndpointRefusal
from candlegraph.agents.models.wire.shaping import body_of
from candlegraph.graph.settings.addresses import shown_address

MOST_LESSONS = 12
"""Refusals of one request that are learnt from; each is another one, so this only ends what never should be."""
NOT_THERE = frozenset({404, 405})


class CompatibleChat(ChatOpenAI):
    """A chat model at one of `urls`; what its endpoint wants otherwise stands in its profile."""

    urls: tuple[str, ...]
    known: Profile = Field(exclude=True, repr=False)
    """LangChain's own `profile` is about what a model can do."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        payload = self._get_request_payload(messages, stop=stop, **kwargs)
        for _ in range(MOST_LESSONS):
            applied = frozenset(self.known.quirks)
            body = body_of(payload, messages, self.known)
            try:
                tree = await self._completion(body)
                break
            except EndpointError as e:
                is_model = failed_answer(e) is not None  # it says what the model wrote, not what was asked
                if (
                    e.status_code is None
                    or is_model
                    or not self.known.learn(EndpointRefusal(e.status_code, e.reason), body, applied)
                ):
                    raise
        else:
            raise EndpointError(f"{self._shown}: refuses every form of the request", "no form of it is accepted", 400)
        return ChatResult(generations=[ChatGeneration(message=answer_in(tree))])

    async def _completion(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the completion from the address that is there; raise EndpointError."""
        missed = []
        urls = (self.known.url,) if self.known.url else self.urls
        for url in urls:
            try:
                tree = await self._post(url, body)
            except EndpointError as e:
                if not e.is_not_there:
                    self._found(url, e)
                    raise
                missed.append(e)
                continue
            self.known.url = url
            return tree
        if len(missed) == 1:
            raise missed[0]
        raise EndpointError("; ".join(map(str, missed)), missed[0].reason, missed[0].status_code)

    def _found(self, url: str, error: EndpointError) -> None:
        """Stay with an address that answered, be it with a refusal."""
        if error.status_code is not None and error.status_code < 500:
            self.known.url = url

    async def _post(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = await self.root_async_client.post(
                url, body=dict(body), cast_to=httpx2.Response, options={"headers": self._headers()}
            )
        except openai.APIStatusError as e:
            raise EndpointError.of_response(e.response.status_code, url, reason_in(e.response.text), e.response) from e
        except openai.APIConnectionError as e:
            raise connection_error(url, e) from e
        try:
            return completion_in(response.text)
        except NoCompletion as e:
            raise EndpointError.of_answer(url, str(e), e.status, response) from e

    def _headers(self) -> dict[str, Any]:
        """Return the key under the names that some gateways know instead of a bearer token, which they refuse."""
        key = self.openai_api_key
        if "key_header" not in self.known.quirks or key is None or callable(key):
            return {}
        named: dict[str, Any] = {name: key.get_secret_value() for name in ("api-key", "x-api-key")}
        return named | {"Authorization": openai.Omit()}

    @property
    def _shown(self) -> str:
        return shown_address(self.known.url or self.urls[0])
