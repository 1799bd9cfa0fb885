"""A script that meets the contract of DeepfakeBench's test.py; says what it found as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from dataset.pictures import Pictures, collate
from detectors import DETECTOR


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detector_path")
    parser.add_argument("--weights_path")
    parser.add_argument("--test_dataset", nargs="+")
    args = parser.parse_args()
    config = yaml.safe_load(Path(args.detector_path).read_text("utf-8"))
    config.update(yaml.safe_load(Path("./training/config/test_config.yaml").read_text("utf-8")))
    if config["cuda"]:
        torch.cuda.manual_seed_all(config["manualSeed"])
    torch.backends.cudnn.benchmark = config["cudnn"]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = {}
    for name in args.test_dataset:
        loader = torch.utils.data.DataLoader(
            Pictures(config, name),
            batch_size=config["test_batchSize"],
            num_workers=config["workers"],
            collate_fn=collate,
        )
        model = DETECTOR[config["model_name"]](config).to(device)
        if args.weights_path:
            state = torch.load(args.weights_path, map_location=device)
            model.load_state_dict(state, strict=True)
        found[name] = run(model.eval(), loader)
    sys.stdout.write(json.dumps(found))


def run(model, loader):
    predictions = {}
    for batch in loader:
        with torch.no_grad():
            for key, value in model(batch, inference=True).items():
                predictions.setdefault(key, []).extend(value.cpu().numpy().tolist())
        predictions.setdefault("path", []).extend(batch["path"])
    metrics = {key: np.asarray(v).tolist() for key, v in model.get_test_metrics().items()}
    return {"predictions": predictions, "metrics": metrics}


if __name__ == "__main__":
    main()
