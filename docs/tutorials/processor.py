# %% [markdown]
# # Bring a processor
#
# A photonic processor is whatever takes an interferometer and gives back shots. Here you bring one
# that the library does not know, draw a bank of photon counts from it, lose the connection on the
# way, check what came, and train on it. The "processor" is
# [Perceval's](https://perceval.quandela.net) own simulator with imperfect photons, on this machine:
# no account, no network. It needs `pip install ".[quandela]"`
# ([for non-commercial use](../licences.md)) and takes well under a minute. Machines of ORCA, Quandela
# and Scaleway are [there already](../processors.md).

# %% [markdown]
# ## The contract
#
# A processor has a name and six methods. Only `submit` may cost money; `poll` says where a job is,
# and brings every shot as it was measured.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import perceval
from perceval.algorithm import Sampler
from scipy.stats import binom

from quantum_latents.banks import collect_bank, validate_bank
from quantum_latents.circuits import haar
from quantum_latents.latents import as_distribution
from quantum_latents.processors import (
    CollectionStopped,
    JobReport,
    JobState,
    Limits,
    Order,
    Processor,
    SubmissionLost,
)
from quantum_latents.processors.perceval_circuit import (
    PHOTON_FILTER,
    experiment,
    samples_to_counts,
)
from quantum_latents.random import stream


class LocalPerceval:
    name = "perceval:local"

    def __init__(self):
        self.jobs = {}  # what a service would keep
        self.noise = perceval.NoiseModel(transmittance=0.6, indistinguishability=0.81)

    def limits(self):
        return Limits(max_modes=16, max_photons=8, max_shots_per_job=5000)

    def check(self, interferometer, occupation):
        if max(occupation) > 1:
            raise ValueError(f"at most one photon a mode, not {occupation}")

    def submit(self, request):
        job_id = f"job-{len(self.jobs)}"
        self.jobs[job_id] = request
        return job_id

    def poll(self, job_id):
        if job_id not in self.jobs:
            return JobReport(state=JobState.UNKNOWN)
        request = self.jobs[job_id]
        circuit = experiment(request.interferometer, request.occupation)
        circuit.noise = self.noise
        sampler = Sampler(perceval.Processor("CliffordClifford2017", circuit))
        shots = sampler.samples(request.num_shots)["results"]
        return JobReport(state=JobState.DONE, counts=samples_to_counts(shots))

    def cancel(self, job_id):
        self.jobs.pop(job_id, None)

    def describe(self):
        # Shots without a photon are not reported: say so, or the tests below would miss them.
        return {"min_detected_photons_filter": PHOTON_FILTER, "perceval": perceval.__version__}


print("keeps the contract's form:", isinstance(LocalPerceval(), Processor))

# %% [markdown]
# Its shots differ from run to run, as a device's do, so your numbers below will be a little other
# ones. A real one turns each fault of its service into one of three errors (`RetryLater`,
# `SubmissionLost`, `ProcessorError`), so that what follows knows what may be asked again. The
# ledger, post-selection, the resuming and the bank are the same for every processor.
#
# ## Order a bank
#
# 4 photons in 8 modes, 20,000 shots that show at least 2 of them, in jobs of 5,000.

# %%
order = Order(
    interferometer=haar(8, stream(0, "interferometer")),
    occupation=(1, 0, 1, 0, 1, 0, 1, 0),
    num_samples=20_000,
    at_least=2,
    shots_per_job=5000,
)

# %% [markdown]
# ## The connection breaks
#
# This service takes its third job, and then the line is cut: the answer with the job's id never
# arrives.


# %%
class Cut(LocalPerceval):
    def submit(self, request):
        job_id = super().submit(request)
        if len(self.jobs) == 3:
            raise SubmissionLost("the connection closed before an answer came")
        return job_id


service = Cut()
try:
    collect_bank(service, order, "bank")
except CollectionStopped as stopped:
    print(stopped)


def ledger(since=0):
    for line in Path("bank/jobs.jsonl").read_text().splitlines():
        event = json.loads(line)
        told = (
            f"{name} {event[name]}" for name in ("chunk", "job", "num_received") if name in event
        )
        if event.get("entry", -1) >= since:
            print(f"entry {event['entry']}: {event['event']:9}", *told)


