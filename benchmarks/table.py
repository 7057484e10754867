"""Tables as plain text: columns as wide as they need, numbers to the right."""

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows of words under a header.

    Args:
        header: column titles.
        rows: cells as text; a dash stands for what was not measured.

    Returns:
        The table as text; the first column is set to the left, the others to the right.

    Raises:
        ValueError: if a row has another number of cells than the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"A row has {len(row)} cells under {len(header)} titles: {list(row)}.")
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    set_lines = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        set_lines.append("  ".join(cells).rstrip())
    set_lines.insert(1, "-" * max(len(line) for line in set_lines))
    return "\n".join(set_lines)
