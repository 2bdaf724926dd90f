"""One exchange of JSON with a service: bounded, verified, and with its secret kept.

A token is a bearer token. It is sent to the configured origin (scheme, host and port) alone: no
redirect is followed, certificates are verified, and without TLS it goes to this machine only.
Whatever a service answers, even an echo of the token, is scrubbed of it before anyone sees it.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import re
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from quantum_latents.processors.processor import ProcessorError, RetryLater

__all__ = ["MOST_BYTES", "Answer", "RestService", "Unanswered", "one_line"]

MOST_BYTES = 64 * 2**20
"""Largest answer that is read: a job of 100,000 shots in 500 modes."""

_LONGEST_ANSWER = 600.0
"""Seconds in which an answer must have arrived in full, however slowly it drips."""

_CONNECT_SECONDS = 10.0


class Unanswered(Exception):
    """A request was sent, and no whole answer came back."""


class _TooLarge(ProcessorError):
    """An answer that was not read to its end."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answered.

    Attributes:
        status: of HTTP.
        content: the JSON of the body, scrubbed; None if the body is not JSON.
        retry_after: seconds that the service asks to wait, at least 0; None if it does not.
        location: where a redirect leads, without what follows the path; "" if nowhere.
    """

    status: int
    content: Any
    retry_after: float | None
    location: str


class RestService:
    """A service at a base address, with or without a token.

    Args:
        url: base address, such as ``https://host/path``.
        token: the bearer token; None for none.
        name: what to call the service in messages.
        token_variable: the environment variable that a user sets the token with.

    Raises:
        ImportError: requests is not installed.
        ValueError: an address with credentials, a query or a fragment, of another scheme, or
            without TLS while there is a token to be sent over a network.
    """

    def __init__(self, url: str, token: str | None, *, name: str, token_variable: str) -> None:
        try:
            import requests
        except ImportError:
            raise ImportError(
                f"{name} is asked by requests: pip install 'quantum-latents[orca]'"
            ) from None
        self.name, self._token_variable = name, token_variable
        self._token = _checked_token(token, token_variable)
        self.address = _checked_address(url, self._token is not None, token_variable)
        self._requests = requests
        loopback = _is_loopback(urlsplit(self.address).hostname or "")
        self._polling = requests.Session()
        self._polling.trust_env = not loopback

    def __repr__(self) -> str:
        return f"RestService({self.address!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a connection to a service holds a token, and is not to be written down")

    @property
    def has_token(self) -> bool:
        """Whether there is a token to send."""
        return self._token is not None

    def get(self, path: str, *, read_seconds: float = 30.0) -> Answer:
        """Return the answer to a GET.

        Raises:
            RetryLater: no connection, or no whole answer in time.
            ProcessorError: what no second try mends: a certificate, an answer too large.
        """
        try:
            return self._exchange(self._polling, "GET", path, None, read_seconds)
        except Unanswered as error:
            raise RetryLater(str(error)) from None

    def post(self, path: str, body: Any, *, read_seconds: float = 60.0) -> Answer:
        """Return the answer to a POST of JSON.

        A connection of its own: one that the service closed while it lay idle would leave open
        whether the request arrived.

        Raises:
            RetryLater: no connection; nothing was sent.
            Unanswered: it was sent, and no whole answer came back.
            ProcessorError: what no second try mends.
        """
        with self._requests.Session() as session:
            session.trust_env = self._polling.trust_env
            try:
                return self._exchange(session, "POST", path, body, read_seconds)
            except _TooLarge as error:
                raise Unanswered(str(error)) from None  # what was posted has arrived

    def refusal(self, answer: Answer, what: str) -> ProcessorError:
        """Return the error of an answer that is not the wanted one, ready to be raised."""
        status, said = answer.status, _detail(answer.content)
        if status in (401, 403):
            if self._token is None:
                how = f"set {self._token_variable}"
            else:
                how = f"check {self._token_variable}; it was sent and is not accepted"
            return ProcessorError(f"{self.name} refuses access (HTTP {status}): {how}")
        if 300 <= status < 400:
            return ProcessorError(
                f"{self.name} redirects to {answer.location or 'nowhere'} (HTTP {status}), and no "
                "token follows a redirect: give that address itself if you trust it"
            )
        if status in (408, 425, 429) or status >= 500:
            return RetryLater(f"{self.name}: HTTP {status} {what}{said}", answer.retry_after)
        if status == 200:
            return RetryLater(f"{self.name} answers {what} with what is not its format{said}")
        return ProcessorError(f"{self.name}: HTTP {status} {what}{said}")

    def scrubbed(self, value: Any) -> Any:
        """Return a JSON value in which the token, wherever it stood, is replaced."""
        if self._token is None:
            return value
        if isinstance(value, str):
            return value.replace(self._token, "[token]")
        if isinstance(value, list):
            return [self.scrubbed(entry) for entry in value]
        if isinstance(value, dict):
            return {self.scrubbed(name): self.scrubbed(entry) for name, entry in value.items()}
        return value

    def _exchange(
        self, session: Any, method: str, path: str, body: Any, read_seconds: float
    ) -> Answer:
        requests = self._requests
        deadline = time.monotonic() + read_seconds + _LONGEST_ANSWER
        # identity: a few compressed bytes cannot unfold into more than is looked at.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            response = session.request(
                method,
                self.address + path,
                json=body,
                headers=headers,
                auth=self._authorise,
                timeout=(_CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
            )
            with response:
                text = self._read(response, deadline)
        except requests.exceptions.ConnectTimeout:
            raise RetryLater(f"{self.name} at {self.address} does not answer") from None
        except requests.exceptions.SSLError as error:
            raise self._unsafe(error) from None
        except requests.exceptions.ReadTimeout:
            raise Unanswered(f"{self.name} gave no answer within {read_seconds:g} s") from None
        except requests.exceptions.ConnectionError as error:
            if _never_connected(error):
                raise RetryLater(f"{self.name} at {self.address} cannot be reached") from None
            raise Unanswered(f"{self.name} closed the connection before it answered") from None
        except requests.exceptions.RequestException as error:
            kind = type(error).__name__
            raise Unanswered(f"{self.name}'s answer broke off ({kind})") from None
        return Answer(
            status=response.status_code,
            content=self._parsed(text),
            retry_after=_retry_after(response.headers),
            location=self.scrubbed(_bare_location(response.headers.get("Location", ""))),
        )

    def _authorise(self, request: Any) -> Any:
        # As requests' own authentication, so that no .netrc takes its place.
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _read(self, response: Any, deadline: float) -> bytes:
        parts, size = [], 0
        for part in response.iter_content(65536):
            size += len(part)
            if size > MOST_BYTES:
                raise _TooLarge(
                    f"{self.name}'s answer is larger than {MOST_BYTES // 2**20} MiB; it was "
                    "not read: ask for fewer shots a job"
                )
            if time.monotonic() > deadline:
                raise Unanswered(f"{self.name}'s answer did not end in time")
            parts.append(part)
        text = b"".join(parts)
        stated = response.headers.get("Content-Length", "")
        if stated.isascii() and stated.isdecimal() and len(text) < int(stated):
            raise Unanswered(f"{self.name}'s answer broke off")
        return text

    def _parsed(self, text: bytes) -> Any:
        try:
            return self.scrubbed(json.loads(text))
        except (ValueError, RecursionError):
            return None

    def _unsafe(self, error: Exception) -> Exception:
        if _caused_by(error, ssl.SSLCertVerificationError):
            return ProcessorError(
                f"the certificate of {self.address} is not trusted, so nothing was sent: set "
                "REQUESTS_CA_BUNDLE to the service's own authority if it has one"
            )
        return Unanswered(f"{self.name} broke off the encrypted connection")


def one_line(text: str, most: int = 200) -> str:
    r"""Return a text that a service sent as one short line that a terminal shows as it is.

    >>> one_line("no\n such \x1b[31mjob")
    'no such [31mjob'
    """
    plain = "".join(c if c.isprintable() else " " for c in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else plain[: most - 3] + "..."


def _detail(content: Any) -> str:
    """What a service says of a refusal, as ": ..." or nothing."""
    if isinstance(content, dict):
        for name in ("detail", "error_message", "message", "error"):
            if content.get(name):
                return f": {one_line(str(content[name]))}"
    return f": {one_line(content)}" if isinstance(content, str) and content else ""


def _checked_token(token: str | None, variable: str) -> str | None:
    token = (token or "").strip()
    if not token:
        return None
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError(f"{variable} holds characters that no token has; copy it again")
    return token


def _checked_address(url: str, secret: bool, variable: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        # The address itself is not repeated: it may hold a password.
        raise ValueError("the address of a service is such as https://host or http://host:8080")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            f"the address of {host} holds a name or password: leave them out and set {variable}"
        )
    if parts.query or parts.fragment:
        raise ValueError(f"the address of {host} ends with its path: leave out what follows it")
    if secret and parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(
            f"the token would go to {host} in the clear: use https, or unset {variable} if the "
            "service needs none"
        )
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _never_connected(error: BaseException) -> bool:
    """Whether the connection failed before anything could be sent."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    return _caused_by(error, NewConnectionError, ConnectTimeoutError)


def _caused_by(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether an error is, or wraps, one of some kinds, however deep."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        part = left.pop()
        if not isinstance(part, BaseException) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, kinds):
            return True
        left += [*part.args, getattr(part, "reason", None)]
    return False


def _retry_after(headers: Any) -> float | None:
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    # A date is held against the service's own clock: this machine's may jump.
    until, now = _date(value), _date(headers.get("Date", ""))
    return None if until is None or now is None else max(0.0, until - now)


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _bare_location(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
        if host and parts.port is not None:
            host += f":{parts.port}"
    except ValueError:
        return ""
    return one_line(f"{parts.scheme}://{host}{parts.path}" if host else parts.path)
