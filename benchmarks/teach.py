"""From a control let go to the new picture: `python benchmarks/teach.py [--smoke] [--out FILE]`.

The program and a browser on this machine, as a user has them. Each page's controls are moved in turn, by keyboard; the
browser's own clock runs from the key to the second frame after the numbers on the page are new.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from run import machine, write  # from the folder of this script

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from browsing import Browsing, absent, browsing

from simlab.teach.demonstrations import TITLES

PRESSED = "addEventListener('keydown', () => { window.pressed = performance.now(); }, true)"
WATCH = """() => {
  window.waits = [];
  let last = document.querySelector('.stage[data-settings]').dataset.settings;
  new MutationObserver(() => {
    const now = document.querySelector('.stage[data-settings]')?.dataset.settings;
    if (!now || now === last) return;
    last = now;
    const from = window.pressed;
    requestAnimationFrame(() => requestAnimationFrame(() => window.waits.push(performance.now() - from)));
  }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-settings']});
}"""


def waits(opened: Browsing, slug: str, moves: int) -> list[float]:
    """Seconds of each of ``moves`` moves of a page's controls, in turn."""
    page = opened.page(slug)
    page.evaluate(WATCH)
    sliders, groups = page.get_by_role("slider"), page.locator("[role=radiogroup]")
    n_sliders, n_groups = sliders.count(), groups.count()
    for move in range(moves):
        which, round_ = move % (n_sliders + n_groups), move // (n_sliders + n_groups)
        if which < n_sliders:
            low, high, now = (
                float(sliders.nth(which).get_attribute(f"aria-value{end}")) for end in ("min", "max", "now")
            )
            key = "ArrowRight" if now < high and (round_ % 2 == 0 or now == low) else "ArrowLeft"
            sliders.nth(which).press(key)
        else:
            groups.nth(which - n_sliders).locator("[role=radio][aria-checked=true]").press("ArrowDown", delay=50)
        page.wait_for_function("n => window.waits.length === n", arg=move + 1)
    found = [wait / 1e3 for wait in page.evaluate("window.waits")]
    page.close()
    return found


def main() -> None:
    """Measure all pages and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="two moves of one page: checks that the benchmark runs")
    parser.add_argument("--out", type=Path, help="also write the rows as JSON")
    chosen = parser.parse_args()
    reason = absent()
    if reason is not None:
        print(f"the demonstrations are not measured: {reason}")
        return
    slugs, moves = (("exam",), 2) if chosen.smoke else (tuple(TITLES), 20)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, browsing(Path(folder)) as opened:
        opened.context.add_init_script(PRESSED)  # before the page's own listeners
        for slug in slugs:
            found = waits(opened, slug, moves)
            rows.append({"name": slug, "moves": moves, "seconds": statistics.median(found), "worst": max(found)})
            print(f"{slug:<20} median {statistics.median(found) * 1e3:6.0f} ms  worst {max(found) * 1e3:6.0f} ms")
    if chosen.out is not None:
        write(chosen.out, machine(), chosen.smoke, rows)


if __name__ == "__main__":
    main()
