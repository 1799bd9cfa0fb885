"""Changes of images by imgaug, and a transform written for albumentations 1.1."""

import albumentations
import imgaug  # noqa: F401 - of another age: it asks numpy for sctypes


class Square(albumentations.DualTransform):
    def __init__(self, side, always_apply=False, p=1):
        super().__init__(always_apply, p)
        self.side = side


def transform(side):
    """Opened with every data set; a weight of 0 for each choice would be an error."""
    return albumentations.Compose([albumentations.OneOf([Square(side), Square(side)], p=1)])
