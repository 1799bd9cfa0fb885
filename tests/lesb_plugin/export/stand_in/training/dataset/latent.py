"""Asks for the GPU in the body of a class."""

import torch


class Latent:
    on_a_large_gpu = "A100" in torch.cuda.get_device_name()
