"""The text in a price file: unpacked, decoded, and without the lines below its table."""

import codecs
import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from drltrade.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".txt", ".zip", ".parquet")
UNREADABLE = (
    OSError,  # BadGzipFile is one, and so are pyarrow's I/O errors
    EOFError,
    UnicodeDecodeError,
    ValueError,  # pandas' errors, and pyarrow's ArrowInvalid
    zipfile.BadZipFile,
    zlib.error,
)
SAMPLE = 2**12
"""Bytes by which UTF-16 is recognised."""
TAIL = 2**14
"""Bytes at the end of a text in which lines below its table are looked for."""
FOOTER = 20
"""Lines at the end of a text of which some may be no rows."""
_NUMBER = re.compile(r"[^A-Za-z]*\d[\d.,'% ]*[kKmMbBtT]?")


class Text(NamedTuple):
    """What a file says, and how it was read."""

    content: bytes
    """UTF-8, without lines below the table."""
    notes: tuple[str, ...]


def kind_of(path: Path) -> str:
    """The suffix of a price file. Raises DataError where it is none that can be read."""
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise DataError(f"{path}: unknown kind of file; use one of {', '.join(SUFFIXES)}")


def stem_of(path: Path) -> str:
    """What a file is called, without its suffix."""
    return path.name[: -len(kind_of(path))]


def read_text(path: Path, content: bytes) -> Text:
    """The text of a file, plain, gzipped or alone in a zip: UTF-8, UTF-16, or else Windows-1252.

    Raises:
        DataError: it cannot be read, or a zip holds several files.
    """
    try:
        if kind_of(path) == ".csv.gz":
            content = gzip.decompress(content)
        elif kind_of(path) == ".zip":
            content = _only_member(path, content)
        content, encoding = _decoded(content)
        if b"\n" not in content:  # lines as old Macs ended them
            content = content.replace(b"\r", b"\n")
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    end, footer = _without_footer(content)
    notes = [f"text is no UTF-8, and read as {encoding}"] if encoding else []
    if footer:
        shown = " / ".join(line[:60] for line in footer)
        notes.append(f"what stands below the table is not read: {shown}")
    return Text(content[:end] if footer else content, tuple(notes))


def _decoded(content: bytes) -> tuple[bytes, str]:
    """UTF-8 without a mark at its beginning, and what it was, where that is to be told."""
    if content.isascii() and b"\0" not in content[:SAMPLE]:
        return content, ""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return content.decode("utf-16").encode(), ""
    # Every other byte of a text in Latin letters is 0 in UTF-16.
    sample = content[: SAMPLE // 2 * 2]
    for name, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if 2 * zeros.count(0) > len(zeros):
            return content.decode(name).encode(), ""
    try:
        content.decode("utf-8")
        return content.removeprefix(codecs.BOM_UTF8), ""
    except UnicodeDecodeError:
        if b"\0" in sample:
            raise
    try:
        return content.decode("cp1252").encode(), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1").encode(), "Latin-1"


def _without_footer(content: bytes) -> tuple[int, list[str]]:
    """Where the table ends, and the lines below it: words without a number of a row's."""
    tail = content[-TAIL:]
    before, end = len(content) - len(tail), len(tail.rstrip())
    footer: list[str] = []
    while len(footer) < FOOTER:
        place = tail.rfind(b"\n", 0, end) + 1
        line = tail[place:end].decode("utf-8", errors="replace")
        above = tail[:place].rstrip().rpartition(b"\n")[2].decode("utf-8", errors="replace")
        if not place or not _is_footer(line, above):
            break
        footer.append(line.strip(" ,;\t|\r"))
        end = len(tail[:place].rstrip())
    return before + end, footer[::-1]


def _is_footer(line: str, above: str) -> bool:
    """Whether a line is a sentence, and not a row that is torn, nor one of a table of words."""
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t|]", line)]
    if line.count('"') % 2 or not any(cells) or above.startswith(line.rstrip(" ,;\t|\r")):
        return False
    says = re.match(r"[#*(\u00a9]|[^\W\d]", cells[0]) is not None
    return says and " " in line.strip() and not any(_NUMBER.fullmatch(cell) for cell in cells)


def _only_member(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [
            each for each in archive.infolist()
            if not each.is_dir() and not each.filename.startswith("__MACOSX")
        ]  # fmt: skip
        if len(members) != 1:
            listed = ", ".join(each.filename for each in members[:5]) or "nothing"
            raise DataError(
                f"{path}: holds {listed}; one file is expected: unpack it into a folder"
            )
        return archive.read(members[0])
