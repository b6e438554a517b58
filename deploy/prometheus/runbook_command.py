"""`synchealth runbook`: the runbooks as they were installed, for who has no repository and no browser at hand."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from deploy.prometheus.detection_rules import alert_name
from streams.detections.registry import all_detections

_ROOT = Path(__file__).parents[2]
_PIPELINE = Path(__file__).parent / "runbooks"


def runbooks() -> dict[str, Path]:
    """Every name that a runbook answers to: a detection's id, and each alert's name."""
    found = {book.stem: book for book in sorted(_PIPELINE.glob("*.md"))}
    for registered in all_detections():
        found[registered.detection.id] = found[alert_name(registered.detection)] = registered.runbook
    return found


@click.command()
@click.argument("name", required=False)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all of them there, under the paths that alerts name, for a web server to show.",
)
def runbook(name: str | None, output: Path | None) -> None:
    """Print the runbook of an alert or a detection; without NAME, list them."""
    found = runbooks()
    if output is not None:
        books = {book.relative_to(_ROOT): book for book in found.values()}
        for path, book in books.items():
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            (output / path).write_text(book.read_text())
        click.echo(f"{len(books)} runbooks in {output}")
    elif name is None:
        click.echo("\n".join(sorted({*(each.detection.id for each in all_detections()), *_pipeline()})))
    else:
        known = {each.lower(): book for each, book in found.items()}
        book_of_name = known.get(name.lower())
        if book_of_name is None:
            near = difflib.get_close_matches(name.lower(), known, n=3)
            meant = f"; did you mean {', '.join(near)}?" if near else "; `synchealth runbook` lists all"
            raise click.BadParameter(f"there is no runbook {name!r}{meant}", param_hint="NAME")
        click.echo(book_of_name.read_text())


def _pipeline() -> list[str]:
    return [book.stem for book in _PIPELINE.glob("*.md")]
