"""Stands in for imgaug 0.4, which asks numpy for a table of types that numpy 2 has no more."""

import numpy as np

FLOATS = {np.dtype(each) for each in np.sctypes["float"]}  # noqa: NPY201
