"""For launch.py on Linux: a network namespace for the tasks, and children that die with their parent.

Not in the article. A library. tf.train.Server listens on every network interface, without a password. A
network namespace has no interface but its own loopback, so only the processes in it can reach the servers.
It needs the program unshare, but no root.
"""
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys


def enter(program, argv):
    """Run `python program argv` in a new network namespace, in place of this process, or return why not."""
    if not shutil.which('unshare'):
        return 'there is no program unshare'
    unshare = ['unshare', '--user', '--map-root-user', '--net']
    probe = subprocess.run(unshare + ['true'], stderr=subprocess.PIPE, universal_newlines=True)
    if probe.returncode:
        return probe.stderr.strip() or 'unshare failed'
    sys.stdout.flush()
    # exec keeps the process id, so that a signal to the launcher still reaches it.
    os.execvp('unshare', unshare + [sys.executable, os.path.abspath(program)] + argv)


def loopback_up():
    """Switch on the new namespace's only interface: what `ip link set lo up` does."""
    import fcntl
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack('16sh14x', b'lo', 0)
        flags, = struct.unpack_from('h', fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | IFF_UP))


def die_with(parent):
    """In a new process, before its program: let Linux kill it when `parent` dies, even by kill -9."""
    os.setsid()                                  # Ctrl-C in the terminal is the launcher's alone
    if sys.platform.startswith('linux'):
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
