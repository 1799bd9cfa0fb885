"""A script that meets the contract of DeepfakeBench's test.py; says what it found as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from detectors import DETECTOR


def batches(config, name):
    """Pictures as the benchmark's loader gives them: RGB, resized, normalised."""
    rows = [
        (path, config["label_dict"][path.parent.name])
        for path in sorted(Path(config["root"], name).glob("*/*.png"))
    ]
    size, step = config["resolution"], config["test_batchSize"]
    mean, std = (np.array(config[key], np.float32) for key in ("mean", "std"))
    for start in range(0, len(rows), step):
        images, labels = [], []
        for path, label in rows[start : start + step]:
            image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
            images.append(((image / np.float32(255) - mean) / std).transpose(2, 0, 1))
            labels.append(label)
        yield {
            "image": torch.from_numpy(np.stack(images)),
            "label": torch.tensor(labels),
            "mask": None,
            "landmark": None,
        }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detector_path")
    parser.add_argument("--weights_path")
    parser.add_argument("--test_dataset", nargs="+")
    args = parser.parse_args()
    config = yaml.safe_load(Path(args.detector_path).read_text("utf-8"))
    config.update(yaml.safe_load(Path("./training/config/test_config.yaml").read_text("utf-8")))
    model = DETECTOR[config["model_name"]](config)
    if args.weights_path:
        model.load_state_dict(torch.load(args.weights_path, map_location="cpu"), strict=True)
    model.eval()
    said = {}
    for name in args.test_dataset:
        found = {}
        for batch in batches(config, name):
            with torch.no_grad():
                for key, value in model(batch, inference=True).items():
                    found.setdefault(key, []).extend(value.numpy().tolist())
        metrics = {key: np.asarray(v).tolist() for key, v in model.get_test_metrics().items()}
        said[name] = {"predictions": found, "metrics": metrics}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
