"""What an attempt's exception means: another attempt or not, after which pause, whose fault; no key is ever quoted."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from candlegraph.agents.models.failures import failure_of, retry_after

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
KEY = "sk-abcdefghijklmnop"


class Refused(Exception):
    def __init__(self, status=None, text="refused", **headers):
        super().__init__(text)
        if status is not None:
            self.status_code = status
        self.response = SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 599, None, -1, "odd"])
def test_these_may_pass(status):
    found = failure_of(Refused(status), (), NOW)
    assert (found.is_retryable, found.is_endpoints) == (True, True)


@pytest.mark.parametrize("status, is_endpoints", [(400, False), (413, False), (422, False), (401, True), (404, True)])
def test_these_will_not_pass_and_some_are_not_the_endpoints_fault(status, is_endpoints):
    found = failure_of(Refused(status), (), NOW)
    assert (found.is_retryable, found.is_endpoints) == (False, is_endpoints)


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": format_datetime(NOW + timedelta(seconds=7), usegmt=True)}, 7.0),
        ({"retry_after": format_datetime(NOW + timedelta(seconds=7)).replace("+0000", "-0000")}, 7.0),
        ({"retry_after": format_datetime(NOW - timedelta(seconds=7), usegmt=True)}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "-5"}, None),
    ],
)
def test_the_endpoint_may_say_how_long_to_wait(headers, seconds):
    assert failure_of(Refused(429, **headers), (), NOW).retry_after == seconds


@example("99999999999 Jan 2024 00:00:00")
@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,12} (Jan|Feb) \d{1,5} \d\d:\d\d:\d\d [+-]\d{1,12}"))
def test_no_retry_after_header_raises(given):
    found = retry_after(Refused(429, retry_after=given), NOW)
    assert found is None or found >= 0


def test_an_error_is_one_short_line_without_the_key():
    found = failure_of(Refused(401, f"Incorrect API key provided: {KEY}.\n{'x' * 2000}"), (KEY,), NOW).text
    assert found.startswith("Refused 401: Incorrect API key provided: ***. x")
    assert "\n" not in found and len(found) <= 400


@given(st.integers(0, 400))
def test_not_even_a_part_of_a_key_is_left_where_an_error_is_cut(offset):
    assert "sk-" not in failure_of(Refused(401, "x" * offset + KEY), (KEY,), NOW).text


@pytest.mark.parametrize("secrets", [(KEY, KEY + "-2"), (KEY + "-2", KEY)])
def test_of_two_keys_that_begin_alike_nothing_is_left(secrets):
    assert failure_of(Refused(401, f"bad {KEY}-2"), secrets, NOW).text == "Refused 401: bad ***"


def test_an_error_without_words_is_named():
    assert failure_of(ConnectionResetError(), (), NOW).text == "ConnectionResetError: no message"


def test_a_connection_error_says_what_lies_behind_it():
    error = ConnectionError("Connection error.")
    error.__cause__ = OSError("failed")
    error.__cause__.__cause__ = ConnectionRefusedError(f"refused with {KEY}")
    found = failure_of(error, (KEY,), NOW).text
    assert found == "ConnectionError: Connection error. (ConnectionRefusedError: refused with ***)"


@pytest.mark.parametrize("error", [IndexError("out of range"), ValueError("no JSON"), RecursionError("deep")])
def test_a_body_that_is_no_answer_is_called_one(error):
    found = failure_of(error, (), NOW)
    assert found.text == f"unreadable answer: {type(error).__name__}: {error}"
    assert found.is_retryable
