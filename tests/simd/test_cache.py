"""The key of compiled code on disk."""

import types

from quantum_latents.simd import cache


def test_the_key_of_compiled_code_follows_every_source(monkeypatch):
    sources = {"first": "a = 1", "second": "b = 2"}
    modules = [types.ModuleType(name) for name in sources]
    monkeypatch.setattr(cache.inspect, "getsource", lambda module: sources[module.__name__])
    before = cache.fingerprint(*modules)
    assert cache.fingerprint(*modules) == before
    sources["second"] = "b = 3"
    assert cache.fingerprint(*modules) != before
