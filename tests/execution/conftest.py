import importlib.util
import sys
from pathlib import Path

import pytest

from quantum_latents.execution import run_study

SCRIPT = Path(__file__).with_name("tiny_study.py")


@pytest.fixture(autouse=True, scope="session")
def one_thread_a_worker():
    """Plans do not depend on the machine, and threads do not wait for each other on a busy one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quantum_latents.execution.plan.available_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def tiny_study():
    """The function that makes the study of `tiny_study.py`."""
    spec = importlib.util.spec_from_file_location("tiny_study", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tiny_study


@pytest.fixture(scope="session")
def finished_tiny_study(tmp_path_factory, tiny_study, trains_here):
    """The directory of that study after 64 steps, with TensorBoard's files; not to be changed."""
    directory = tmp_path_factory.mktemp("finished") / "study"
    cache, study = tmp_path_factory.mktemp("cache"), tiny_study(num_steps=64)
    settings = {"command": "qlat run tiny", "num_workers": 1, "cache": cache}
    with trains_here():
        assert run_study(study, directory, tensorboard=True, **settings)
    return directory


@pytest.fixture(scope="session")
def script() -> list[str]:
    """The command that runs the study of `tiny_study.py`, to be given a directory and a cache."""
    return [sys.executable, str(SCRIPT)]
