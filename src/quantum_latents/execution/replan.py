"""Another plan where a stack did not fit into memory: the stack in halves, or fewer workers.

On a CPU, where every run makes its steps by itself, no bit of a result depends on the stack. With
torch's kernel rounding does: rows of a split stack say so (`stack.replanned.same_bits`).
"""

from __future__ import annotations

from dataclasses import replace

from quantum_latents.execution.executor import OutOfMemory, StudyError
from quantum_latents.execution.memory import free_memory, gib
from quantum_latents.execution.plan import Plan, Split
from quantum_latents.training import RunSpec, bytes_of

__all__ = ["replanned"]


def replanned(plan: Plan, short: OutOfMemory, run: RunSpec) -> Plan:
    """Return the plan that goes on after a stack did not fit.

    A stack of several runs becomes two, in its place, that go on from its checkpoint; beside a
    stack of one train half as many workers.

    Args:
        plan: what was tried.
        short: which stack, and why.
        run: the first of its runs.

    Raises:
        StudyError: a stack of one did not fit although nothing trained beside it.
    """
    stack, why = short.stack, str(short)
    if (num_runs := len(stack.runs)) > 1:
        split = Split(stack.checkpoint_name, stack.runs, why)
        first, middle = plan.next_index, (num_runs + 1) // 2
        halves = tuple(
            replace(stack, index=first + part, runs=runs, split_from=(split, *stack.split_from))
            for part, runs in enumerate((stack.runs[:middle], stack.runs[middle:]))
        )
        place = plan.stacks.index(stack)
        stacks = (*plan.stacks[:place], *halves, *plan.stacks[place + 1 :])
        said = (
            f"out of memory: stack {stack.index} of {num_runs} runs goes on as two of "
            f"{middle} and {num_runs - middle} ({why})"
        )
        return replace(plan, stacks=stacks, replanned=(*plan.replanned, said))
    if plan.num_workers > 1:
        workers = plan.num_workers // 2
        said = (
            f"out of memory: a run alone in stack {stack.index} did not fit beside others, "
            f"{workers} instead of {plan.num_workers} workers go on ({why})"
        )
        return replace(plan, num_workers=workers, replanned=(*plan.replanned, said))
    free = free_memory() if stack.device == "cpu" else None
    there = f", {gib(free.num_bytes)} are free now ({free.source})" if free else ""
    raise StudyError(
        f"run {run.digest} does not fit into memory, alone in its stack and with one worker: "
        f"{why}. Its arrays are {gib(bytes_of(run))} by count{there}. Finished runs are "
        "kept; the same command goes on where there is more, a smaller --bank or network needs less"
    ) from short
