"""A connection of perceval to Quandela's or Scaleway's service, with our time limits and errors.

Notation: a *platform* is one device or simulator of the service, such as ``sim:altair``. perceval
calls the object that makes the HTTP requests a *handler*: ours are perceval's own, and what they
send and read is perceval's. Three things are done around them: every call has a time limit, every
fault becomes one of our errors (`perceval_faults`), and nothing is asked that was not asked for,
because perceval's own refreshing is not held back where it says it is.

A session of Scaleway is opened before the first job is sent, under one name for each platform,
so that a second process joins the session of the first. It ends by itself when idle.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal
from urllib.parse import urlsplit

from quantum_latents.processors.perceval_account import is_this_machine
from quantum_latents.processors.perceval_faults import Answered, Refused, ask, plain
from quantum_latents.processors.processor import ProcessorError, RetryLater
from quantum_latents.processors.rest import MOST_BYTES

__all__ = ["Platform", "Provider", "Service"]

Provider = Literal["quandela", "scaleway"]

SESSION_SECONDS = 3600
"""How long a session of Scaleway lasts at most; a new one is opened when it is over."""

IDLE_SECONDS = 600
"""After how long without a job a session of Scaleway ends."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What a service says of one of its platforms.

    Attributes:
        kind: "physical" or "simulator", as the service calls it; "" if it does not.
        status: in the service's words.
        constraints: such as ``max_mode_count``.
        commands: what it can be asked for; ``samples`` keeps the order of shots.
        reads_computations: whether it reads perceval's payloads of version 2.
        performance: the last calibration that the service states.
        versions: of the service's software.
        answer: all of it, JSON-able.
    """

    kind: str
    status: str
    constraints: dict[str, Any]
    commands: tuple[str, ...]
    reads_computations: bool
    performance: dict[str, Any]
    versions: dict[str, Any]
    answer: dict[str, Any] = field(repr=False)


class Service:
    """One platform of one account.

    Args:
        provider: who runs the service.
        name: of the platform.
        url: of the service; None for the provider's own.
        token: authenticates the account. It leaves this object in request headers alone.
        project_id: Scaleway's project, which the session is billed to.
        seconds: longest wait for one call.
    """

    def __init__(
        self,
        provider: Provider,
        name: str,
        *,
        url: str | None,
        token: str,
        project_id: str | None,
        seconds: float,
    ) -> None:
        self.provider: Provider = provider
        self.name = name
        self.token = token
        self._url = url
        self._address: str | None = None
        self._project_id = project_id
        self._seconds = seconds
        self._handler: Any = None
        self._layer: Any = None
        self._platform: Platform | None = None
        self._session_since: float | None = None

    def __reduce__(self) -> Any:
        raise TypeError("a connection to a service holds a token, and is not to be written down")

    @property
    def address(self) -> str:
        """Where the service is, as `platform` found it: its own address may be perceval's."""
        if self._address is None:
            self.fetch_platform()
        return str(self._address)

    @property
    def platform(self) -> Platform:
        """What the service said of the platform; it is asked once."""
        if self._platform is None:
            return self.fetch_platform()
        return self._platform

    def fetch_platform(self) -> Platform:
        """Ask the service for the platform, and return what it says now."""
        from perceval.providers.rpc_based_communication_layer import RPCBasedCommunicationLayer

        def connect() -> tuple[Any, Platform]:
            if self._handler is None:
                self._handler = self._new_handler()
            layer = RPCBasedCommunicationLayer(self._handler)
            return layer, _platform(layer.get_platform_details(), layer.get_specs(), self.token)

        self._layer, platform = self._ask(connect, f"asking for the platform {self.name}")
        self._platform, self._address = platform, str(self._handler.url)
        return platform

    def availability(self) -> dict[str, Any] | None:
        """Return how many jobs of the account wait and may wait; None if it is not said."""
        if self.provider != "quandela":
            return None
        handler = self._connected()
        try:
            answer = self._ask(handler.get_job_availability, "asking for room in the queue")
        except (Refused, Answered):
            # An older service has no such page; it says so when it gets a job too many.
            return None
        return answer if isinstance(answer, dict) else None

    def send(self, payload: dict[str, Any], what: str) -> Any:
        """Create a job and return its id, as the service gives it."""
        self._connected()
        opened_now = self._open_session()
        try:
            return self._ask(lambda: self._layer.send(payload), what, sends=True)
        except Refused as refusal:
            if self.provider == "scaleway" and not opened_now and refusal.status != 401:
                # The one refusal that passes: the session of an earlier job is over.
                self._drop_session()
                raise RetryLater(f"{refusal}; the next job opens a new session", 0.0) from None
            raise

    def status(self, job_id: str) -> Any:
        """Return what the service says of a job: one request."""
        handler = self._connected()
        return self._ask(lambda: handler.get_job_status(job_id), f"asking for job {job_id}")

    def results(self, job_id: str) -> Any:
        """Return the envelope of a job's results, as the service sends it."""
        handler = self._connected()
        what = f"fetching the results of job {job_id}"
        return self._ask(lambda: handler.get_job_results(job_id), what)

    def cancel(self, job_id: str) -> None:
        """Ask the service to stop a job."""
        handler = self._connected()
        self._ask(lambda: handler.cancel_job(job_id), f"cancelling job {job_id}")

    def close(self) -> None:
        """End the session of Scaleway, if one was opened here; its waiting jobs are cancelled."""
        if self._session_since is not None:
            self._ask(self._handler.terminate_session, "ending the session")
            self._drop_session()

    def _ask(self, call: Any, what: str, *, sends: bool = False) -> Any:
        return ask(call, what=what, token=self.token, seconds=self._seconds, sends=sends)

    def _connected(self) -> Any:
        if self._layer is None:
            self.fetch_platform()
        return self._handler

    def _new_handler(self) -> Any:
        if self.provider == "scaleway":
            return _scaleway_handler(self._seconds)(
                project_id=str(self._project_id),
                secret_key=self.token,
                url=self._url,
                proxies=None,
                platform_name=self.name,
                provider_name=None,
            )
        handler = _quandela_handler()(self.name, self._url, self.token)
        handler.request_timeout = self._seconds
        return handler

    def _open_session(self) -> bool:
        """Open a session where the service wants one; return whether it was opened now."""
        if self.provider != "scaleway":
            return False
        if self._session_since is not None:
            if time.monotonic() - self._session_since < SESSION_SECONDS - 60:
                return False
            self._drop_session()
            self._connected()
        # The same name gives the same session, so a lost answer costs nothing.
        try:
            self._ask(
                lambda: self._handler.create_session(
                    deduplication_id=f"quantum-latents {self.name}",
                    max_duration_s=SESSION_SECONDS,
                    max_idle_duration_s=IDLE_SECONDS,
                ),
                "opening a session",
            )
        except ProcessorError:
            # The answer may still arrive, and bind this handler to a session behind our back.
            self._drop_session()
            raise
        self._session_since = time.monotonic()
        return True

    def _drop_session(self) -> None:
        # A handler of Scaleway is bound to its first session for good.
        self._handler = self._layer = self._session_since = None


