"""Workers of `test_replan.py`: with little memory, or killed in a stack of more than two runs."""

import os
import resource
import signal
import sys
from pathlib import Path

from quantum_latents.execution import worker


def limited(*arguments):
    """Work with 150 MiB beside what the process holds once all that it needs is loaded."""
    import torch

    from quantum_latents.training import RunSpec, compile_steps

    torch.set_num_threads(1)
    specs = arguments[4]
    run = RunSpec.from_json(next(iter(specs.values())))
    compile_steps(run.model, run.training)
    import quantum_latents.evaluation  # noqa: F401

    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmData" in x]
    limit = 1024 * int(line.split()[1]) + 150 * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    worker.work(*arguments)


def killed(tasks, messages, stop, *arguments):
    """Work, but die as the kernel kills where a stack of three or more has its checkpoint."""
    directory = Path(arguments[2])

    class Watched:
        def put(self, message):
            messages.put(message)
            kind, stack, _ = message
            if (
                kind == "step"
                and len(stack.runs) > 2
                and (directory / stack.checkpoint_name).exists()
            ):
                messages.close()
                messages.join_thread()  # all that was said is heard
                (directory / "died").write_text(sys.argv[0])
                os.kill(os.getpid(), signal.SIGKILL)

    worker.work(tasks, Watched(), stop, *arguments)
