"""`adaspec demo`: the whole idea on real data. A rule goes in, native optimizers come out, and they agree.

Each part is a module: `regression` (one rule on every framework), `newcomer` (a rule written on the spot), `digits` and
`race` (nine rules learn to read), `picture`; `story` tells them. It needs NumPy and rich, the lab extra for the digits
and the picture, and uses the frameworks that are installed.
"""

from __future__ import annotations

from pathlib import Path

from ..cli.files import make_folder
from ..cli.quiet import present, start
from .story import Story


def run(out: str = "demo-output", quick: bool = False, targets: list[str] | None = None) -> int:
    """Show everything and write it to the folder `out`: 0 if all agrees, 1 if something differs, 2 without the lab.

    `targets` limits the frameworks; `quick` shortens every run: it shows that the demo works, not what it has to show.
    """
    folder = Path(out)
    make_folder(folder)
    story = Story(folder, quick, targets)
    start(target for target in story.targets if present(target))
    return story.tell()
