"""One CSV file, row by row; what cannot be read is an error that names the line."""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from crm_audit.errors import FixConfig

LONGEST_CELL = 1 << 24  # Python stops at 131,072 characters; a Salesforce rich text may hold more


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file with a header. Blank lines are no rows."""

    path: Path
    encoding: str = "utf-8-sig"  # UTF-8 with or without the mark that Excel puts first
    delimiter: str = ","

    @property
    def name(self) -> str:
        """The file's name, as notes call it."""
        return self.path.name

    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        with closing(self._lines()) as lines:
            for _, cells in lines:
                return tuple(name.strip() for name in cells)
        raise FixConfig(f"{self.path}:1: the file is empty; its first line must name the columns")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row below the header with the line on which it begins."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def _lines(self) -> Generator[tuple[int, list[str]], None, None]:
        csv.field_size_limit(LONGEST_CELL)
        try:
            with self.path.open(encoding=self.encoding, newline="") as text:
                yield from self._parsed(text)
        except UnicodeError:
            raise FixConfig(self._undecodable()) from None
        except OSError as error:
            raise FixConfig(f"{self.path}: cannot be read: {error.strerror}") from None

    def _parsed(self, text: TextIO) -> Iterator[tuple[int, list[str]]]:
        line = 1
        # strict: a stray quote would otherwise swallow every row up to the next one
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        try:
            for cells in reader:
                if any(cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise FixConfig(f"{self.path}:{line}: this is not CSV: {error}; is a quote not closed?") from None

    def _undecodable(self) -> str:
        with self.path.open("rb") as raw:
            line = next((number for number, text in enumerate(raw, 1) if not self._decodes(text)), 1)
        encoding = self.encoding.removesuffix("-sig")
        return f"{self.path}:{line}: this is not {encoding}; set options.encoding, for example 'cp1252' or 'utf-16'"

    def _decodes(self, line: bytes) -> bool:
        try:
            line.decode(self.encoding)
        except UnicodeError:
            return False
        return True
