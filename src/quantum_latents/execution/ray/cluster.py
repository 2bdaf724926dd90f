"""A connection to a Ray cluster, or a Ray of our own on this machine.

Ray retries an address that does not answer for minutes, and so long it cannot be interrupted. So an
address is tried in a process of its own first, with a bound on the time.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from quantum_latents.execution.executor import Work
from quantum_latents.execution.plan import StackPlan
from quantum_latents.execution.scratch import scratch_folder
from quantum_latents.samplers.shots import available_cores

if TYPE_CHECKING:
    from quantum_latents.execution.ray.stacks import RayExecutor

__all__ = ["Cluster", "connected"]

_CONNECT_SECONDS = 10.0
"""For the first byte of an address."""

_ANSWER_SECONDS = 90.0
"""For a Ray behind the address to let a program in; importing Ray alone takes seconds."""

_OBJECT_STORE_BYTES = 256 * 2**20
"""Of a Ray of our own: samples and checkpoints on their way; more of them go through the disk."""

_OWN = {
    "RAY_worker_niceness": "0",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_agent_register_timeout_ms": "300000",
}
"""Of a Ray of our own: it trains with the priority of the call, as worker processes do, and is
given time to start where the machine is busy."""

_LONGEST_PLACE = 22
"""Of the folder for temporary files: Ray's sockets lie 83 characters below, and may have 107."""

_TRY = """
import logging, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Attributes:
        address: as it was asked for.
        device: where stacks train.
        gpu_share: of a GPU, for each stack.
    """

    address: str
    device: str = "cpu"
    gpu_share: float = 1.0

    @property
    def nodes(self) -> tuple[tuple[int, float], ...]:
        """Cores and GPUs of every node that can train on the device."""
        import ray

        found = (node["Resources"] for node in ray.nodes() if node["Alive"])
        sizes = ((int(size.get("CPU", 0)), float(size.get("GPU", 0))) for size in found)
        return tuple(
            (cores, gpus)
            for cores, gpus in sizes
            if cores and (self.device == "cpu" or gpus >= self.gpu_share)
        )

    @property
    def cores(self) -> tuple[int, ...]:
        """Cores of every node that can train on the device."""
        return tuple(cores for cores, _ in self.nodes)

    @property
    def num_places(self) -> int:
        """Stacks of one thread that train at once."""
        return self.places(1)

    def places(self, num_threads: int) -> int:
        """Return how many stacks of so many threads train at once."""
        places = 0
        for cores, gpus in self.nodes:
            by_cores = cores // num_threads
            by_gpus = by_cores if self.device == "cpu" else int(gpus / self.gpu_share + 1e-9)
            places += min(by_cores, by_gpus)
        return places

    def executor(
        self, work: Work, stacks: Sequence[StackPlan], *, at_once: int | None = None
    ) -> RayExecutor:
        """Return what trains stacks on this cluster.

        Args:
            work: what the study's workers are told.
            stacks: to be trained.
            at_once: the most that train at once; None is as many as have a place.

        Raises:
            ValueError: a stack has more threads than any node has cores.
        """
        from quantum_latents.execution.ray.stacks import RayExecutor

        return RayExecutor(self, work, stacks, at_once)


