"""Exchange envelopes around messages."""

from __future__ import annotations

import base64


def enclose(content: bytes, *, sender: str = "DXPENTERPRISE001", message_id: str = "MESSAGE-1") -> bytes:
    """A DxpMsg that carries these bytes."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<dxp:DxpMsg xmlns:dxp="http://www.chinaport.gov.cn/dxp" ver="1.0">
  <dxp:TransInfo>
    <dxp:CopMsgId>{message_id}</dxp:CopMsgId>
    <dxp:SenderId>{sender}</dxp:SenderId>
    <dxp:ReceiverIds><dxp:ReceiverId>DXPEDCCEB0000003</dxp:ReceiverId></dxp:ReceiverIds>
    <dxp:CreatTime>2026-03-01T10:00:00</dxp:CreatTime>
    <dxp:MsgType>CEB603</dxp:MsgType>
  </dxp:TransInfo>
  <dxp:Data>{base64.b64encode(content).decode()}</dxp:Data>
</dxp:DxpMsg>""".encode()
