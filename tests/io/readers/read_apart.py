"""Run by test_damaged_binary.py: reads files in a process of its own, which may have little memory, and may die.

Prints a line of JSON for each file: first its number, then what became of it, so that a crash is seen for what it is.
"""

import json
import re
import resource
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from locgraph.errors import DataError, LocgraphError
from locgraph.io.columns import FileColumns
from locgraph.io.inspection import inspect
from locgraph.io.read import read_localisations

COLUMNS = FileColumns()
GREEDY = re.compile(r"memory(?!-mapped| allocation failed for on disk image buffer)|unable to alloc", re.IGNORECASE)
"""What is said where memory was asked for and not given: refused in the end, but not by the reader.

HDF5 asks for room for a block of any size that a damaged file states, and fills none of it.
"""


def rows(found):
    """Rows that were there: kept, refused, or told to be no localisations."""
    told = [int(number) for note in found.notes if "left out" in note for number in re.findall(r"(\d+) rows", note)]
    return found.table.height + sum(found.refused.values()) + sum(told)


def differs(found, whole):
    """What is not as in the undamaged file; nothing where all is."""
    if rows(found) != rows(whole):
        return f"{rows(found)} rows where there were {rows(whole)}"
    if found.table.columns != whole.table.columns:
        return "columns"
    same = found.table.equals(whole.table) and (found.refused, found.notes) == (whole.refused, whole.notes)
    if not same:
        return "numbers"
    return "" if found.metadata == whole.metadata else "metadata"


def read(path, whole):
    """What becomes of one file: read, with what differs; refused; or a fault of the reader."""
    try:
        try:
            found = read_localisations(path, COLUMNS, 1.0)
        except LocgraphError as error:
            look(path)
            return refusal(error)
        look(path)
    except BaseException as error:  # noqa: BLE001 (all that is seen is told)
        return {"how": "raised", "message": "".join(traceback.format_exception(error))[-3000:]}
    return {"how": "read", "differs": differs(found, whole)}


def refusal(error):
    """An error of locgraph in words; greedy where memory was asked for."""
    if not isinstance(error, DataError):
        return {"how": type(error).__name__, "message": str(error)}
    return {"how": "greedy" if GREEDY.search(str(error)) else "refused", "message": str(error)}


def look(path):
    """Looks at the file as ``locgraph inspect`` does, which may refuse it, too."""
    with suppress(LocgraphError):
        inspect(path, COLUMNS, 1.0)


def say(result):
    """Prints one line."""
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def main(memory, whole, first, *paths):
    """Reads the undamaged file, and then, with so many more bytes of memory, the others."""
    expected = read_localisations(Path(whole), COLUMNS, 1.0)
    look(Path(whole))
    used = int(re.search(r"VmData:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
    resource.setrlimit(resource.RLIMIT_DATA, (used + int(memory),) * 2)
    for number, path in enumerate(paths, int(first)):
        say(number)
        say(read(Path(path), expected))


if __name__ == "__main__":
    main(*sys.argv[1:])
