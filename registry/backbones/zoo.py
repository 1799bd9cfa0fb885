"""Recognise DeepfakeBench's detectors by a tensor that only they have; say whether a backbone takes
them.

Those that have no tensor of their own (its xception, CORE, FWA and RFM are one network, and so are
its efficientnetb4 and SBI) are told by their networks, in `checkpoint`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MEMBERS", "Member", "member_of"]

_INSIDE = "its own layers work inside the network, not after it"
_TWO = "its head uses two networks"
_CLIP = "it reads several frames of a video at once, not one image"
_POSITIONS = "its head reads every position of the map, not their mean"
_BEHIND = "several layers follow its {}, and all of them are used here"
_UNUSED = "when it scores it is an Xception; what was trained besides that is left out"


@dataclass(frozen=True, slots=True)
class Member:
    """A detector; `own` matches the name of a tensor that only it has, of `shape` if given.

    `why` says why no backbone takes it, or with `is_taken` what a backbone takes of it.
    """

    own: str
    name: str
    why: str
    is_taken: bool = False
    shape: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """Return the name to show for a state dict of it."""
        if self.is_taken:
            return f"a DeepfakeBench {self.name} ({self.why})"
        return f"a DeepfakeBench {self.name}, which no backbone takes: {self.why}"

    def fits(self, name: str, tensor: Tensor) -> bool:
        """Say whether a tensor is the one that only this detector has."""
        if re.search(self.own, name) is None:
            return False
        return not self.shape or self.shape == tuple(tensor.shape)


# The first that fits counts: PCL has the network of SLADD, FTCN that of I3D.
MEMBERS = (
    Member(r"^encoder_f\.", "UCF", _BEHIND.format("Xception"), is_taken=True),
    Member(r"^student_encoder\.", "LSDA", _BEHIND.format("EfficientNet-B4"), is_taken=True),
    Member(r"^PCL\.theta\.", "PCL", _UNUSED, is_taken=True),
    Member(r"^(synthesizer|backbone\.type_fc)\.", "SLADD", _UNUSED, is_taken=True),
    Member(r"^FAD_head\.", "F3Net", "the network sees four bands of frequencies, not the image"),
    Member(
        r"^(backbone\.)?conv1\.weight$",
        "SPSL",
        "the network sees the phase of the image's spectrum as a fourth channel",
        shape=(32, 4, 3, 3),
    ),
    Member(r"^srm_conv0\.", "SRM", _TWO),
    Member(r"^encoder_idct\.", "LRL", _TWO),
    Member(r"^explicit_extractor\.", "IID", "its score also uses a network for identities"),
    Member(r"^(model\.)?reasoning\.reproject\.", "RECCE", _INSIDE),
    Member(r"^attention_generation\.", "multi-attention detector", _INSIDE),
    Member(r"^map\.[cl]\.", "FFD", _INSIDE),
    Member(r"^att[0-6]conv\.weight2?$", "SIA", _INSIDE),
    Member(r"^(norm_middle\.weight|c_cross)$", "UIA-ViT", "its head also uses the attention"),
    Member(r"^fea_ext\.capsules\.", "Capsule-Net", "capsules have no embedding with a linear head"),
    Member(r"^post_process\.\d+\.", "Face X-ray", "it scores a map of blending boundaries"),
    Member(r"^(backbone\.)?Incption1_", "MesoInception-4", _POSITIONS),  # their spelling
    Member(r"^(backbone\.)?fc1\.weight$", "Meso-4", _POSITIONS, shape=(16, 1024)),
    Member(r"\.attention\.attention\.q_bias$", "VideoMAE", _CLIP),
    Member(r"\.temporal_attention\.", "TimeSformer", _CLIP),
    Member(r"\.message_attn\.", "X-CLIP", _CLIP),
    Member(r"^(resnet\.)?head\.time_T\.", "FTCN", _CLIP),
    Member(r"^(resnet\.)?s1\.pathway0_stem\.", "I3D or AltFreezing", _CLIP),
    Member(r"^base_model\.layer\d\.\d+\.tim\.", "STIL", _CLIP),
    Member(r"^frame_pos_embed$", "TALL", _CLIP),
)


def member_of(state: Mapping[str, Tensor]) -> Member | None:
    """Return the detector that a state dict belongs to, if one of its tensors identifies it."""
    return next(
        (each for each in MEMBERS if any(each.fits(n, tensor) for n, tensor in state.items())), None
    )