ledger()

# %% [markdown]
# `jobs.jsonl` is the *ledger*: every step is on the disk before the next thing happens in the
# world. The jobs before the cut have brought their shots, which are kept. The one that was cut off
# may be running, and may be billed: it is *possibly paid*, and sending it again is your decision,
# not the program's.
#
# ## The same call goes on
#
# `resend=True` is that decision. Chunks whose shots are on the disk are not asked for again.

# %% varies=true
bank = collect_bank(service, order, "bank", resend=True)
ledger(since=2)
told = bank.manifest["provenance"]
print(
    f"{len(service.jobs)} jobs were taken by the service, {len(told['jobs'])} stand in the manifest"
)
print(
    f"received {told['num_received']} shots, discarded {told['num_discarded']}, "
    f"kept {len(bank)}, {told['num_surplus']} more than wanted"
)
before = len(service.jobs)
collect_bank(service, order, "bank")
print("jobs for the same call once more:", len(service.jobs) - before)

# %% [markdown]
# After Ctrl-C or a power cut it is the same: make the same call. All the ways in which it can go
# wrong, and what is done then, are in
# [A bank from a photonic processor](../processors.md#stopped-killed-disconnected).
#
# ## Does it keep its promise?
#
# The manifest says which interferometer and which post-selection, so the bank can be tested. The
# share of photons that arrive is nobody's promise: it is fitted.

# %% varies=true
tested = validate_bank(bank)
print(tested.headline)
for name in ("transmission", "interference"):
    found = tested.validation.finding(name)
    low, high = found.interval
    print(f"{found.title}: {found.estimate:.3f} [{low:.3f}, {high:.3f}], {found.verdict}")
promised = validate_bank(bank, interference=0.9)
print("with an overlap of 0.9 promised:", promised.headline)

# %% [markdown]
# The test does its work: the photons of this simulator were told to be alike to 0.81, the
# visibility of Hong, Ou and Mandel, which is an overlap of 0.9, since 0.9² = 0.81. A bank held
# against perfect photons does not pass; held against what the device really promises it is no
# longer contradicted. Declare the promise before you look. Each test is explained in
# [Does a bank keep its promise?](../validation.md)

# %% varies=true alt="Share of the received shots by the number of photons that they show, with the binomial law of the fitted transmission on top of it; shots with fewer than 2 photons are grey, discarded."
photons = np.array(told["photon_numbers"], dtype=float)
numbers = np.arange(len(photons))
figure, axis = plt.subplots(figsize=(5, 3), dpi=130, layout="constrained")
colours = ["#bbbbbb" if number < 2 else "#4051b5" for number in numbers]
axis.bar(numbers, photons / photons.sum(), color=colours)
law = binom.pmf(numbers, 4, tested.validation.finding("transmission").estimate)
axis.plot(numbers[1:], law[1:] / law[1:].sum(), "k_", markersize=24, label="binomial law")
axis.legend(frameon=False)
axis.set(xlabel="photons in a shot (grey: discarded)", ylabel="share of the shots", xticks=numbers)
plt.show()
print("shots by photons:", dict(zip(numbers.tolist(), photons.astype(int).tolist())))

# %% [markdown]
# (Perceval, as Quandela's platforms, reports no shot without a photon.)
#
# ## Use it as a latent
#
# From here on a bank is a bank, simulated or not. In your own loop:

# %%
prior = as_distribution(bank, stream(0, "z"), scaling="standardised")
z = prior.sample((500,))
print(tuple(z.shape), z.dtype)

# %% [markdown]
# In a study, `bank:FOLDER` is a latent like any other:
#
#     qlat run compare --data FILE.csv --latents bank:bank,quantum,gaussian --latent-dim 8 --bank 10000
#
# Your own processor becomes known to `qlat sample --processor` with a line in
# `processors/names.py`: [Contributing](../../CONTRIBUTING.md). A bank for others to use is
# published [as a data set](../recorded-banks.md).
