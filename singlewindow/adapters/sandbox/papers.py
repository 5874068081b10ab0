"""The CEB documents as customs sees them: what it keeps of each, how it answers, and the statuses each goes through.

Sources: the element tables of the 2018-05 and 2022-05 editions and the statuses of the published lifecycle.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
EDITION_2018, EDITION_2022 = "ceb-2018", "ceb-2022"

RECEIVED, REGISTERED, ACCEPTED, RELEASED, CLOSED, CANCELLED = "2", "120", "399", "800", "899", "430"
REJECTED, MANUAL_CHECK, EXAMINED, DETAINED = "100", "300", "500", "501"

INFO = {
    RECEIVED: "新增申报成功",
    REGISTERED: "[Code:1800;Desc:逻辑校验通过]",
    ACCEPTED: "[Code:2300;Desc:审核通过]",
    RELEASED: "[Code:2600;Desc:放行]",
    CLOSED: "结关",
    CANCELLED: "撤销成功",
    REJECTED: "[Code:1300;Desc:人工退单，{element}不符合要求]",
    MANUAL_CHECK: "人工审核",
    EXAMINED: "查验",
    DETAINED: "扣留移送通关",
}
"""returnInfo by returnStatus, with the second code where the published receipts carry one."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One kind of request. `unit` is its element, `own` the fields of its own reference (the first that is not empty).

    `about` are the fields its response repeats, `kept` further ones that customs needs later; `lists` the lines kept,
    with their fields. `path` are the statuses after 2 when nothing is wrong. `band` is the processing band's code for
    a business key that exists already.
    """

    kind: str
    unit: str
    key: tuple[str, ...]
    own: tuple[str, ...]
    response: str
    about: tuple[str, ...]
    path: tuple[str, ...]
    band: str
    kept: tuple[str, ...] = ()
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """Every field customs reads of the head."""
        return frozenset((*self.key, *self.own, *self.about, *self.kept, "appType"))


PAPERS: dict[str, Paper] = {
    "CEB303Message": Paper(
        kind="order",
        unit="Order",
        key=("ebpCode", "ebcCode", "orderNo"),
        own=("orderNo",),
        response="CEB304Message",
        about=("ebpCode", "ebcCode", "orderNo"),
        path=(REGISTERED,),
        band="-304001",
    ),
    "CEB403Message": Paper(
        kind="payment_receipt",
        unit="Receipts",
        key=("ebpCode", "ebcCode", "orderNo", "payNo"),
        own=("payNo", "orderNo"),
        response="CEB404Message",
        about=("ebcCode", "orderNo", "payNo"),
        path=(REGISTERED,),
        band="-404001",
    ),
    "CEB505Message": Paper(
        kind="waybill",
        unit="Logistics",
        key=("logisticsCode", "logisticsNo"),
        own=("logisticsNo",),
        response="CEB506Message",
        about=("logisticsCode", "logisticsNo"),
        path=(REGISTERED,),
        band="-504001",
    ),
    "CEB507Message": Paper(
        kind="arrival",
        unit="Arrival",
        key=("operatorCode", "copNo", "msgSeqNo"),
        own=("copNo",),
        response="CEB508Message",
        about=("operatorCode", "logisticsCode", "copNo", "billNo", "msgSeqNo"),
        path=(REGISTERED, ACCEPTED),
        band="-804001",
    ),
    "CEB509Message": Paper(
        kind="departure",
        unit="Departure",
        key=("logisticsCode", "copNo", "msgSeqNo"),
        own=("copNo",),
        response="CEB510Message",
        about=("logisticsCode", "copNo", "msgSeqNo"),
        path=(REGISTERED, ACCEPTED),
        band="-508001",
        lists=(("DepartureList", ("logisticsNo",)),),
    ),
    "CEB603Message": Paper(
        kind="inventory",
        unit="Inventory",
        key=("agentCode", "copNo"),
        own=("copNo",),
        response="CEB604Message",
        about=("agentCode", "copNo", "ebcCode", "ebpCode", "orderNo", "statisticsFlag"),
        path=(REGISTERED, ACCEPTED, RELEASED),
        band="-604001",
        kept=("customsCode", "logisticsCode", "logisticsNo", "grossWeight", "netWeight"),
        lists=(("InventoryList", ("gnum", "gcode")),),
    ),
    "CEB605Message": Paper(
        kind="inventory_cancellation",
        unit="InvtCancel",
        key=("agentCode", "copNo"),
        own=("copNo",),
        response="CEB606Message",
        about=("agentCode", "copNo", "invtNo"),
        path=(REGISTERED, ACCEPTED),
        band="-608001",
    ),
    "CEB607Message": Paper(
        kind="consolidation",
        unit="WayBill",
        key=("agentCode", "copNo", "msgSeqNo"),
        own=("copNo",),
        response="CEB608Message",
        about=("agentCode", "logisticsCode", "copNo", "billNo", "msgSeqNo"),
        path=(REGISTERED, ACCEPTED),
        band="-904001",
    ),
    "CEB701Message": Paper(
        kind="summary_application",
        unit="SummaryApply",
        key=("agentCode", "copNo", "msgSeqNo"),
        own=("copNo",),
        response="CEB702Message",
        about=("agentCode", "ebcCode", "copNo", "msgSeqNo"),
        path=(REGISTERED, ACCEPTED),
        band="-704001",
        kept=("customsCode", "agentName", "ebcName", "declAgentCode", "declAgentName"),
        lists=(("SummaryApplyList", ("invtNo",)),),
    ),
    "CEB213Message": Paper(
        kind="return",
        unit="InvtRefund",
        key=("agentCode", "coElNo"),
        own=("coElNo",),
        response="CEB214Message",
        about=("ebpCode", "ebcCode", "agentCode", "coElNo", "invtNo"),
        path=(REGISTERED, RELEASED),
        band="-604001",
    ),
    "CEB215Message": Paper(
        kind="return_tally",
        unit="InvtRefundDetail",
        key=("operatorCode", "coElNo"),
        own=("coElNo",),
        response="CEB216Message",
        about=("operatorCode", "logisticsCode", "logisticsNo", "coElNo"),
        path=(REGISTERED, ACCEPTED),
        band="-804001",
    ),
}

ACTIONS = {"2": "change", "3": "delete"}
"""appType; everything else is a new document."""
