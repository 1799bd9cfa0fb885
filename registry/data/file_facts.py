"""What a file declares: size, codec, JPEG quality, date, camera, Content Credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from registry.data.videos import is_video
from registry.errors import DataError, reading
from registry.untrusted import one_line

__all__ = ["file_facts"]

# The luminance table of Annex K of the JPEG standard, in the order of rows; quality 50 has it.
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_DATE, _DATE_TAKEN, _MAKER, _MODEL, _SOFTWARE, _EXIF = 306, 36867, 271, 272, 305, 34665
_SEARCHED = 1 << 23  # bytes in which the manifest of Content Credentials is looked for
_LONGEST = 100  # letters of what a file says


def file_facts(path: Path) -> dict[str, str]:
    """Collect facts by name, in the order in which they are read; missing ones are left out.

    None of this is proof: whoever changes a picture can write any of it.
    """
    found: dict[str, str] = {}
    if not path.is_file():  # a pipe would never end
        return found
    for read in (_bytes_of, _film if is_video(path) else _picture, _credentials):
        try:
            with reading(path):
                found |= read(path)
        except DataError:  # its frames say what is wrong with it
            continue
    return {name: one_line(text)[:_LONGEST] for name, text in found.items() if text}


def jpeg_quality(table: Any) -> int:
    """Estimate libjpeg's quality (1 to 100) whose luminance table is nearest to these 64
    numbers.

    Other programs use their own tables; the nearest then tells how coarse theirs are.
    """
    steps = np.sort(np.asarray(table, np.float64))
    standard = np.asarray(_LUMINANCE, np.float64)
    qualities = np.arange(1, 101)
    factor = np.where(qualities < 50, 5000 / qualities, 200 - 2 * qualities)
    tables = np.clip(np.floor((standard * factor[:, None] + 50) / 100), 1, 255)
    return int(qualities[np.abs(np.sort(tables, axis=1) - steps).sum(axis=1).argmin()])


def _bytes_of(path: Path) -> dict[str, str]:
    size = path.stat().st_size
    return {"file size": f"{size / 1e6:.2f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"}


def _picture(path: Path) -> dict[str, str]:
    from PIL import Image

    with Image.open(path) as image:
        tables = getattr(image, "quantization", None)
        exif = image.getexif()
        details = exif.get_ifd(_EXIF)
        camera = " ".join(str(exif[tag]).strip() for tag in (_MAKER, _MODEL) if exif.get(tag))
        quality = f"about {jpeg_quality(tables[0])}" if tables else ""
        return {
            "picture size": f"{image.width} x {image.height} pixels",
            "format": str(image.format),
            "JPEG quality": quality,
            "date (EXIF)": str(details.get(_DATE_TAKEN) or exif.get(_DATE) or "none"),
            "camera (EXIF)": camera or "none",
            "software (EXIF)": str(exif.get(_SOFTWARE) or ""),
        }


def _film(path: Path) -> dict[str, str]:
    from registry.data.containers import film_of, open_container

    with open_container(path) as container:
        film = film_of(container, path)
        codec, length = film.codec_context, container.duration
        rate = film.average_rate
        return {
            "picture size": f"{codec.width} x {codec.height} pixels",
            "format": container.format.long_name,
            "codec": f"{codec.codec.long_name}",
            "bit rate": f"{container.bit_rate / 1e3:,.0f} kbit/s" if container.bit_rate else "",
            "frame rate": f"{float(rate):.3g} frames/s" if rate else "",
            "length": f"{length / 1e6:.1f} s" if length else "",
            "date": str(container.metadata.get("creation_time", "none")),
            "encoder": str(container.metadata.get("encoder", "")),
        }


def _credentials(path: Path) -> dict[str, str]:
    """Say whether there is a C2PA manifest; it is not verified."""
    with path.open("rb") as file:
        head = file.read(_SEARCHED)
    there = b"jumb" in head and b"c2pa" in head
    return {"Content Credentials (C2PA)": "present, not checked" if there else "none found"}
