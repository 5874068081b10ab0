"""Does a PostgreSQL answer on this socket? The first bytes of its protocol, without a driver.

Source: PostgreSQL documentation, "Frontend/Backend Protocol", message formats StartupMessage, ErrorResponse.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

PROTOCOL_3_0 = 196608
CANNOT_CONNECT_NOW = b"57P03"
TERMINATE = b"X\x00\x00\x00\x04"
ANSWER_TIMEOUT_SECONDS = 1.0


def answers(socket_path: Path, *, user: str, database: str) -> bool:
    """True once a connection is admitted, or refused for any reason but starting up, recovering or shutting down."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_SECONDS)
            connection.connect(str(socket_path))
            connection.sendall(_startup_message(user, database))
            answer = connection.recv(4096)
            if answer.startswith(b"R"):
                connection.sendall(TERMINATE)
    except OSError:
        return False
    return answer.startswith(b"R") or (answer.startswith(b"E") and b"C" + CANNOT_CONNECT_NOW not in answer)


def _startup_message(user: str, database: str) -> bytes:
    pairs = "".join(f"{text}\0" for text in ("user", user, "database", database))
    body = struct.pack("!i", PROTOCOL_3_0) + pairs.encode() + b"\0"
    return struct.pack("!i", len(body) + 4) + body
