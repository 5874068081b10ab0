from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from singlewindow.engines import child
from singlewindow.engines.child import Child
from singlewindow.engines.supervisor import ChildFailedError, StopRequested, Supervisor, running
from tests.integration.conftest import runs, wait_until


def shell(name: str, script: str, *, stop_timeout_seconds: float = 20.0, ready: Path | None = None) -> Child:
    return Child(
        name=name,
        argv=("/bin/sh", "-c", script),
        ready=ready.exists if ready else lambda: True,
        stop_timeout_seconds=stop_timeout_seconds,
    )


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with running([], log_dir=tmp_path / "log") as started:
        yield started


def test_a_child_that_dies_is_started_again_and_again(supervisor: Supervisor, tmp_path: Path) -> None:
    runs_file = tmp_path / "runs"
    supervisor.add(shell("frail", f"echo run >> {runs_file}; sleep 600", ready=runs_file))
    for expected in (2, 3):
        os.kill(supervisor.pids()["frail"], signal.SIGKILL)

        def came_back(expected: int = expected) -> bool:
            supervisor.restart_dead()
            return runs_file.read_text().count("run") == expected

        wait_until(came_back, "the child runs again")


def test_a_stage_starts_when_the_one_before_is_ready_and_stops_before_it(tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    def written(name: str) -> Child:
        script = f"trap 'echo {name} stops >> {diary}; exit' TERM; echo {name} starts >> {diary}; touch {name}.ready; "
        return shell(name, f"cd {tmp_path}; {script} while :; do sleep 0.05; done", ready=tmp_path / f"{name}.ready")

    with running([[written("engine")], [written("worker")]]):
        pass
    assert diary.read_text().splitlines() == ["engine starts", "worker starts", "worker stops", "engine stops"]


def test_the_children_of_a_stage_start_side_by_side(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"

    supervisor.add(shell("waiting", "sleep 600", ready=ready), shell("freeing", f"touch {ready}; sleep 600"))

    assert supervisor.pids().keys() == {"waiting", "freeing"}


def test_a_child_deaf_to_its_stop_signal_is_killed_after_its_time(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    supervisor.add(shell("deaf", f"trap '' TERM; touch {ready}; sleep 600", stop_timeout_seconds=0.2, ready=ready))
    pid = supervisor.pids()["deaf"]
    supervisor.stop()
    assert not runs(pid)


def test_what_a_child_leaves_behind_ends_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    left = tmp_path / "left"
    supervisor.add(shell("parent", f"sleep 600 & echo $! > {left}.new; mv {left}.new {left}; wait", ready=left))
    grandchild = int(left.read_text())
    assert runs(grandchild)
    supervisor.stop()
    wait_until(lambda: not runs(grandchild), "the grandchild is gone")


def test_a_child_that_cannot_start_is_reported_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match=r"(?s)hopeless did not become ready.*the port is taken"):
        supervisor.add(shell("hopeless", "echo the port is taken; exit 3", ready=tmp_path / "never"))


def test_a_missing_program_is_reported(supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match="absent did not become ready"):
        supervisor.add(Child(name="absent", argv=("/nonexistent/program",)))


def test_a_failed_start_stops_the_stages_before_it(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(shell("engine", "sleep 600"))
    engine = supervisor.pids()["engine"]
    with pytest.raises(ChildFailedError):
        supervisor.add(shell("hopeless", "exit 3", ready=tmp_path / "never"))
    assert not runs(engine)


def test_a_start_can_be_interrupted(supervisor: Supervisor) -> None:
    def never_ready() -> bool:
        supervisor.request_stop()
        return False

    with pytest.raises(StopRequested):
        supervisor.add(Child(name="slow", argv=("/bin/sleep", "600"), ready=never_ready))
    assert supervisor.pids() == {}


def test_each_child_writes_to_a_log_of_its_own(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("one", "two"):
        said = tmp_path / f"{name}.said"
        supervisor.add(shell(name, f"echo I am {name}; touch {said}; sleep 600", ready=said))
    assert (tmp_path / "log" / "one.log").read_text() == "I am one\n"
    assert (tmp_path / "log" / "two.log").read_text() == "I am two\n"


def test_the_log_of_a_child_that_runs_on_does_not_grow_for_ever(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LOG_LIMIT_BYTES", 1000)
    monkeypatch.setattr("singlewindow.engines.supervisor.TRIM_SECONDS", 0.0)
    log, script = tmp_path / "log" / "chatty.log", "while :; do echo $((n=n+1)); sleep 0.001; done"
    supervisor.add(shell("chatty", script))

    def first_kept() -> set[str]:
        kept = log.with_name("chatty.log.1")
        if kept.exists():
            seen.add(kept.read_text().partition("\n")[0])
        return seen

    def stop_when_emptied_twice() -> None:
        try:
            wait_until(lambda: len(first_kept()) > 1, "the log is emptied again")
        finally:
            supervisor.request_stop()

    seen: set[str] = set()
    watching = threading.Thread(target=stop_when_emptied_twice)
    watching.start()
    supervisor.run_until_stopped()
    watching.join()
    assert len(seen) > 1
    assert runs(supervisor.pids()["chatty"])
    written = log.read_bytes()
    assert len(written) < 5000
    assert b"\0" not in written
    assert log.with_name("chatty.log.1").stat().st_mode == log.stat().st_mode


def test_ctrl_c_ends_the_block_and_gives_the_signal_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Supervisor([[shell("engine", "sleep 600")]]) as supervisor:
        supervisor.start()
        engine = supervisor.pids()["engine"]
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.run_until_stopped()
        assert runs(engine)
    assert not runs(engine)
    assert signal.getsignal(signal.SIGINT) is before
