"""Writes docs/lifecycle.md from the lifecycle table; `python -m singlewindow.messages.lifecycle_page` prints it."""

from __future__ import annotations

import sys

from singlewindow.messages.lifecycle import AUTHORITY_STATES, OWN_MOVES, STATES


def render() -> str:
    """The page, in Markdown."""
    rows = [
        f"| `{state.name}` | {state.rank} | {'authority' if state.name in AUTHORITY_STATES else 'we'} |"
        f" {state.holder} | {state.meaning} |"
        for state in STATES.values()
    ]
    moves = [f"| `{name}` | {', '.join(f'`{new}`' for new in sorted(to))} |" for name, to in OWN_MOVES.items()]
    return "\n".join(
        [
            "# Lifecycle",
            "",
            "Generated from `singlewindow/messages/lifecycle.py`; a test compares the two.",
            "",
            "A declaration has **parts**, one for each step at one agency. Its state is that of its least advanced",
            "required part; a negative end dominates; a part that is done holds nothing back. The newest word by the",
            "*authority's own time* wins even if it goes back, which sets `anomaly`.",
            "",
            "| state | rank | decided by | who holds the ball | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "## Our own moves",
            "",
            "Everything else is an authority's word, and no word is refused.",
            "",
            "| from | to |",
            "|---|---|",
            *moves,
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(render())
