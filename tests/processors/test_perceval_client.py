"""perceval's own clients talk to our Quandela cloud: the server speaks the real format."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import perceval
import pytest
from perceval.algorithm import Sampler

from quantum_latents.circuits import from_unitary
from quantum_latents.samplers import boson_law, distinguishable_law
from quantum_latents.samplers.validation import chi_square


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


server_module = load("quandela_server")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with server_module.QuandelaServer() as running:
        yield running


def remote(server, circuit, occupation):
    processor = perceval.RemoteProcessor(server.platform, token=server.token, url=server.url)
    processor.set_circuit(circuit)
    processor.min_detected_photons_filter(0)
    processor.with_input(perceval.BasicState(occupation))
    return processor


def counts_of(results):
    return np.array([list(state) for state in results["results"]], dtype=np.uint8)


@pytest.fixture
def circuit():
    return perceval.Unitary(perceval.Matrix.random_unitary(4))


@pytest.mark.parametrize("version", [1, 2])
def test_remote_processor_and_sampler(server, circuit, version):
    server.version = version
    processor = remote(server, circuit, [1, 1, 0, 1])
    assert processor.constraints["max_mode_count"] == 12
    if version == 2:
        # The older client sends payloads of version 1 to every platform.
        server.version = 1
    job = Sampler(processor, max_shots_per_call=3000).samples.execute_async(3000)
    assert job.id in server.jobs
    assert job.is_complete
    counts = counts_of(job.get_results())
    assert counts.tolist() == server.jobs[job.id].counts.tolist()
    device = from_unitary(np.array(circuit.compute_unitary()))
    assert chi_square(counts, boson_law(device, [1, 1, 0, 1])).p_value > 1e-6
    assert chi_square(counts, distinguishable_law(device, [1, 1, 0, 1])).p_value < 1e-6


def test_remote_computer_sends_payloads_of_version_2(server, circuit):
    server.version = 2
    layer = perceval.QuandelaCommunicationLayer(server.platform, server.token, server.url)
    experiment = perceval.Experiment(4)
    experiment.add(0, circuit)
    experiment.with_input(perceval.BasicState([1, 0, 1, 0]))
    experiment.min_detected_photons_filter(0)
    factory = perceval.ExecutionFactory(
        perceval.RemoteComputer(layer), experiment, max_shots_per_call=200
    )
    execution = factory.samples.execute_async(max_samples=200)
    (job,) = server.jobs.values()
    assert "computation" in job.sent["payload"]
    assert execution.is_complete
    assert counts_of(execution.get_results()).tolist() == job.counts.tolist()


def test_a_job_is_resumed_cancelled_and_run_again(server, circuit):
    server.states = ["waiting"]
    processor = remote(server, circuit, [1, 0, 0, 1])
    job = Sampler(processor, max_shots_per_call=50).samples.execute_async(50)
    again = remote(server, circuit, [1, 0, 0, 1]).resume_job(job.id)
    assert again.is_waiting
    again.cancel()
    assert server.jobs[job.id].states[0] == "cancel_requested"
    server.jobs[job.id].states = ["canceled"]
    server.states = ["completed"]
    fresh = job.rerun()
    assert fresh.id != job.id
    assert counts_of(fresh.get_results()).tolist() == server.jobs[job.id].counts.tolist()


def test_the_server_wants_the_token_and_knows_its_platform(server):
    with pytest.raises(Exception, match="401"):
        perceval.RemoteProcessor(server.platform, token="another", url=server.url)
    with pytest.raises(Exception, match="404"):
        perceval.RemoteProcessor("sim:other", token=server.token, url=server.url)
