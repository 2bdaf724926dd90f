"""Whatever goes wrong while perceval talks to a service, as one of our three errors.

Notation: a call *sends* if it creates a job, so that it may be billed. perceval speaks HTTP
through requests, and its own errors often hold no more than a sentence: the answer of the
service is then found on the exception that perceval was handling when it raised.

No message holds the token: what a service, requests or perceval says of it is struck out, and
no exception of theirs stays attached to ours.
"""

from __future__ import annotations

import hashlib
import math
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from quantum_latents.processors.processor import ProcessorError, RetryLater, SubmissionLost
from quantum_latents.processors.rest import one_line

__all__ = ["Answered", "Refused", "ask", "plain", "scrubbed", "within"]

T = TypeVar("T")

_LONGEST = 300
"""Characters of a service's own words that a message repeats."""

_LONG_TEXT = 2000
"""Longer texts of a service (serialised architectures) are recorded by their hash."""

_BUSY = (408, 409, 421, 423, 425, 429)
"""Answers that may be different soon: the service asks for patience."""

_GATEWAY = (502, 504)
"""A gateway got no answer from the service behind it, which may have acted all the same."""


class Refused(ProcessorError):
    """The service answered that it will not, and nothing was accepted.

    Attributes:
        status: the HTTP status of the answer.
        own_words: whether the answer is the service's (JSON) or that of something before it.
    """

    def __init__(self, message: str, status: int, own_words: bool) -> None:
        super().__init__(message)
        self.status = status
        self.own_words = own_words


class Answered(RetryLater):
    """The service answered, but not in its own format."""


def ask(call: Callable[[], T], *, what: str, token: str, seconds: float, sends: bool = False) -> T:
    """Return what a call of perceval returns, or raise one of our errors.

    Args:
        call: what to call.
        what: what it asks, for the message, such as "asking for job 17".
        token: struck out of every message.
        seconds: longest wait. perceval sets no time limit of its own for Scaleway, and requests'
            counts from byte to byte, so that a service could hold the line for ever.
        sends: whether the call creates a job.

    Raises:
        RetryLater: nothing was accepted or lost.
        SubmissionLost: a job was sent and the answer was lost.
        Refused, Answered: see there.
    """
    # Raised outside of the except clause: an exception keeps the one it was raised in, and
    # those of requests hold the request with its headers, the token among them.
    failure: ProcessorError
    try:
        return within(call, seconds)
    except Exception as error:
        failure = _translated(error, what, token, seconds, sends)
    raise failure


def within(call: Callable[[], T], seconds: float) -> T:
    """Return what a call returns, or raise TimeoutError after so many seconds.

    The call goes on in a thread that is left behind, and ends with the process at the latest.

    >>> within(lambda: 3, 10.0)
    3
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:
            answers.put((False, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        returned, value = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if not returned:
        raise value
    return value


def scrubbed(text: object, token: str) -> str:
    r"""Return a service's words on one short line, without the token.

    >>> scrubbed("no\n  such token: s3cret", "s3cret")
    'no such token: [token]'
    """
    words = str(text)
    if token:
        words = words.replace(token, "[token]")
    return one_line(re.sub(r"(?i)(bearer\s+)[^\s\"']+", r"\1[token]", words), _LONGEST)


def plain(value: Any, token: str) -> Any:
    """Return a service's answer as JSON that may be kept: finite, bounded, without the token.

    >>> plain({"a": (1, float("nan")), "b": "x" * 3000}, "")["a"]
    [1, 'nan']
    """
    if isinstance(value, Mapping):
        return {str(plain(str(key), token)): plain(item, token) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, token) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = str(value)
    if len(text) > _LONG_TEXT:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return f"{len(text)} characters, sha256 {digest}"
    return text.replace(token, "[token]") if token else text


def _translated(
    error: Exception, what: str, token: str, seconds: float, sends: bool
) -> ProcessorError:
    import requests

    if isinstance(error, ProcessorError):
        return error
    response = _response_of(error)
    if response is not None and response.status_code != 200:
        return _refusal(response, what, token, sends)
    said = scrubbed(f"{type(error).__name__}: {error}", token)
    if "certificate verify failed" in str(error).lower():
        return ProcessorError(
            f"{what}: the service's certificate cannot be verified, so nothing was sent ({said})"
        )
    if _never_sent(error):
        return RetryLater(f"{what}: no connection ({said})")
    late = _timed_out(error)
    if late:
        said = f"no answer within {seconds:g} s"
    if sends:
        return SubmissionLost(
            f"{what}: sent, but the answer was lost, so the job may run and be billed ({said})"
        )
    # Every error of requests is an OSError: those that are left are answers it could not read.
    if isinstance(error, _interrupted()) or (
        isinstance(error, OSError) and not isinstance(error, requests.RequestException)
    ):
        return RetryLater(f"{what}: {said if late else f'no answer ({said})'}")
    return Answered(f"{what}: the answer is not in the service's own format ({said})")


def _refusal(response: Any, what: str, token: str, sends: bool) -> ProcessorError:
    status = int(response.status_code)
    words, own_words = _words(response, token)
    line = f"{what}: the service answered {status} ({words})"
    if 300 <= status < 400:
        return Refused(f"{line}; no token follows a redirect: give the new address", status, False)
    if sends and status in _GATEWAY:
        return SubmissionLost(f"{line}; the job may have been accepted, and may be billed")
    if status in _BUSY or status >= 500:
        return RetryLater(line, _retry_after(response))
    return Refused(line, status, own_words)


def _words(response: Any, token: str) -> tuple[str, bool]:
    """What the service says, and whether it is JSON, as every answer of its own is."""
    try:
        body = response.json()
    except ValueError:
        return scrubbed(response.text or response.reason or "without a word", token), False
    if isinstance(body, dict):
        said = [str(body[key]) for key in ("error", "message") if body.get(key)]
        if body.get("detail"):
            said.append(str(body["detail"]))
        return scrubbed("; ".join(said) or body, token), True
    return scrubbed(body, token), False


def _retry_after(response: Any) -> float | None:
    """Seconds the service asks to wait; its other form, a date, trusts two clocks to agree."""
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d+)?", value.strip()) else None


def _response_of(error: BaseException) -> Any:
    if isinstance(error, _interrupted()):
        # Raised while perceval dealt with an earlier answer, which is not the answer to this.
        return None
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return response
    return None


def _interrupted() -> tuple[type[BaseException], ...]:
    """The exceptions of a connection that broke or took too long."""
    from requests import exceptions

    broken = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)
    return (*broken, TimeoutError)


def _timed_out(error: BaseException) -> bool:
    """Whether the wait was over: by our clock or by that of requests, whichever rang first."""
    import requests
    from urllib3.exceptions import ReadTimeoutError

    late = (TimeoutError, requests.exceptions.Timeout, ReadTimeoutError)
    inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(error, late) or isinstance(inner, late)  # the latter within an answer's body


def _never_sent(error: BaseException) -> bool:
    """Whether the connection was not even made."""
    import requests
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    unmade = (ConnectTimeoutError, NameResolutionError, NewConnectionError)
    for link in _chain(error):
        if isinstance(link, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
            return True
        reasons = [getattr(argument, "reason", None) for argument in link.args]
        if isinstance(link, unmade) or any(isinstance(reason, unmade) for reason in reasons):
            return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those it was raised in or from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
