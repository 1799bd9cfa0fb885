"""The data sets that users of DeepfakeBench name, with the JSON file of each."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["DF40", "SETS", "KnownSet", "alias", "known_set"]

DF40 = "df40/"  # df40/simswap_ff is simswap_ff.json
_FFPP = "FaceForensics++"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSet:
    """A data set by its short `name`, the `stem` of its JSON file, and its label groups.

    A set that is `part_of` another one is read from that one's JSON where it has none of its own.
    """

    name: str
    stem: str
    title: str
    labels: tuple[str, ...]
    part_of: str = ""

    @property
    def needs(self) -> str:
        """Return what must be on disk."""
        other = f" or {self.part_of}.json" if self.part_of else ""
        return (
            f"--data-root with the frames, and {self.stem}.json{other} there or in --json-dir DIR"
        )


def _manipulation(short: str, title: str) -> KnownSet:
    return KnownSet(
        name=f"ff_{short.lower()}",
        stem=f"FF-{short}",
        title=f"FaceForensics++: real and {title}",
        labels=("FF-real", f"FF-{short}"),
        part_of=_FFPP,
    )


SETS = (
    KnownSet(
        name="ffpp",
        stem=_FFPP,
        title="FaceForensics++: real and its four manipulations",
        labels=("FF-real", "FF-DF", "FF-F2F", "FF-FS", "FF-NT"),
    ),
    _manipulation("DF", "Deepfakes"),
    _manipulation("F2F", "Face2Face"),
    _manipulation("FS", "FaceSwap"),
    _manipulation("NT", "NeuralTextures"),
    KnownSet(
        name="faceshifter",
        stem="FaceShifter",
        title="FaceForensics++: real and FaceShifter",
        labels=("FF-real", "FF-SH", "FF-FH", "FaceShifter"),
        part_of=_FFPP,
    ),
    KnownSet(
        name="celeb_df_v1",
        stem="Celeb-DF-v1",
        title="Celeb-DF, version 1",
        labels=("CelebDFv1_real", "CelebDFv1_fake"),
    ),
    KnownSet(
        name="celeb_df_v2",
        stem="Celeb-DF-v2",
        title="Celeb-DF, version 2",
        labels=("CelebDFv2_real", "CelebDFv2_fake"),
    ),
    KnownSet(
        name="dfdc",
        stem="DFDC",
        title="Deepfake Detection Challenge",
        labels=("DFDC_Real", "DFDC_Fake"),
    ),
    KnownSet(
        name="dfdcp",
        stem="DFDCP",
        title="Deepfake Detection Challenge, preview",
        labels=("DFDCP_Real", "DFDCP_FakeA", "DFDCP_FakeB"),
    ),
    KnownSet(
        name="dfd",
        stem="DeepFakeDetection",
        title="DeepFakeDetection (Google)",
        labels=("DFD_real", "DFD_fake"),
    ),
    KnownSet(
        name="ffiw",
        stem="FFIW",
        title="Face Forensics in the Wild",
        labels=("FFIW_Real", "FFIW_Fake"),
    ),
    KnownSet(name="uadfv", stem="UADFV", title="UADFV", labels=("UADFV_Real", "UADFV_Fake")),
    KnownSet(
        name="deeperforensics",
        stem="DeeperForensics-1.0",
        title="DeeperForensics-1.0",
        labels=("DF_real", "DF_fake"),
    ),
)


def alias(stem: str) -> str:
    """Return a JSON's stem in snake_case: `Celeb-DF-v2` -> `celeb_df_v2`."""
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")


def known_set(name: str) -> KnownSet | None:
    """Return the set of a short name, of a JSON's stem or of its snake_case form."""
    return next((each for each in SETS if name in {each.name, each.stem, alias(each.stem)}), None)
