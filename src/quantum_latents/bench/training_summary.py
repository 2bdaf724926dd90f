"""What the rows of a training measurement say: ratios and shares, in numbers and in markdown.

Notation: an *iteration* is c critic steps and one generator step of one run; a contender's time
for it is that of the whole machine, all its runs together. Nothing is measured here, so old
rows can be told again.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from quantum_latents.bench.iteration import PRODUCT
from quantum_latents.bench.training import EACH, STACK

__all__ = [
    "BF16_GOAL",
    "RATIO_GOALS",
    "STACK_GOAL",
    "is_scaling",
    "scaling_of",
    "training_markdown",
    "training_summary",
]

RATIO_GOALS = {"mixture": 5.0, "molgan": 1.5}
"""Wanted: best plain time over ours, by network."""

BF16_GOAL = 2.5
"""Wanted: fp32's time over bf16's where the processor has matrix units for it (AMX)."""

STACK_GOAL = 7.0
"""Most that a step of 8 runs in stacks may take, in steps of a stack of one."""


def training_summary(measurement: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from the rows, as JSON values.

    Keys: `contenders`, for each its milliseconds an iteration, the best plain time over its own
    (`ratio`), GFLOP/s by hand count and their share of the matrix rate, and the memory of its
    processes with all that they have loaded; `best_plain` and `best`,
    the names of the fastest plain contender and of this library's; `ratio` between the two and
    its `goal`; `stack`, how many steps of a stack of one (which has all cores) a step of a stack
    of 8 takes, and `stack_as_run`, the same where the 8 are shared out as `qlat run` does, a
    process a core; `bf16`, fp32's time over that of the same stack in bfloat16, which takes part in
    nothing else; `matrix_gflops`, of the faster library, and its name, `matrix_by`. Of a
    measurement of scaling: see `scaling_of`. `disturbed` is set where any figure that went into a
    number was; a number that lacks a row is None.
    """
    rows = [row for row in measurement["rows"] if row["status"] in ("measured", "disturbed")]
    if is_scaling(measurement):
        return scaling_of(rows)
    trained = [row for row in rows if row["what"] == "iteration"]
    iterations = [row for row in trained if row.get("precision", "float32") == "float32"]
    matrix = _fastest([row for row in rows if row["what"] == "product"])
    plain = _fastest([row for row in iterations if row["peer"]])
    best = _fastest([row for row in iterations if not row["peer"]])
    contenders = [
        {
            "contender": row["contender"],
            "peer": row["peer"],
            "milliseconds": 1e3 / row["per_second"],
            "ratio": plain and row["per_second"] / plain["per_second"],
            "gflops": row["per_second"] * row["flops"] / 1e9,
            "matrix_share": matrix and _rate(row) / _rate(matrix),
            "memory_bytes": row.get("memory_bytes"),
            "disturbed": _disturbed(row, plain, matrix),
        }
        for row in trained
    ]
    return {
        "contenders": contenders,
        "best_plain": plain and plain["contender"],
        "best": best and best["contender"],
        "ratio": best and plain and best["per_second"] / plain["per_second"],
        "goal": RATIO_GOALS.get(measurement["settings"]["network"]),
        "disturbed": _disturbed(best, plain),
        "stack": _stack(iterations, 1),
        "stack_as_run": _stack(iterations, measurement["machine"]["cores"]),
        "bf16": _bf16(trained, measurement["machine"].get("bf16_units", [])),
        "matrix_gflops": matrix and _rate(matrix) / 1e9,
        "matrix_by": matrix and _library(matrix),
    }


