# %% [markdown]
# # Run a study on a cluster
#
# A study is a list of runs that depend on nothing but their specs, so it may be trained by one
# process or by many machines. Here it is trained on a real [Ray](https://docs.ray.io), started on
# this machine alone; it is stopped, one of its workers is killed, and the rows come out as if
# nothing had happened. It needs `pip install ".[ray]"` and takes under two minutes on two quiet cores
# (on Linux: the worker is found in `/proc`).
#
# On a cluster only the address differs: `ray start` on every node, then `qlat run ... --ray auto`
# ([Many processes, many machines](../scale.md)).

# %% [markdown]
# ## A study and its plan
#
# Table I's coin flips in small: two latents, two seeds, four runs.

# %%
import logging
import os
import signal
import time
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import matplotlib.pyplot as plt

from quantum_latents.execution import read_events, run_study
from quantum_latents.execution.ray import connected
from quantum_latents.recipes import table1, with_num_steps
from quantum_latents.results import deterministic_part, frame, read_rows

warnings.filterwarnings("ignore", message="IProgress not found")  # Ray's, in a notebook
logging.getLogger("ray.widgets.util").setLevel(logging.WARNING)

study = table1("smoke", latents=("quantum", "gaussian"), data_sets=("bernoulli",), num_seeds=2)
study = with_num_steps(study, 10_000)
print(len(study.runs), "runs of", study.runs[0].training.num_steps, "steps")

# %% [markdown]
# ## Start Ray, and stop the study
#
# `connected("local")` is what `--ray local` does: a Ray of our own, with the cores of this machine,
# that listens on this machine alone. It stays for the calls below. `seconds_between_checkpoints`
# is one minute unless you say otherwise; here it is a fraction of a second.
#
# `on_progress` is called about once a second. This one presses Ctrl-C after a quarter of all steps.

# %%
held = ExitStack()
cluster = held.enter_context(connected("local"))
print("a node with cores:", all(cores > 0 for cores in cluster.cores))

directory, seen, calls = Path("study"), [], []
settings = {
    "command": "qlat run table1 --preset smoke --data bernoulli --latents quantum,gaussian "
    "--num-steps 10000 --workers 2",
    "num_workers": 2,
    "cache": Path("cache"),
    "seconds_between_checkpoints": 0.2,
}


def checkpoints():
    return list(directory.glob("stack-*.safetensors"))


pressed = []


def stop_early(progress):
    seen.append((time.monotonic(), progress.num_steps_done))
    if checkpoints() and progress.num_steps_done > progress.num_steps / 4 and not pressed:
        pressed.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)


calls.append(time.monotonic())
try:
    run_study(study, directory, ray="auto", on_progress=stop_early, **settings)
except KeyboardInterrupt:
    print("stopped, and checkpoints are kept:", len(checkpoints()) > 0)

# %% [markdown]
# A stack, runs that train together, is the unit of work. Where each goes was frozen in `plan.json`
# when the study began; what is on its way comes back to the machine of the call, which alone
# writes the directory. Nodes need no shared folder.
#
# ## The same call goes on, and loses a worker
#
# Now a worker is killed after half of all steps: to the study that is what the loss of its node
# looks like.


# %%
def workers():
    """Processes below this one in which Ray trains a stack."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    names = {pid: Path(f"/proc/{pid}/cmdline") for pid in ours}
    return [
        pid
        for pid, name in names.items()
        if name.exists() and name.read_bytes().startswith(b"ray::StackTrainer")
    ]


killed = []


def kill_one(progress):
    seen.append((time.monotonic(), progress.num_steps_done))
    if progress.num_steps_done > progress.num_steps / 2 and not killed and (found := workers()):
        os.kill(found[0], signal.SIGKILL)
        killed.append(time.monotonic())


calls.append(time.monotonic())
ended = run_study(study, directory, ray="auto", on_progress=kill_one, **settings)
print("every run is trained:", ended)
print("workers killed:", len(killed))

# %% alt="Training steps of all runs against time: they rise until Ctrl-C, go on from there in a second call, more slowly while a killed worker is replaced, and reach the end."
figure, axis = plt.subplots(figsize=(6, 3), dpi=130, layout="constrained")
for begin, end, label in (
    (calls[0], calls[1], "first call"),
    (calls[1], float("inf"), "second call"),
):
    points = [(at - calls[0], steps) for at, steps in seen if begin <= at < end and steps > 0]
    axis.plot(*zip(*points), "o-", markersize=3, label=label)
axis.axvline(pressed[0] - calls[0], color="0.5", linestyle=":", label="Ctrl-C")
for at in killed:
    axis.axvline(at - calls[0], color="#c2571a", linestyle="--", label="a worker is killed")
axis.set(xlabel="seconds", ylabel="steps done, of all runs", ylim=(0, None))
axis.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# (A busy machine drew this picture; between the calls new workers start.) While the killed worker
# is replaced the other goes on alone.
#
# A stack whose worker is gone starts again elsewhere, three times at most; a stack that fails by
# itself would fail again, and stops the study with its error. What else can die, and what is done
# then, is [in a table](../scale.md#when-something-dies).
#
# ## The rows are the same
#
# Here is the study once more without Ray and without mishaps, in two processes of this machine. A
# stack that is taken up again takes the same steps as one that was never disturbed; so where the
# plan and the kind of processor are the same, rows agree to the last bit, but for their provenance
# (times, machine).

# %%
held.close()  # Ray ends
run_study(study, Path("undisturbed"), **settings)


def rows_of(folder):
    return {row["run"]: deterministic_part(row) for row in read_rows(folder)}


print(len(rows_of("study")), "rows, equal:", rows_of("study") == rows_of("undisturbed"))
frame("study")[["seed", "latent", "energy_distance"]].sort_values(
    ["seed", "latent"], ignore_index=True
).round(4)

# %% [markdown]
# Two seeds decide nothing about the latents; a study that is to decide something has ten at least,
# which is what the other machines are for.
#
# ## Who watches
#
# On a terminal `qlat run` draws every latent's progress. For programs, and for a look from another
# shell, every event is a line of `progress.jsonl`:

# %%
events = read_events("study")
print("calls begun:", sum(event["event"] == "start" for event in events))
print("why they ended:", [event["why"] for event in events if event["event"] == "end"])
print("runs finished:", sum(event["event"] == "run" for event in events))

# %% [markdown]
# ## A GPU machine without a network
#
# Often the machine that is quick is no node of anything and has no network. Then the study goes
# there and back as files: `scripts/gpu_study.sh table1 --preset paper --time-budget 9m` trains and
# goes on whenever it is called again, `qlat evaluate` measures at home:
# [Training on one machine, measuring on another](../gpu.md).
