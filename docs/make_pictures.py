"""Makes docs/pictures/{report*,size,sweep}.png from reports; needs chromium.

sim run scenarios/ivi_camera.yaml scenarios/partition_schedule.yaml --out /tmp/runs
sim size scenarios/ivi_camera.yaml --target "drops=0,p99(front_camera->display)<100ms" --out /tmp/runs/size
sim sweep scenarios/ivi_camera.yaml --from /tmp/runs/ivi_camera --grid cameras=1..5 --grid depth=2,4,8 \\
    --grid fps=15..60..5 --grid service_time=80%,100%,120% --out /tmp/runs/sweep
python docs/make_pictures.py /tmp/runs
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
WIDTH = 1280
ALL_BUT = r"<(header|nav|footer|section id=\"(?!{})\w+\")"
PARTS = {
    "report": ("ivi_camera", r"<(nothing)", 1800),
    "report_timeline": ("ivi_camera", ALL_BUT.format("timeline"), 932),
    "report_microcontrollers": ("ivi_camera", ALL_BUT.format("microcontrollers"), 641),
    "size": ("size", r"<(nothing)", 1600),
    "sweep": ("sweep", r"<(nothing)", 1600),
    "report_schedule": ("partition_schedule", ALL_BUT.format("schedule"), 800),
}
"""Name of each picture: folder of its report, what is hidden in the page, and the height of the window in pixels."""


def photograph(page: Path, height: int, picture: Path) -> None:
    """Write what a browser window of WIDTH x height shows of a page."""
    with tempfile.TemporaryDirectory() as profile:
        line = ["chromium", "--headless", "--no-sandbox", "--no-first-run", "--hide-scrollbars"]
        line += [f"--disable-{each}" for each in ("gpu", "quic", "background-networking", "component-update", "sync")]
        line += [f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}", "--virtual-time-budget=4000"]
        subprocess.run([*line, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True)
    colours = Image.open(picture).convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
    colours.save(picture, optimize=True)


def main(runs: Path) -> None:
    """Make every picture from the reports below a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (scenario, hidden, height) in PARTS.items():
            report = (runs / scenario / "report.html").read_text()
            page = Path(folder) / f"{name}.html"
            page.write_text(re.sub(hidden, r"<\1 hidden", report))
            photograph(page, height, PICTURES / f"{name}.png")


main(Path(sys.argv[1]))