def _quandela_handler() -> type[Any]:
    import requests
    from perceval.providers.quandela.rpc_handler import RPCHandler

    class Handler(RPCHandler):
        """perceval's handler, which keeps the answer of a refusal and follows no redirect."""

        def get_request(self, endpoint: str) -> Any:
            return self._answer("GET", endpoint, None)

        def post_request(self, endpoint: str, payload: dict | None) -> Any:
            return self._answer("POST", endpoint, payload)

        def _answer(self, method: str, endpoint: str, payload: dict | None) -> Any:
            response = _exchange(
                method,
                endpoint,
                json=payload,
                auth=self._authorise,
                timeout=self.request_timeout,
                proxies=self.proxies,
                allow_redirects=False,
            )
            if response.status_code != 200:
                raise requests.HTTPError(f"HTTP {response.status_code}", response=response)
            return response.json()

        def _authorise(self, request: Any) -> Any:
            # As requests' own authentication, so that no .netrc takes its place.
            request.headers.update(self.headers)
            return request

    return Handler


def _scaleway_handler(seconds: float) -> type[Any]:
    """Return perceval's handler of Scaleway, whose methods ask through `_Requests`.

    perceval lets requests follow redirects, and requests hands on Scaleway's header of the token
    to wherever they lead.
    """
    from perceval.providers.scaleway import scaleway_rpc_handler as module

    names = {**vars(module), "requests": _Requests(seconds)}
    methods = {
        name: FunctionType(made.__code__, names, name, made.__defaults__, made.__closure__)
        for name, made in vars(module.RPCHandler).items()
        if isinstance(made, FunctionType)
    }
    return type("RPCHandler", (module.RPCHandler,), methods)


class _Requests:
    """In the place of requests: a request with headers, which hold the token, stays where it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get(self, url: str, **options: Any) -> Any:
        return self._answer("GET", url, options)

    def post(self, url: str, **options: Any) -> Any:
        return self._answer("POST", url, options)

    def _answer(self, method: str, url: str, options: dict[str, Any]) -> Any:
        import requests

        bare = not options.get("headers")  # stored results, at an address of the service's choice
        response = _exchange(
            method,
            url,
            auth=lambda request: request,  # no .netrc
            timeout=self._seconds,
            allow_redirects=bare,
            **options,
        )
        if 300 <= response.status_code < 400:
            raise requests.HTTPError(f"HTTP {response.status_code}", response=response)
        return response


def _exchange(method: str, url: str, **options: Any) -> Any:
    """Return the answer of one request, its body read if it is not too large."""
    import requests

    with requests.Session() as session:
        # No proxy lies between this machine and itself.
        session.trust_env = not is_this_machine(urlsplit(url).hostname or "")
        response = session.request(method, url, stream=True, **options)
        with response:
            parts, size = [], 0
            for part in response.iter_content(65536):
                size += len(part)
                if size > MOST_BYTES:
                    raise requests.exceptions.ContentDecodingError(
                        f"the answer is larger than {MOST_BYTES // 2**20} MiB, and was not read"
                    )
                parts.append(part)
            response._content = b"".join(parts)  # where requests itself keeps a body
    return response


def _platform(details: Any, specs: Any, token: str) -> Platform:
    constraints, performance = specs.constraints, details.get("perfs") or {}
    for name, value in (("constraints", constraints), ("perfs", performance)):
        if not isinstance(value, Mapping):
            raise Answered(f"the platform's {name} are no table but a {type(value).__name__}")
    return Platform(
        kind=str(plain(details.get("type") or "", token)),
        status=str(plain(details.get("status") or "", token)),
        constraints=plain(dict(constraints), token),
        commands=tuple(str(command) for command in specs.available_commands),
        reads_computations="commands" in specs,
        performance=plain(performance, token),
        versions=plain(dict(specs.software_versions), token),
        answer=plain(details, token),
    )