def training_markdown(measurement: dict[str, Any]) -> str:
    """Return the tables of a measurement in markdown."""
    told, machine = training_summary(measurement), measurement["machine"]
    if is_scaling(measurement):
        return _scaling_markdown(measurement, told)
    network = measurement["settings"]["network"]
    lines = [[f"{network}, whole machine", "ms an iteration", "over the best plain"]]
    lines[0] += ["GFLOP/s", "share of the matrix rate", "memory, MiB"]
    for entry in told["contenders"]:
        mark = "*" if entry["disturbed"] else ""
        who = entry["contender"] if entry["peer"] else f"this library, {entry['contender']}"
        ratio = "" if entry["ratio"] is None else f"{entry['ratio']:.2f} x{mark}"
        share = entry["matrix_share"]
        share = "" if share is None else f"{100 * share:.0f} %"
        memory = entry["memory_bytes"]
        memory = "" if memory is None else f"{memory / 2**20:,.0f}"
        time = f"{entry['milliseconds']:.4g}{mark}"
        lines.append([who, time, ratio, f"{entry['gflops']:.3g}", share, memory])
    matrix = told["matrix_gflops"], told["matrix_by"]
    parts = [_machine(measurement, machine, *matrix), _table(lines)]
    lines = [["", "measured", "goal"]]
    if told["ratio"] is not None:
        name = f"{told['best']} over {told['best_plain']}"
        goal = "" if told["goal"] is None else f"at least {told['goal']:g}"
        lines.append([name, f"{told['ratio']:.2f} x{'*' if told['disturbed'] else ''}", goal])
    ways = {
        "stack_as_run": f"{STACK} runs as qlat run stacks them, a process a core",
        "stack": f"a stack of {STACK} in one process",
    }
    for stack, way in ((told[key], way) for key, way in ways.items()):
        if stack is None:
            continue
        mark = "*" if stack["disturbed"] else ""
        name = f"a step of {way}, over one of a stack of one"
        lines.append([name, f"{stack['ratio']:.2f}{mark}", f"at most {STACK_GOAL:g}"])
    if (rounded := told["bf16"]) is not None:
        goal = "" if rounded["goal"] is None else f"at least {rounded['goal']:g}"
        mark = "*" if rounded["disturbed"] else ""
        name = f"{rounded['contender']}, over the same in fp32"
        lines.append([name, f"{rounded['ratio']:.2f} x{mark}", goal])
    if len(lines) > 1:
        parts.append(_table(lines))
    return "\n\n".join([*parts, *_remarks(measurement)]) + "\n"


def is_scaling(measurement: dict[str, Any]) -> bool:
    """Return whether a measurement of training is of stack sizes and processes."""
    return measurement["settings"].get("scaling", False)


