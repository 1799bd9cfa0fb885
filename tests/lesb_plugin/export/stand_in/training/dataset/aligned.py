"""Needs the predictor of 81 points when it is imported, as a data set of the real checkout does."""

from pathlib import Path

PREDICTOR = Path("preprocessing/dlib_tools/shape_predictor_81_face_landmarks.dat")
if not PREDICTOR.is_file():
    raise RuntimeError(f"Unable to open {PREDICTOR}")
