"""A network of the chain's own, made of a namespace and a pair of virtual interfaces, so that it can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SUBNET = f"10.213.{os.getpid() % 250}"
HOST, INNER = f"{SUBNET}.1", f"{SUBNET}.2"
"""Of this process alone: two proofs may run side by side."""


@dataclass(frozen=True)
class Network:
    """The namespace `name`: the chain lives at INNER, the load and the webhooks' receiver at HOST.

    Inside it the gateway reaches the agencies over its own loopback; PostgreSQL and Valkey have Unix sockets.
    """

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command that shall run inside."""
        return ("ip", "netns", "exec", self.name)

    def cut_agencies(self) -> None:
        """Nothing passes between the lanes and the agencies."""
        self._inside("ip", "link", "set", "lo", "down")

    def join_agencies(self) -> None:
        """It passes again."""
        self._inside("ip", "link", "set", "lo", "up")

    def cut_clients(self) -> None:
        """Nothing passes between the gateway and its clients, nor between the chain and the webhooks."""
        _run("ip", "link", "set", f"{self.name}h", "down")

    def join_clients(self) -> None:
        """It passes again."""
        _run("ip", "link", "set", f"{self.name}h", "up")

    def throttle(self) -> None:
        """Lanes and agencies share a wire of 200 kbit/s."""
        self._inside(
            "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "200kbit", "burst", "16kb", "latency", "2s"
        )

    def unthrottle(self) -> None:
        """The wire is as fast as it was."""
        self._inside("tc", "qdisc", "del", "dev", "lo", "root")

    def _inside(self, *command: str) -> None:
        _run(*self.prefix, *command)


def why_not() -> str:
    """Empty where a network can be made; else why it cannot."""
    if os.geteuid() != 0:
        return "a network namespace wants root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "ip and tc (iproute2) are not installed"
    tried = subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True)
    return "" if tried.returncode == 0 else "this machine allows no network namespace"


@contextmanager
def network() -> Iterator[Network]:
    """A network for the length of a block."""
    made = Network(f"sw{os.getpid() % 10**8}")
    host, inner = f"{made.name}h", f"{made.name}i"
    _run("ip", "netns", "add", made.name)
    try:
        _run("ip", "link", "add", host, "type", "veth", "peer", "name", inner)
        _run("ip", "link", "set", inner, "netns", made.name)
        _run("ip", "addr", "add", f"{HOST}/24", "dev", host)
        _run("ip", "link", "set", host, "up")
        made._inside("ip", "addr", "add", f"{INNER}/24", "dev", inner)
        made._inside("ip", "link", "set", inner, "up")
        made.join_agencies()
        yield made
    finally:
        subprocess.run(["ip", "link", "del", host], check=False, capture_output=True)
        _run("ip", "netns", "del", made.name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
