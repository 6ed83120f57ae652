"""Becomes a command that the system ends when the host ends, however that comes about.

A script of its own: `launch.py HOST_PID UNSET COMMAND...`, where UNSET is a variable not to pass on, or empty.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(host: str, unset: str, *command: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The host may have ended before it was asked to be told.
        if os.getppid() != int(host):
            sys.exit("the host is gone")
    # Python itself sets it where the locale is C.
    os.environ.pop(unset, None)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
