"""Renewing children: the successor serves before the old process is told to end, or the old process stays."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from singlewindow.cli.up import STOP_SECONDS
from singlewindow.engines.child import Child
from singlewindow.engines.ready_pipe import ReadyPipe, announce_ready
from singlewindow.engines.supervisor import Supervisor, running
from singlewindow.gateway.serving import LINGER_SECONDS, SHUTDOWN_SECONDS
from singlewindow.settings import Settings
from tests.integration.conftest import runs

SCRIPT = """
[ -e broken ] && exit 3
trap 'echo $$ ends >> diary; exit' TERM
echo $$ serves >> diary; touch serving.$$
while :; do sleep 0.05; done
"""

ANNOUNCING = """
import time
from singlewindow.engines.ready_pipe import announce_ready
announce_ready({descriptor})
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with running([], log_dir=tmp_path / "log") as started:
        yield started


def server(folder: Path, name: str = "server") -> Child:
    return Child(
        name=name,
        argv=("/bin/sh", "-c", SCRIPT),
        cwd=folder,
        serves_as=lambda pid: (folder / f"serving.{pid}").exists(),
    )


def diary(folder: Path) -> list[str]:
    return (folder / "diary").read_text().splitlines()


def test_a_successor_serves_before_the_old_process_is_told_to_end(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(server(tmp_path))
    old = supervisor.pids()["server"]
    supervisor.renew()
    new = supervisor.pids()["server"]
    assert diary(tmp_path) == [f"{old} serves", f"{new} serves", f"{old} ends"]
    assert not runs(old)


def test_children_are_renewed_one_after_another(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(*(server(tmp_path, name) for name in ("one", "two")))
    old = supervisor.pids()
    supervisor.renew()
    new = supervisor.pids()
    assert diary(tmp_path)[2:] == [
        f"{new['one']} serves", f"{old['one']} ends", f"{new['two']} serves", f"{old['two']} ends",
    ]  # fmt: skip


def test_the_old_process_stays_when_its_successor_does_not_come_to_serve(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(server(tmp_path))
    old = supervisor.pids()
    (tmp_path / "broken").touch()
    supervisor.renew()
    assert supervisor.pids() == old
    assert diary(tmp_path) == [f"{old['server']} serves"]


def test_a_stop_during_a_renewal_ends_successor_and_old_process(supervisor: Supervisor, tmp_path: Path) -> None:
    seen: set[int] = set()

    def serves_as(pid: int) -> bool:
        """Hear of the stop while the second process is asked whether it serves."""
        seen.add(pid)
        if len(seen) == 2:
            supervisor.request_stop()
        return len(seen) == 1

    supervisor.add(Child(name="server", argv=("/bin/sleep", "600"), serves_as=serves_as))
    supervisor.renew()
    supervisor.stop()
    assert len(seen) == 2
    assert not any(map(runs, seen))


def test_sigusr2_renews_and_sigterm_stops() -> None:
    seen: list[int] = []

    def serves_as(pid: int) -> bool:
        """Ask for the end as soon as there is a successor."""
        seen.append(pid)
        if pid != seen[0]:
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    with Supervisor([[Child(name="server", argv=("/bin/sleep", "600"), serves_as=serves_as)]]) as supervisor:
        supervisor.start()
        os.kill(os.getpid(), signal.SIGUSR2)
        supervisor.run_until_stopped()
        assert not runs(seen[0])
        assert runs(seen[-1])
    assert not runs(seen[-1])


def test_a_process_is_ready_once_it_announced_itself() -> None:
    with ReadyPipe() as pipe:
        child = Child(
            name="worker",
            argv=(sys.executable, "-c", ANNOUNCING.format(descriptor=pipe.descriptor)),
            descriptors=(pipe.descriptor,),
            serves_as=pipe.heard_from,
        )
        with running([[child]]) as supervisor:
            first = supervisor.pids()["worker"]
            supervisor.renew()
            second = supervisor.pids()["worker"]
            assert first != second
            assert all(map(pipe.heard_from, (first, second)))
            assert not runs(first)


def test_announcing_never_holds_a_process_up() -> None:
    announce_ready(None)
    with ReadyPipe() as pipe:
        for _ in range(20_000):  # more than a pipe holds that nobody reads
            announce_ready(pipe.descriptor)
        assert pipe.heard_from(os.getpid())
        assert not pipe.heard_from(1)


def test_a_gateway_that_uses_all_its_time_to_finish_is_not_killed_for_it() -> None:
    assert SHUTDOWN_SECONDS + LINGER_SECONDS + Settings().database_timeout_seconds < STOP_SECONDS
