"""What is wrong with a message in JSON, before any schema is asked: each mistake with its JSON pointer."""

from __future__ import annotations

from collections.abc import Collection

from singlewindow.errors import TraderMistake
from singlewindow.messages.judgement import Problem
from singlewindow.xsd.findings import nearest

CODES: dict[str, str] = {
    "json.not-json": "The body is not JSON in UTF-8; line and column say where reading ended.",
    "json.root-expected": "A message is an object with one member, named as the root element of the message.",
    "json.duplicate-name": "An object has two members of the same name. Elements that repeat are one array.",
    "json.unknown-name": "The message set knows no element or attribute of this name here.",
    "json.array-expected": "The element may repeat: it is an array, also where it occurs once.",
    "json.array-not-expected": "The element occurs at most once: its value is not an array.",
    "json.object-expected": "The element has children: its value is an object.",
    "json.text-expected": "The element or attribute holds text: its value is a string, a number, true or false.",
    "json.not-representable": "The value holds what XML cannot: a forbidden character, or a number of too many digits.",
    "json.not-xml": "The value of #xml is not the well-formed content of an element.",
    "json.too-deep": "Elements are nested more deeply than 64 levels.",
    "json.too-large": "The message, or one value in it, is larger than a message may be. Send several messages.",
}
"""The stable codes of the JSON mapping, with what each means."""

SHOWN_NAME = 80
"""Characters of a sender's own name that an error repeats."""

_CODES_OF_SYNTAX = frozenset({"json.not-json"})


class JsonRefused(TraderMistake):
    """A message in JSON that has no XML form. `problems` has every mistake found, each with its JSON pointer."""

    def __init__(self, problems: tuple[Problem, ...], *, status: int | None = None, detail: str = "") -> None:
        super().__init__(detail or problems[0].message)
        self.problems = problems
        self.code = problems[0].code
        self.status = status or (400 if self.code in _CODES_OF_SYNTAX else 422)


class Place:
    """A place in a JSON document, linked to the one around it; its pointer is spelt only where it is asked for."""

    __slots__ = ("around", "depth", "step")

    def __init__(self, step: str | int, around: Place | None = None, depth: int = 1) -> None:
        self.step, self.around, self.depth = step, around, depth

    @property
    def pointer(self) -> str:
        """The JSON pointer (RFC 6901)."""
        steps, place = [], self
        while True:
            steps.append(escape(str(place.step)))
            if place.around is None:
                return "/" + "/".join(reversed(steps))
            place = place.around

    @property
    def name(self) -> str:
        """The nearest name: an entry of an array is called as the array."""
        place = self
        while isinstance(place.step, int) and place.around is not None:
            place = place.around
        return show(str(place.step))


def refuse(code: str, message: str, message_zh: str, place: Place, *, hint: str | None = None) -> Problem:
    """The problem at a place."""
    element = place.name.removeprefix("@")
    return Problem(code, message, message_zh=message_zh, json_pointer=place.pointer, element=element, hint=hint)


def root_expected(name: str | None) -> Problem:
    """No single root; `name` is the root that is wanted, where that is known."""
    text = "an object with one member, named as the message's root element, is expected"
    hint = f'write {{"{name}": {{…}}}}' if name else 'write {"CEB603Message": {…}}, with the root of your message'
    zh = "应为仅含一个以根元素命名的成员的对象"
    return Problem("json.root-expected", text, message_zh=zh, json_pointer="", hint=hint)


def unknown_name(place: Place, known: Collection[str]) -> Problem:
    """A member that the shape does not know; the hint is the nearest name that it knows."""
    near = nearest(place.name, known)
    hint = f"did you mean {near}?" if near else "remove it"
    return refuse("json.unknown-name", f"{place.name} is not known here", f"此处不允许 {place.name}", place, hint=hint)


def duplicate_name(place: Place) -> Problem:
    """A member whose name another member of the object has too."""
    text, zh = f"{place.name} occurs twice in one object", f"同一对象中 {place.name} 重复"
    hint = "write elements that repeat as one array"
    return refuse("json.duplicate-name", text, zh, place, hint=hint)


def array_expected(place: Place) -> Problem:
    """A single value where an array is wanted."""
    text, zh = f"{place.name} may repeat: an array is expected, also for one", f"{place.name} 可重复,应为数组"
    return refuse("json.array-expected", text, zh, place, hint="put the value in square brackets")


def array_not_expected(place: Place) -> Problem:
    """An array where one value is wanted."""
    text, zh = f"{place.name} occurs once: an array is not expected", f"{place.name} 不可重复,不应为数组"
    return refuse("json.array-not-expected", text, zh, place, hint="write the value without square brackets")


def object_expected(place: Place) -> Problem:
    """A text where children are wanted."""
    text, zh = f"{place.name} has children: an object is expected", f"{place.name} 含子元素,应为对象"
    return refuse("json.object-expected", text, zh, place)


def text_expected(place: Place) -> Problem:
    """An object, an array or null where a text is wanted."""
    text, zh = f"{place.name} holds text: a string or a number is expected", f"{place.name} 应为文本或数字"
    return refuse("json.text-expected", text, zh, place)


def not_representable(place: Place, what: str, what_zh: str) -> Problem:
    """A value with something that XML cannot hold."""
    return refuse("json.not-representable", f"{place.name} holds {what}", f"{place.name} 含{what_zh}", place)


def not_xml(place: Place, reason: str) -> Problem:
    """Raw content that is not well formed; the reason is the parser's."""
    return refuse("json.not-xml", f"#xml is refused: {reason}", "#xml 的内容不是格式良好的 XML", place)


def too_deep(place: Place, most: int) -> Problem:
    """An element below the deepest that is read."""
    return refuse("json.too-deep", f"elements are nested deeper than {most}", f"嵌套超过 {most} 层", place)


def too_large(place: Place) -> Problem:
    """A text longer than one element may hold."""
    return refuse("json.too-large", f"the text of {place.name} is too long", f"{place.name} 的文本过长", place)


def escape(step: str) -> str:
    """One step of a JSON pointer, cut where it is long."""
    return show(step).replace("~", "~0").replace("/", "~1")


def show(name: str) -> str:
    """A sender's own name as an answer may repeat it: short, and without lone surrogates, which are no text."""
    cut = name if len(name) <= SHOWN_NAME else f"{name[: SHOWN_NAME - 1]}…"
    return cut.encode("utf-8", "replace").decode("utf-8")
