"""A document of few kinds of blocks, as Markdown and as one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 0 auto;
       max-width: 76rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
h3 { margin-bottom: .3rem; }
p, li { max-width: 56rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top;
         white-space: nowrap; overflow-wrap: normal; }
th { border-bottom: 2px solid #888; } th:first-child, td:first-child { text-align: left; }
td.words { text-align: left; white-space: normal; min-width: 16rem; }
.figures { display: grid; gap: 1rem; margin: 1.2rem 0;
           grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figure img { width: 100%; max-width: 40rem; height: auto; display: block; }
figcaption { font-size: .875rem; color: #444; }
.note { border-left: 4px solid #d55e00; background: #fff4ec; padding: .5rem .8rem; max-width: 56rem; }
code { background: #f1f1f1; padding: 0 .2em; border-radius: 3px; font-size: .9em; }
"""
WORDS = 28  # characters: a cell with more is text, which may wrap


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph; ``**bold**`` and `` `code` `` are understood. A note stands out."""

    text: str
    note: bool = False


@dataclass(frozen=True)
class Items:
    """A list of paragraphs."""

    items: list[str]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Figure:
    """An SVG picture, its file name without ending, and what it shows."""

    name: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Figures:
    """Pictures side by side where there is room."""

    figures: list[Figure]


Block = Heading | Text | Items | Table | Figures


@dataclass
class Document:
    """Blocks from top to bottom."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Append blocks; a table, list or row of figures without content is left out."""
        for block in blocks:
            empty = (
                (isinstance(block, Table) and not block.rows)
                or (isinstance(block, Items) and not block.items)
                or (isinstance(block, Figures) and not block.figures)
            )
            if not empty:
                self.blocks.append(block)

    def figures(self) -> list[Figure]:
        """Every picture."""
        return [figure for block in self.blocks if isinstance(block, Figures) for figure in block.figures]

    def markdown(self, folder: str) -> str:
        """The document as Markdown; the pictures are files ``<folder>/<name>.svg``."""
        return "\n\n".join([f"# {self.title}", *(_markdown(block, folder) for block in self.blocks)]) + "\n"

    def html(self) -> str:
        """The document as one page that needs nothing else."""
        body = "\n".join(_html(block) for block in self.blocks)
        title = html.escape(self.title)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
        )


def _markdown(block: Block, folder: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Text):
        return f"> {block.text}" if block.note else block.text
    if isinstance(block, Items):
        return "\n".join(f"- {item}" for item in block.items)
    if isinstance(block, Figures):
        return "\n\n".join(f"![{figure.caption}]({folder}/{figure.name}.svg)" for figure in block.figures)
    rule = "|".join(["---"] + ["---:"] * (len(block.header) - 1))
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (block.header, *block.rows)]
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{rule}|", *body])


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_inline(block.text)}</h{block.level}>"
    if isinstance(block, Text):
        return f'<p class="note">{_inline(block.text)}</p>' if block.note else f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Items):
        return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in block.items) + "</ul>"
    if isinstance(block, Figures):
        return f'<div class="figures">{"".join(map(_figure, block.figures))}</div>'
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in block.header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in block.rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    return f"<td{' class=words' if len(text) > WORDS else ''}>{_inline(text)}</td>"


def _figure(figure: Figure) -> str:
    """As an image: the ids inside two inlined SVGs could clash."""
    data = base64.b64encode(figure.svg.encode()).decode()
    caption = html.escape(figure.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _inline(text: str) -> str:
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
