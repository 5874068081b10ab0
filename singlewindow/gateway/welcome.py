"""GET /: where somebody starts who opens the gateway's address in a browser. Needs no key, tells of no trader."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.languages import Language, preferred_language
from singlewindow.gateway.negotiation import prefers_page
from singlewindow.gateway.templates import answer_page, page_templates

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "claim": "File an export declaration once; hear from customs, inspection and every carrier in seconds.",
        "file": "File",
        "filing": "POST a document with your API key. The answer is a signed receipt; "
        "with Prefer: wait=5 it holds what the authorities decided.",
        "look": "Look up",
    },
    "zh": {
        "claim": "一次申报,数秒内获知海关、检验检疫和各承运人的结果。",
        "file": "申报",
        "filing": "使用您的 API 密钥以 POST 方式提交单证。"
        "应答为经签名的回执;加上 Prefer: wait=5 还会返回各部门的决定。",
        "look": "查询",
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """Something to go on to."""

    path: str
    en: str
    zh: str


PLACES = (
    Place(
        "/v1/message-sets",
        "Message sets: every element, rule and code, with samples",
        "报文集:全部元素、规则和代码,附样例",
    ),
    Place("/docs/errors", "Error codes: what each means and how to mend it", "错误代码:含义及更正方法"),
    Place("/openapi.yaml", "The contract of the HTTP interface (OpenAPI)", "HTTP 接口规范 (OpenAPI)"),
    Place("/health/ready", "Whether every part serves", "各部分是否正常运行"),
)


async def show_welcome(request: web.Request) -> web.Response:
    """A page for a browser, the same links in JSON for everybody else."""
    if not prefers_page(request):
        return answer_json({"links": {place.path: place.en for place in PLACES}}, headers={"Vary": "Accept"})
    language = preferred_language(request)
    page = page_templates().get_template("welcome.html")
    return answer_page(page.render(language=language, words=WORDS[language], places=PLACES), language)
