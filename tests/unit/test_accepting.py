"""Accepting: a process that is busy hears of many new clients in one turn of its loop, and outlives a failed accept."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import ExitStack

import pytest
import uvloop

from singlewindow.gateway import accepting
from singlewindow.gateway.accepting import MOST_AT_ONCE, SHARED_AT_ONCE, Acceptor, bind

CLIENTS = 4 * MOST_AT_ONCE
PATIENCE_SECONDS = 20.0


class Noted(asyncio.Protocol):
    """Notes that it was connected."""

    def __init__(self, made: list[Noted]) -> None:
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport
        self._made.append(self)


async def _count_turns(clients: int) -> int:
    """The turns of the loop from when so many clients are connecting to when the last has a protocol."""
    [listener], made = bind("127.0.0.1", 0, reuse_port=False), list[Noted]()
    acceptor = Acceptor([listener], lambda: Noted(made))
    with ExitStack() as stack:
        for _ in range(clients):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        acceptor.start()
        turns = 0
        while len(made) < clients:
            await asyncio.sleep(0)
            turns += 1
        acceptor.close()
        for one in made:
            one.transport.close()
    return turns


def test_many_new_clients_are_heard_in_few_turns_of_the_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns = runner.run(asyncio.wait_for(_count_turns(CLIENTS), PATIENCE_SECONDS))
    assert turns < CLIENTS / 2


class Exhausted(socket.socket):
    """A listener whose first accept finds no descriptor."""

    refused = False

    def accept(self) -> tuple[socket.socket, object]:
        """Fail once."""
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_after_a_failed_accept_it_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.01)
    made: list[Noted] = []
    listener = Exhausted(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    acceptor = Acceptor([listener], lambda: Noted(made))
    acceptor.start()
    with socket.create_connection(listener.getsockname()):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not made:
                await asyncio.sleep(0.01)
    assert listener.refused
    made[0].transport.close()
    acceptor.close()
    acceptor.close()


def test_a_name_of_several_addresses_is_bound_on_each() -> None:
    listeners = bind("localhost", 0, reuse_port=True)
    assert len({listener.family for listener in listeners}) == len(listeners) >= 1
    for listener in listeners:
        listener.close()


async def test_processes_that_share_a_socket_share_its_clients() -> None:
    [listener] = bind("127.0.0.1", 0, reuse_port=False)
    first, second = list[Noted](), list[Noted]()
    both = [
        Acceptor([listener], lambda: Noted(first), at_once=SHARED_AT_ONCE),
        Acceptor([listener.dup()], lambda: Noted(second), at_once=SHARED_AT_ONCE),
    ]
    with ExitStack() as stack:
        for _ in range(2 * SHARED_AT_ONCE):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        for acceptor in both:
            acceptor.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(first) + len(second) < 2 * SHARED_AT_ONCE:
                await asyncio.sleep(0.01)
        for acceptor in both:
            acceptor.close()
        for one in (*first, *second):
            one.transport.close()
    assert len(first) == len(second) == SHARED_AT_ONCE
