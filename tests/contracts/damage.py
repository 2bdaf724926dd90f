"""Damage for files that a reader of ours meets, and what a reader may do about it.

A valid file is mutated, as text of JSON (values put in place of others, fields taken out or added)
or as bytes (cut, changed, filled), or another text takes its place. What comes of it is either a
value or the reader's own error, with one line of text: nothing else may leave a reader.
"""

import copy
import json
import signal
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quantum_latents.random import stream

SECONDS = 30
"""Longer than any reader may take: a hang, not a measurement."""

VALUES = [
    *(None, True, False, 0, -1, 1, 2.5, float("nan"), 1e400, 10**30, "", "x", "9" * 5000),
    *("../../etc/passwd", "\0", "<script>alert(1)</script>", [], {}, [[]], [1, 2], {"": None}),
    {"kind": "gan"},
]
every_seed = given(seed=st.integers(0, 2**32 - 1))
some = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the seed tells what failed: nothing to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def places(value, path=()):
    """Yield the path of every value inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def mutated(value, rng):
    """Return a JSON object with one to three values changed, taken out or added."""
    value = copy.deepcopy(value)
    for _ in range(rng.integers(1, 4)):
        every = list(places(value))
        if not every:
            break
        path = every[rng.integers(len(every))]
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        new, what = VALUES[rng.integers(len(VALUES))], rng.random()
        if what < 0.75:
            holder[path[-1]] = copy.deepcopy(new)
        elif what < 0.9:
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder["unknown"] = copy.deepcopy(new)
        else:
            holder.append(copy.deepcopy(new))
    return value


def spoilt(content, rng):
    """Return bytes that were cut, changed or filled at one to three places, mostly early ones."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not content:
            break
        at = int(rng.integers(min(len(content), rng.choice([20, 300, 10**9]))))
        what = rng.random()
        if what < 0.25:
            del content[at:]
        elif what < 0.75:
            content[at] = int(rng.integers(256))
        else:
            content[at:at] = rng.bytes(int(rng.choice([1, 8, 100])))
    return bytes(content)


@contextmanager
def reading(*errors):
    """Let a reader refuse in one line; anything else, and a hang, fails."""

    def hang(number, frame):
        raise AssertionError(f"a reader took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        yield
    except errors as error:
        assert str(error)
        assert "\n" not in str(error).strip(), "an error is one line"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


TEXTS = [
    *(b"", b"null", b"[]", b"{}", b"7", b'"x"', b"NaN", b"\xff\xfe\x00", b"\n\n", b"[{}]"),
    *(b"[" * 99_999, b'{"a":' * 99_999),
]


def damaged(content, rng):
    """Return the bytes of a file of JSON after some harm; most of it is still JSON."""
    what = rng.random()
    if what < 0.7:
        return json.dumps(mutated(json.loads(content), rng)).encode()
    return spoilt(content, rng) if what < 0.85 else TEXTS[rng.integers(len(TEXTS))]


def rng_of(seed):
    return stream(seed, "damage").generator()
