"""A key for compiled code on disk that follows its sources.

numba's cache notices a change of the file in which a kernel stands, not of the files whose
functions were compiled into it. It does notice a change of the kernel's closure.
"""

from __future__ import annotations

import hashlib
import inspect
from types import ModuleType

__all__ = ["fingerprint"]


def fingerprint(*modules: ModuleType) -> str:
    """Return a hash of the modules' sources, for the closure of a cached kernel.

    >>> import json
    >>> len(fingerprint(json))
    64
    """
    text = "".join(inspect.getsource(module) for module in modules)
    return hashlib.sha256(text.encode()).hexdigest()
