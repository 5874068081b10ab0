"""Chinese for the sentences of refusals, whose English is written where they are raised."""

from __future__ import annotations

import re

from singlewindow.gateway.titles import PROBLEM_CODES

_COUNT = r"(\d[\d,]*)"
_SENTENCES: tuple[tuple[str, str], ...] = (
    (rf"{_COUNT} errors? in {_COUNT} of {_COUNT} declarations?", "{2} 份单证中有 {1} 份存在错误,共 {0} 处"),
    (rf"{_COUNT} errors? outside the declarations of the message", "报文的单证之外有 {0} 处错误"),
    (r"the body is empty; send one XML document", "请求体为空;请发送一份 XML 文档"),
    (r"the document is not well-formed XML: (.*)", "文档不是格式良好的 XML({0})"),
    (r"the bytes are not (.*)", "字节不是有效的 {0} 编码"),
    (
        r"(.*) is not taken; send UTF-8, or UTF-16 with byte order mark",
        "不接受 {0};请用 UTF-8 或带标记的 UTF-16",
    ),
    (r"(.*) takes UTF-8, or UTF-16 with byte order mark", "{0} 只接受 UTF-8 或带字节序标记的 UTF-16"),
    (r"Content-Type says (.*), the document (.*)", "Content-Type 声明为 {0},文档声明为 {1}"),
    (r'only XML 1\.0 is taken; write version="1\.0"', '只接受 XML 1.0;请写 version="1.0"'),
    (r"a DOCTYPE is not allowed; remove it", "不允许 DOCTYPE,请删除"),
    (r"the document names something outside itself; remove it", "文档引用了外部内容,请删除"),
    (r"elements are nested deeper than (\d+)", "元素嵌套超过 {0} 层"),
    (r"an element has more than (\d+) attributes", "一个元素的属性超过 {0} 个"),
    (rf"more than {_COUNT} elements; send several messages", "元素超过 {0} 个;请拆分为多个报文"),
    (rf"(.*) takes at most {_COUNT} elements; send several messages", "{0} 至多接受 {1} 个元素;请拆分为多个报文"),
    (rf"(.*) takes at most {_COUNT} bytes; send several messages", "{0} 至多接受 {1} 字节;请拆分为多个报文"),
    (rf"at most {_COUNT} bytes are taken, also after gunzip", "至多接受 {0} 字节,解压后亦然"),
    (r"xsi:type may not be used; remove it", "不得使用 xsi:type,请删除"),
    (r"no installed message set knows the root (.*); installed: (.*)", "已安装的报文集都不认识根元素 {0};已安装:{1}"),
    (r"no installed message set has a root (.*)", "已安装的报文集都没有根元素 {0}"),
    (r"installed message sets: (.*)", "已安装的报文集:{0}"),
    (r"the content of (.*) is not Base64", "{0} 的内容不是 Base64"),
    (r"(.*) is what an authority answers; a trader files requests", "{0} 是主管部门的回执;企业应提交申报报文"),
    (r"this API key lacks the scope (.*)", "该 API 密钥缺少权限 {0}"),
    (r"send a live API key as 'Authorization: Bearer KEY'", "请以 Authorization: Bearer 密钥 发送有效的 API 密钥"),
    (r"there is no such thing, or it is not yours", "没有该对象,或它不属于您"),
    (r"(\S+) is not one of (.*)", "{0} 不在 {1} 之列"),
    (r"(\S+) must be a whole number", "{0} 须为整数"),
    (r"(\S+) must be an id", "{0} 须为标识符"),
    (r"(\S+) must be a time like (.*)", "{0} 须为时间,例如 {1}"),
    (r"send Content-Type: (.*)", "请发送 Content-Type: {0}"),
    (r"the declaration is (\S+), and only a held one can be sent", "单证状态为 {0};只有暂存的单证可以发送"),
    (r"the fault is ours and was recorded under reference (\S+)", "故障在我方,已记录,编号 {0}"),
    (
        r"the document is issued by (.*), and your registration names none of them",
        "单证由 {0} 签发,您未登记该企业",
    ),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), chinese) for pattern, chinese in _SENTENCES)


def say_in_chinese(sentence: str, code: str) -> str:
    """A refusal's sentence in Chinese; what has no translation is told by its code's title and how to mend it."""
    for pattern, chinese in _COMPILED:
        if found := pattern.fullmatch(sentence):
            return chinese.format(*found.groups())
    named = PROBLEM_CODES.get(code, PROBLEM_CODES["bad-request"])
    return f"{named.title_zh}。{named.mend_zh}" if named.mend_zh else named.title_zh
