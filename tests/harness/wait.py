"""Waiting for something to become true, never for time to pass."""
import time

PAUSE_S = 0.02


def until(condition, what, timeout_s=30.0):
    """Returns the first true result of condition(); fails, naming `what`, when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(PAUSE_S)
