"""English or Chinese: which one a client reads, and what it then gets."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from singlewindow.gateway.chinese import say_in_chinese
from singlewindow.gateway.titles import title_of

Language = Literal["en", "zh"]

_LANGUAGES: dict[str, Language] = {"en": "en", "zh": "zh", "*": "en"}


def preferred_language(request: web.BaseRequest) -> Language:
    """The language with the highest weight in Accept-Language, the first of several; English where neither is read."""
    return choose_language(",".join(request.headers.getall("Accept-Language", [])))


def choose_language(accepted: str) -> Language:
    """As `preferred_language`, of the header's value: `zh-CN`, `zh-Hans-CN` and `zh` are all Chinese."""
    weighted = [_weigh(item) for item in accepted.split(",")]
    wanted = [(weight, language) for weight, language in weighted if language is not None and weight > 0]
    return max(wanted, key=lambda entry: entry[0])[1] if wanted else "en"


def language_headers(language: Language) -> dict[str, str]:
    """The headers of an answer that is written in a language the client chose."""
    return {"Content-Language": language, "Vary": "Accept, Accept-Language"}


def localise(answer: Any, language: Language) -> Any:
    """An answer whose errors are told in this language: one entry, a list of them, or a report that holds some.

    The answer is not changed; `message_zh` and `hint_zh` stay. A signed receipt must never be localised.
    """
    if language == "en":
        return answer
    if isinstance(answer, list):
        return [localise(entry, language) for entry in answer]
    if not isinstance(answer, dict):
        return answer
    told = {name: localise(value, language) for name, value in answer.items()}
    return told | _in_chinese(answer) if "code" in answer and "message" in answer else told


def localise_problem(problem: dict[str, Any], language: Language) -> dict[str, Any]:
    """Problem details with title, detail and errors in this language."""
    if language == "en":
        return problem
    title = title_of(problem["code"], chinese=True)
    detail = say_in_chinese(problem["detail"], problem["code"])
    told: dict[str, Any] = localise(problem, language)
    return told | {"title": title, "detail": detail}


def _in_chinese(entry: dict[str, Any]) -> dict[str, Any]:
    message = entry.get("message_zh") or say_in_chinese(entry["message"], entry["code"])
    return {"message": message, "hint": entry.get("hint_zh") or entry.get("hint")}


def _weigh(item: str) -> tuple[float, Language | None]:
    name, *parameters = [part.strip().lower() for part in item.split(";")]
    weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
    try:
        return float(weight), _LANGUAGES.get(name.partition("-")[0])
    except ValueError:
        return 0.0, None
