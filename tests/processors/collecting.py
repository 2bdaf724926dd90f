"""Collects a bank in a child process for every line on stdin, so that a test can kill it.

Arguments: the address of a service and the bank's folder. Says "ready", then for each line the
child's process id, and how it ended once it has.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from quantum_latents.banks import collect_bank
from quantum_latents.circuits import time_bin
from quantum_latents.processors import OrcaProcessor, Order, Patience
from quantum_latents.random import stream

PATIENCE = Patience(poll_first=0.001, poll_most=0.004, retry_first=0.001)


def order():
    device = time_bin(4, (1, 1), stream=stream(0, "interferometer"), phases=[0.0] * 6)
    return Order(
        interferometer=device,
        occupation=(1, 1, 1, 1),
        num_samples=60,
        at_least=3,
        shots_per_job=20,
    )


def press_again(unraisable):
    """Send Ctrl-C again where Python lost it: in a callback (of an import, say) none can raise."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        # A moment later: within this hook it would be lost as well.
        threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)


def main(url, folder):
    # As in a terminal: what a shell starts in the background does not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = press_again
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                # Said by the child: Python drops a signal that comes while it is being forked.
                print(os.getpid(), flush=True)
                collect_bank(
                    OrcaProcessor(url), order(), folder, patience=PATIENCE, resend="yes" in line
                )
                code = 0
            except KeyboardInterrupt:
                code = 130
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
