"""Bars as SVG: one panel a quantity, logarithmic, ours marked. No library, no fonts but the viewer's."""

import math
from xml.sax.saxutils import escape

WIDTH, NAME, VALUE, BAR, GAP = 460, 90, 130, 16, 6
OURS, OTHERS, INK = "#1a6b54", "#b9bfc4", "#222"


def _text(x, y, text, size=12, anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="{INK}" '
            f'font-family="sans-serif">{escape(text)}</text>')


def _number(value):
    return f"{value:.2f}" if value < 10 and value % 1 else f"{value:,.0f}"


def _panel(title, rows, ours, left, top):
    """One quantity; rows: {name: (value, by ours)}. Bars begin at half of the least value."""
    low = min(value for value, _ in rows.values()) / 2
    span = math.log(max(value for value, _ in rows.values()) / low) or 1
    room = WIDTH - NAME - VALUE
    out = [_text(left, top, title, 13, weight="bold")]
    for number, (name, (value, ratio)) in enumerate(rows.items()):
        y = top + 10 + number * (BAR + GAP)
        length = max(1, room * math.log(value / low) / span)
        out.append(_text(left + NAME - 6, y + BAR - 4, name, anchor="end"))
        out.append(f'<rect x="{left + NAME}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{OURS if name == ours else OTHERS}"/>')
        out.append(_text(left + NAME + length + 5, y + BAR - 4, f"{_number(value)}  (x {ratio:.2f})"))
    return out


def bars(title, panels, ours="bootseal"):
    """panels: {(quantity, unit): {name: (value, by ours)}}"""
    height = 34 + max(len(rows) for rows in panels.values()) * (BAR + GAP)
    lines = -(-len(panels) // 2)
    out = [_text(20, 28, title, 16, weight="bold"), _text(20, 46, "Logarithmic: a bar begins at half of the least value. In brackets: "
                                                          "times ours. Shorter is better.", 11)]
    for number, ((name, unit), rows) in enumerate(panels.items()):
        out += _panel(f"{name}, {unit}" if unit else name, rows, ours, 20 + number % 2 * (WIDTH + 30), 76 + number // 2 * height)
    size = f"{2 * WIDTH + 70} {70 + lines * height}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}" height="{size.split()[1]}">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(out) + "\n</svg>\n")
