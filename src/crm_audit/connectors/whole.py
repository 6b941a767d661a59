"""Streams of a connector that reads everything every time: whole passes, each from its beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from crm_audit.connectors.base import Gap, Page, Reading
from crm_audit.domain import KINDS
from crm_audit.errors import NoAccess, OutOfQuota, Retry


def whole(reading: Reading, pages: Callable[[str], Iterator[Page]]) -> Iterator[Page | Gap]:
    """The pages of every kind, each stream (`kind/...`) as a whole pass; what the CRM withholds as gaps."""
    for stream, stand in reading.stands.items():
        if not stand.ended:
            yield Page(kind=stream.partition("/")[0], stream=stream, ended=True)
    spent = ""
    for kind in KINDS:
        if spent:
            yield Gap(kind, spent)
            continue
        try:
            yield from _passes(pages(kind))
        except OutOfQuota as error:
            spent = str(error)
            yield Gap(kind, spent)
        except (NoAccess, Retry) as error:
            yield Gap(kind, str(error) or type(error).__name__)


def _passes(pages: Iterator[Page]) -> Iterator[Page]:
    """The pages, each the last of its pass where another stream or nothing follows."""
    last = None
    for page in pages:
        if last is not None:
            yield last if last.stream == page.stream else replace(last, ended=True, sweep="all")
        last = page
    if last is not None:
        yield replace(last, ended=True, sweep="all")
