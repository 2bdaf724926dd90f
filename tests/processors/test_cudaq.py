"""NVIDIA's public client of ORCA's service talks to our local server.

Needs CUDA-Q: ``pip install --no-deps cuda-quantum-cu13`` and astpretty; no GPU.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter

import pytest

pytestmark = pytest.mark.slow

# In a process of its own: the client may wait without letting other threads run.
CLIENT = """
import json, sys
import cudaq
cudaq.set_target("orca", url=sys.argv[1])
counts = cudaq.orca.sample([1, 0, 1, 1], [1, 1], [0.4, 0.8, 1.1, 0.3, 0.7, 0.9], 200)
print("counts:", json.dumps(dict(counts.items())))
"""


@pytest.mark.skipif(importlib.util.find_spec("cudaq") is None, reason="CUDA-Q is not installed")
def test_nvidia_s_client_gets_the_shots_that_the_server_measured(orca_server, monkeypatch):
    monkeypatch.setenv("ORCA_AUTH_TOKEN", "token-of-a-client")
    with orca_server.OrcaServer(token="token-of-a-client", pending_polls=2) as server:
        told = subprocess.run(
            [sys.executable, "-c", CLIENT, server.url], capture_output=True, text=True, timeout=300
        )
        assert told.returncode == 0, told.stderr
        (job,) = server.jobs.values()
        assert job.request["input_state"] == [1, 0, 1, 1]
        assert job.polls == 3
        measured = Counter(server.strings(job.request))
    assert json.loads(told.stdout.rpartition("counts:")[2]) == measured
