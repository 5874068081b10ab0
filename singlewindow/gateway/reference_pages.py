"""The reference pages of message sets, in English or Chinese: all sets, one set, a root, the rules, a code list.

Each page is a function from data to HTML; a large one takes tens of milliseconds and is called in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from singlewindow.gateway.languages import Language
from singlewindow.gateway.reference_json import Counts
from singlewindow.gateway.reference_words import WORDS, say_type
from singlewindow.gateway.set_files import list_files
from singlewindow.gateway.templates import page_templates
from singlewindow.messages.manifest import MessageSet
from singlewindow.xsd.reference import ListReference, RootReference, SetReference


def render_index(
    language: Language, sets: Sequence[tuple[MessageSet, Counts | None]], *, refused: Mapping[str, str]
) -> str:
    """The page of all sets, and why folders were refused."""
    return _render("set_index.html", language, sets=sets, refused=refused)


def render_set(language: Language, reference: SetReference, *, editions: Sequence[str] = ()) -> str:
    """The page of one set; `editions` are the other sets of its family."""
    files = list(list_files(reference.message_set.folder))
    return _render(
        "set_page.html", language, set=reference.message_set, reference=reference, editions=editions, files=files
    )


def render_root(language: Language, reference: SetReference, read: RootReference) -> str:
    """The page of a root with all its elements."""
    return _render(
        "set_root.html",
        language,
        set=reference.message_set,
        root=read.root,
        elements=read.elements,
        complete=read.complete,
        samples=reference.samples_of(read.root.name),
    )


def render_rules(language: Language, reference: SetReference) -> str:
    """The page of a set's rules with their cases and sources."""
    return _render("set_rules.html", language, set=reference.message_set, reference=reference)


def render_list(language: Language, reference: SetReference, listed: ListReference) -> str:
    """The page of a code list."""
    dated = any(code.since or code.until for code in listed.codes.codes.values())
    return _render("set_list.html", language, set=reference.message_set, listed=listed, dated=dated)


def _render(template: str, language: Language, **values: Any) -> str:
    told = {
        "language": language,
        "words": WORDS[language],
        "pick": partial(_pick, language),
        "other": partial(_other, language),
        "say_type": partial(say_type, language=language),
    }
    return page_templates().get_template(template).render(**told, **values)


def _pick(language: Language, en: str, zh: str | None) -> str:
    """The text in the reader's language, else in the other."""
    return (zh or en) if language == "zh" else (en or zh or "")


def _other(language: Language, en: str, zh: str | None) -> str:
    """The text that `_pick` left; empty where there is but one."""
    return (en if language == "zh" else zh or "") if en and zh else ""
