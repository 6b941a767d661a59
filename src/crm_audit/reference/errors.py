"""errors.md: what can go wrong, and what to do then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crm_audit import errors as ours
from crm_audit.errors import CrmAuditError
from crm_audit.reference.markdown import block, code, page, table, told

TODO: Mapping[str, str] = {
    "FixConfig": "Change the file or argument that the line names and run the command again. Nothing was changed.",
    "BadPack": "Open the file at the line that is named; `crm-audit rules lint` checks it without touching a deal.",
    "FixInCrm": "Ask the CRM's administrator for what the line names; `crm-audit doctor` says whether it is there.",
    "BadLogin": "Renew the credential in the variable that `login` names, and run `crm-audit doctor`.",
    "NoAccess": "Give the integration user the scope, permission or field that is named. Until then rules over it are "
    "unknown, never failed.",
    "Retry": "Run the same command later. What was read is kept, and nothing is half written.",
    "OutOfQuota": "Wait until the CRM counts anew, or give us a larger share.",
    "Busy": "Wait for the other process, which is named, or end it.",
    "StorageFull": "Make room on the disk, or raise the quota, and run the same command again.",
    "Unreviewed": "Look at the plan, then apply it with `--plan` and its digest.",
    "Incomplete": "Run `crm-audit sync` again. Until a run is complete nothing is written back from it.",
    "StoreTooNew": "Update crm-audit, or name another store; the newer one was not touched.",
}


def errors() -> str:
    """The page on the error tree."""
    rows = [
        (code(each.__name__), str(each.exit_code), told(each), TODO[each.__name__]) for each in below(CrmAuditError)
    ]
    return page(
        "Errors",
        "Whatever ends a command is one line: where it happened, what is wrong, and the likely fix. Bad input changes "
        "nothing. Errors are classed by what the reader does next.",
        block(drawn(), "text"),
        table(("error", "exit", "means", "what to do"), rows),
        "Anything else that escapes is a mistake in crm-audit: exit 70, one line, and a file with the details that "
        "holds neither settings nor records. Please report it.",
    )


def drawn() -> str:
    """The tree as errors.py draws it."""
    return (ours.__doc__ or "").partition("\n\n")[2].partition("\n\nAnything else")[0]


def below(error: type[CrmAuditError]) -> Iterator[type[CrmAuditError]]:
    """Every class of errors.py below one, from the top down."""
    for each in children(error):
        yield each
        yield from below(each)


def children(error: type[CrmAuditError]) -> list[type[CrmAuditError]]:
    """The classes of errors.py right below one."""
    return [each for each in vars(ours).values() if isinstance(each, type) and each.__base__ is error]
