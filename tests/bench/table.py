# SPDX-License-Identifier: Apache-2.0
"""The results as a table for people and as a tree for JSON."""

import statistics

HEAD = ("", "best", "median", "cpu", "x crun", "x floor", "")


def number(value, unit):
    if value is None:
        return "-"
    return f"{value:.2f}" if unit == "ms" else f"{value:.0f}"


def against(cell, other):
    """The ratios of best and of median."""
    if not other or cell is other or not other.best or cell.best is None:
        return ""
    return f"{cell.best / other.best:.2f}/{cell.median / other.median:.2f}"


def row_lines(row, cells, labels, crun, verdict):
    """A title with the verdict, then a line per lane in the order of `labels`."""
    title = f"{row.title}, {row.unit}"
    if verdict:
        asked, found, met = verdict
        title += f"   (orlop {asked}: "
        title += "not measured)" if met is None else f"{found}, {'met' if met else 'NOT MET'})"
    out = [title]
    for lane, label in labels.items():
        cell = cells.get(lane)
        if not cell:
            continue
        if cell.error:
            out.append((label, "fails", "", "", "", "", cell.error[:100]))
            continue
        cpu = number(statistics.median(cell.cpu), "ms") if cell.cpu else ""
        out.append((label, number(cell.best, row.unit), number(cell.median, row.unit), cpu,
                    against(cell, cells.get(crun)), against(cell, cells.get(row.base)),
                    cell.note))
    return out


def layout(rows):
    """Text of all rows: titles as they are, columns under one another."""
    cells = [line for line in rows if not isinstance(line, str)]
    width = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    out = []
    for line in rows:
        if isinstance(line, str):
            out += ["", line]
            continue
        text = "  " + line[0].ljust(width[0])
        for i in range(1, len(line) - 1):
            text += "  " + line[i].rjust(width[i])
        out.append((text + "  " + line[-1]).rstrip())
    return "\n".join(out)


def as_tree(row, cells, verdict):
    """One row for JSON: every value that was measured."""
    lanes = {}
    for lane, cell in cells.items():
        lanes[lane] = {"best": cell.best, "median": cell.median, "values": cell.values}
        if cell.cpu:
            lanes[lane]["cpu_ms"] = cell.cpu
        for name in ("error", "note", "factor"):
            if getattr(cell, name):
                lanes[lane][name] = getattr(cell, name)
    tree = {"title": row.title, "unit": row.unit, "lanes": lanes}
    if verdict:
        tree["target"] = {"asked": verdict[0], "found": verdict[1], "met": verdict[2]}
    return tree
