"""What a CRM was called, line by line, for whoever watches a plugin at work."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import BinaryIO

from crm_audit.emulator.server import Crm, Request, Response


@dataclass(frozen=True, slots=True)
class Noted:
    """A CRM whose calls are written down as JSON lines; neither headers nor bodies, where secrets and people are.

    `sink` must be unbuffered: a line is one write, so two CRMs may share it.
    """

    crm: Crm
    name: str
    sink: BinaryIO

    def answer(self, request: Request, *, base: str) -> Response:
        """The CRM's answer."""
        response = self.crm.answer(request, base=base)
        content = response.content()
        line = {
            "crm": self.name,
            "method": request.method,
            "target": request.target,
            "status": response.status,
            "bytes_in": len(request.body),
            "bytes_out": len(content),
        }
        self.sink.write(f"{json.dumps(line)}\n".encode())
        return replace(response, body=content)
