"""What a user would write instead: FastAPI services that judge and store a message, one INSERT a request."""

from benchmarks.peers.question import run

__all__ = ["run"]