def scaling_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how the time of an iteration falls, as JSON values.

    Keys: `stacks`, on one thread, and `processes`, each a list of the number (`stack`,
    `processes`), the milliseconds an iteration of one run takes of the machine's time, what that
    is faster by than the first of the list (`faster`), and `disturbed`.
    """
    alone = [row for row in rows if row["processes"] == 1]
    alike = [row for row in rows if row["stack"] == EACH]
    return {"stacks": _growing(alone, "stack"), "processes": _growing(alike, "processes")}


def _growing(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    first = next((row for row in rows if row[name] == 1), None)
    return [
        {
            name: row[name],
            "milliseconds": 1e3 / row["per_second"],
            "faster": first and row["per_second"] / first["per_second"],
            "disturbed": _disturbed(row, first),
        }
        for row in rows
    ]


def _scaling_markdown(measurement: dict[str, Any], told: dict[str, Any]) -> str:
    network = measurement["settings"]["network"]
    parts = [_machine(measurement, measurement["machine"])]
    for key, name, what in (
        ("stacks", "stack", "runs in a stack, one thread"),
        ("processes", "processes", f"processes, a thread and a stack of {EACH} each"),
    ):
        lines = [[f"{network}: {what}", "ms an iteration of a run", "over one"]]
        for entry in told[key]:
            mark = "*" if entry["disturbed"] else ""
            faster = "" if entry["faster"] is None else f"{entry['faster']:.2f} x{mark}"
            lines.append([str(entry[name]), f"{entry['milliseconds']:.4g}{mark}", faster])
        parts.append(_table(lines))
    return "\n\n".join([*parts, *_remarks(measurement)]) + "\n"


def _remarks(measurement: dict[str, Any]) -> list[str]:
    failed = [row for row in measurement["rows"] if row["status"] == "failed"]
    said = [f"{row['contender']}: failed, {row['detail']}." for row in failed]
    if any(row["status"] == "disturbed" for row in measurement["rows"]):
        said.append("*: others used the machine in every round.")
    return said


def _machine(
    measurement: dict[str, Any],
    machine: dict[str, Any],
    matrix: float | None = None,
    matrix_by: str | None = None,
) -> str:
    text = (
        f"{machine['processor']}, {machine['cores']} cores, vectors of "
        f"{machine['vector_bits']} bits, torch {machine['libraries'].get('torch')}"
    )
    if matrix is not None:
        rows, inner, columns = PRODUCT
        text += (
            f"; all cores multiply ({rows} x {inner}) by ({inner} x {columns}) in float32 at "
            f"{matrix:.0f} GFLOP/s ({matrix_by}), measured in the same run"
        )
    iterations = [r for r in measurement["rows"] if r["what"] == "iteration" and r["flops"]]
    if iterations:
        flops, moved = iterations[0]["flops"], iterations[0].get("bytes")
        text += f". An iteration is {flops / 1e9:.3g} GFLOP of matrix products by hand count"
        if matrix is not None:
            text += f", {flops / 1e6 / matrix:.3g} ms at that rate"
        if moved:
            text += (
                f"; its weights, averages and draws are {moved / 1e6:.3g} MB of traffic where no "
                f"cache keeps them, {flops / moved:.0f} operations a byte"
            )
    return text + "."


def _stack(rows: list[dict[str, Any]], processes: int) -> dict[str, Any] | None:
    """Say how many steps of a run that has the machine `STACK` runs take in so many processes."""
    ours = {
        (row["processes"], row["processes"] * row["stack"]): row for row in rows if not row["peer"]
    }
    one, many = ours.get((1, 1)), ours.get((processes, STACK))
    if one is None or many is None:
        return None
    return {
        "size": STACK,
        "ratio": STACK * _paired(one, many),
        "goal": STACK_GOAL,
        "disturbed": _disturbed(one, many),
    }


def _bf16(rows: list[dict[str, Any]], units: list[str]) -> dict[str, Any] | None:
    """Hold the stack in bfloat16 against the same in float32."""
    rounded = next((row for row in rows if row.get("precision") == "bf16"), None)
    if rounded is None:
        return None
    shape = "peer", "processes", "threads", "stack"
    exact = next(
        (row for row in rows if row is not rounded and all(row[k] == rounded[k] for k in shape)),
        None,
    )
    return exact and {
        "contender": rounded["contender"],
        "units": units,
        "ratio": _paired(rounded, exact),
        "goal": BF16_GOAL if "amx_bf16" in units else None,
        "disturbed": _disturbed(rounded, exact),
    }


def _library(product: dict[str, Any]) -> str:
    """Return who multiplied; rows of earlier versions were all made by torch."""
    return "numpy" if "numpy" in product["contender"] else "torch"


def _paired(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the median ratio of two contenders' rates, of rounds that followed each other.

    A machine's speed drifts by more than two contenders of one kind differ, so that best rounds,
    which may lie minutes apart, would compare the machine with itself.
    """
    if "rounds_per_second" not in one or "rounds_per_second" not in other:
        return one["per_second"] / other["per_second"]
    pairs = zip(one["rounds_per_second"], other["rounds_per_second"], strict=False)
    return median(a / b for a, b in pairs)


def _fastest(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return max(rows, key=lambda row: row["per_second"], default=None)


def _rate(row: dict[str, Any]) -> float:
    return row["per_second"] * row["flops"]


def _disturbed(*rows: dict[str, Any] | None) -> bool:
    return any(row is not None and row["status"] == "disturbed" for row in rows)


def _table(lines: list[list[str]]) -> str:
    head, *body = lines
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])
