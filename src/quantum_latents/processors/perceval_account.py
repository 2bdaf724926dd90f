"""Whose account, at which address, by which perceval: checked before anything is opened.

The token is a bearer token: whoever has it can spend the account's credits. It comes from the
environment, or from the caller, and goes to the service in a request header alone.
"""

from __future__ import annotations

import ipaddress
import os
from importlib import metadata
from urllib.parse import urlsplit

__all__ = [
    "PROJECT_VARIABLE",
    "TOKEN_VARIABLES",
    "check_perceval",
    "checked_address",
    "checked_project",
    "checked_token",
    "is_this_machine",
]

TOKEN_VARIABLES: dict[str, tuple[str, ...]] = {
    "quandela": ("PCVL_CLOUD_TOKEN",),
    "scaleway": ("SCALEWAY_CLOUD_TOKEN", "SCW_SECRET_KEY"),
}
"""Environment variables that hold the token of each provider; the first that is set counts."""

PROJECT_VARIABLE = "SCW_DEFAULT_PROJECT_ID"
"""Environment variable that holds Scaleway's project."""


def checked_token(token: str | None, provider: str) -> str:
    """Return the token given, or that of the environment.

    Raises:
        ValueError: there is none, or it holds characters that no token has. The token itself is
            not repeated.
    """
    variables = TOKEN_VARIABLES[provider]
    if token is None:
        token = next((os.environ[name] for name in variables if os.environ.get(name)), "")
    token = token.strip()
    if not token:
        raise ValueError(f"no token: set {' or '.join(variables)}, or pass token")
    if not (token.isascii() and token.isprintable()) or " " in token:
        # requests would refuse it too, and repeat it while it does.
        raise ValueError("the token holds spaces or other characters that no token has")
    return token


def checked_project(project_id: str | None, provider: str) -> str | None:
    """Return Scaleway's project, given or of the environment; None for Quandela's own cloud.

    Raises:
        ValueError: Scaleway without a project, or a project without Scaleway.
    """
    if provider == "scaleway":
        project_id = project_id or os.environ.get(PROJECT_VARIABLE)
        if not project_id:
            raise ValueError(
                f"Scaleway bills a project: pass project_id, or set {PROJECT_VARIABLE}"
            )
        return project_id
    if project_id is not None:
        raise ValueError("a project_id belongs to provider='scaleway'; Quandela's cloud knows none")
    return None


def checked_address(url: str | None) -> str | None:
    """Return the address without a slash at its end; None, for the provider's own, as it is.

    Raises:
        ValueError: it holds a user, password, query or fragment, is no web address, or would
            carry the token over a network in the clear.

    >>> checked_address("https://cloud.example.com/")
    'https://cloud.example.com'
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    # The address itself is not repeated: it may hold a password.
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the address of a service is such as https://HOST")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(
            f"the address of {host} holds a user, a password or a query: leave them out; the "
            "token has a variable of its own"
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise ValueError(f"the token would go to {host} in the clear: use https")
    return url.rstrip("/")


def check_perceval() -> None:
    """Refuse to go on without a perceval that is new enough.

    Raises:
        ImportError: with what to install.
    """
    wanted = 'pip install "quantum-latents[quandela]"'
    try:
        version = metadata.version("perceval-quandela")
    except metadata.PackageNotFoundError:
        raise ImportError(f"Quandela's processors need perceval: {wanted}") from None
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < (1, 3):
        raise ImportError(f"perceval {version} is too old for Quandela's processors: {wanted}")


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine itself, which nothing need leave to reach.

    >>> is_this_machine("127.0.0.1"), is_this_machine("example.com")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