@contextlib.contextmanager
def connected(address: str, *, device: str = "cpu", gpu_share: float = 1.0) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start a Ray on this machine; leave it as it was at the end.

    A process that is connected already stays so.

    Args:
        address: ``HOST:PORT`` of a cluster that this machine is a node of; ``auto`` for the one
            that Ray knows here; ``local`` for a Ray of our own, which listens on this machine
            alone and ends with the context.
        device: where stacks will train.
        gpu_share: of a GPU, for each stack.

    Raises:
        ImportError: Ray is not installed.
        ValueError: no such address, nothing there that answers within a bounded time, no GPU, or a
            share that is none.
    """
    if importlib.util.find_spec("ray") is None:
        raise ImportError("--ray needs Ray: pip install 'quantum-latents[ray]'")
    if not 0 < gpu_share <= 1:
        raise ValueError(f"a share of a GPU is in (0, 1], not {gpu_share}")
    if device == "cpu" and gpu_share != 1:
        raise ValueError(f"a share of a GPU ({gpu_share}) needs --device cuda")
    _check_address(address)
    with contextlib.ExitStack() as held:
        _import_for(address)
        import ray

        if ray.is_initialized():
            there = ray.get_runtime_context().gcs_address
            if address not in ("auto", "local", there):
                raise ValueError(
                    f"this process is connected to the Ray at {there}, not {address}: "
                    "ray.shutdown() first, or name that one"
                )
        elif address == "local":
            folder = held.enter_context(scratch_folder("qlat-ray-", _LONGEST_PLACE))
            held.enter_context(_loopback_alone())
            held.callback(ray.shutdown)  # before its folder goes
            _start(folder)
        else:
            held.callback(ray.shutdown)
            _join(address)
        held.enter_context(_listener_logged())
        cluster = Cluster(address, device, gpu_share)
        if not cluster.nodes:
            what = "GPU" if device == "cuda" else "node with a core"
            raise ValueError(
                f"--device {device}: the Ray cluster at {address} has no {what}: "
                + (
                    "use --device cpu, or add a node that has one"
                    if device == "cuda"
                    else "add one"
                )
            )
        yield cluster


def _check_address(address: str) -> None:
    """Refuse what is no address, and an address where nothing listens.

    Raises:
        ValueError: as said.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 1024 <= int(port) < 65536:
        raise ValueError(
            f"--ray is HOST:PORT of a cluster that this machine is a node of, auto or local, not "
            f"{address!r} (from elsewhere: ray job submit -- qlat run ... --ray auto)"
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise ValueError(
            f"--ray {address}: nothing answers there ({error}): is the cluster up (ray status)?"
        ) from error


def _import_for(address: str) -> None:
    """Import Ray, with what it reads from the environment when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    for variable, value in _OWN.items() if address == "local" else ():
        os.environ.setdefault(variable, value)
    import ray  # noqa: F401


@contextlib.contextmanager
def _loopback_alone() -> Iterator[None]:
    """A Ray that starts here keeps to the loopback interface.

    Ray listens on all interfaces, and whoever is let in can run anything. The switch is the one by
    which it is kept to this machine on other systems; Ray reads its variable only when it is
    imported, which a program may have done long before. A variable that is set decides.
    """
    from ray._private import ray_constants

    if ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR in os.environ:
        yield
        return
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _start(folder: Path) -> None:
    import ray

    ray.init(
        address="local",
        num_cpus=available_cores(),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(folder),
    )


def _join(address: str) -> None:
    """Connect to a running cluster.

    Raises:
        ValueError: there is none, or it does not let us in.
    """
    import ray

    try:
        tried = subprocess.run(
            [sys.executable, "-c", _TRY, address],
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
        said = tried.stderr.strip().splitlines()[-1:] or ["no reason given"]
        failure = said[0] if tried.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"no answer within {_ANSWER_SECONDS:.0f} s"
    if failure:
        raise ValueError(
            f"--ray {address}: no Ray cluster lets us in there ({failure}); ray start on this "
            "machine makes it a node, --ray local needs none"
        )
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)


class _Sorted:
    """Standard output, but what Ray's own thread would print there is logged."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        if threading.current_thread().name.startswith("ray_"):
            logger.info("%s", text.rstrip())
            return len(text)
        return self._out.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


@contextlib.contextmanager
def _listener_logged() -> Iterator[None]:
    """Keep standard output for the command's own: Ray tells there of every worker that is lost."""
    before = sys.stdout
    sys.stdout = _Sorted(before)
    try:
        yield
    finally:
        if isinstance(sys.stdout, _Sorted):
            sys.stdout = before
