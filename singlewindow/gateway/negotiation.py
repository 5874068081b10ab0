"""Which of our two forms, JSON or XML, a client wants to read, and whether it is a browser that reads pages."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from singlewindow.gateway.refusals import HttpRefusal

Form = Literal["json", "xml"]

_FORMS: dict[str, Form] = {
    "application/json": "json",
    "application/problem+json": "json",
    "application/*": "json",
    "*/*": "json",
    "application/xml": "xml",
    "application/problem+xml": "xml",
    "text/xml": "xml",
}


def choose_form(request: web.BaseRequest) -> Form:
    """The form asked for by Accept. Raises HttpRefusal (406) when it is neither."""
    form = preferred_form(request)
    if form is None:
        raise HttpRefusal(406, "not-acceptable", "answers are written as application/json or application/xml")
    return form


def preferred_form(request: web.BaseRequest) -> Form | None:
    """The form with the highest weight, JSON where nothing is said, None where neither is acceptable."""
    accept = ",".join(request.headers.getall("Accept", []))
    if not accept.strip():
        return "json"
    weighted = [_weigh(item) for item in accept.split(",")]
    wanted = [(weight, form) for weight, form in weighted if form is not None and weight > 0]
    return max(wanted, key=lambda entry: entry[0])[1] if wanted else None


def prefers_page(request: web.BaseRequest) -> bool:
    """True for a browser: a page has more weight in Accept than JSON has, which is what nobody else need ask for."""
    items = ",".join(request.headers.getall("Accept", [])).split(",")
    pages = [weight for weight, name in map(_weigh_name, items) if name == "text/html"]
    others = [weight for weight, name in map(_weigh_name, items) if _FORMS.get(name) == "json"]
    return max(pages, default=0.0) > max(others, default=0.0)


def _weigh(item: str) -> tuple[float, Form | None]:
    weight, name = _weigh_name(item)
    return weight, _FORMS.get(name)


def _weigh_name(item: str) -> tuple[float, str]:
    """The weight of a media type and its name; nothing for a weight that is no number."""
    name, *parameters = [part.strip().lower() for part in item.split(";")]
    weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return float(weight), name
    except ValueError:
        return 0.0, name
