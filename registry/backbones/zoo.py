"""DeepfakeBench's detectors that no backbone takes, by the names of their tensors, and why not.

Those that one takes are recognised in `checkpoint`; what is not listed in either is not known.
"""

from __future__ import annotations

__all__ = ["REFUSED"]

_TWO = "its head stands on two networks"
_INSIDE = "its own layers work inside of the network, not behind it"

# (a name that tells the detector, what to call it)
REFUSED: tuple[tuple[str, str], ...] = tuple(
    (pattern, f"a DeepfakeBench {name}, which no backbone takes: {why}")
    for pattern, name, why in (
        (r"^encoder_f\.", "UCF", "its head is several layers on a half of an encoder's features"),
        (r"^FAD_head\.", "F3Net", "the network sees four bands of frequencies, not the image"),
        (r"^srm_conv0\.", "SRM", _TWO),
        (r"^(model\.)?reasoning\.reproject\.", "RECCE", _INSIDE),
        (r"^attention_generation\.", "multi-attention detector", _INSIDE),
        (r"^map\.[cl]\.", "FFD", _INSIDE),
        (r"^fea_ext\.capsules\.", "Capsule-Net", "capsules have no embedding with a linear head"),
        (r"^post_process\.\d+\.", "Face X-ray", "it scores a map of boundaries"),
    )
)
