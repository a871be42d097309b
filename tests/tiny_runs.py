"""What the tests of training share: runs small enough for tests, and all that must be equal between two of them."""

import hashlib
import itertools

import numpy as np

from minigan.data import load
from minigan.data.images import ImageData
from minigan.training import Trainer, resolve

SETTINGS = {
    "digits": {"model": "dcgan", "batch_size": 4, "latent_size": 5},
    "ring": {"model": "toy", "batch_size": 8, "latent_size": 2},
}


def tiny_config(data="digits", **chosen):
    return resolve(data, **({"steps": 3, "device": "cpu"} | SETTINGS[data] | chosen))


def tiny_data(data="digits"):
    """Ten images, two batches of four an epoch; or points."""
    return ImageData("digits", load("digits").images[:10], None, "ten digits") if data == "digits" else load(data)


def tiny_trainer(data="digits", **chosen):
    return Trainer(tiny_config(data, **chosen), tiny_data(data))


def snapshot(trainer):
    """All that decides how a run goes on, as named arrays; random states as text."""
    owners = {
        "generator": trainer.generator,
        "discriminator": trainer.discriminator,
        "average": trainer.average.network,
        "g_optimizer": trainer.g_optimizer,
        "d_optimizer": trainer.d_optimizer,
    }
    arrays = {f"{part}.{name}": a for part, owner in owners.items() for name, a in owner.state_dict().items()}
    dropouts = itertools.chain(trainer.generator.generators(), trainer.discriminator.generators())
    states = {name: stream.bit_generator.state for name, stream in trainer.streams.items()}
    states |= {f"dropout {i}": generator.bit_generator.state for i, generator in enumerate(dropouts)}
    texts = {"random": str(states), "data order": str(trainer.batches.state()), "steps": str(trainer.steps)}
    return arrays | {name: np.array(text) for name, text in texts.items()}


def differing(left, right):
    """The names under which two snapshots are not equal bit for bit."""
    assert list(left) == list(right)
    return [name for name in left if left[name].tobytes() != right[name].tobytes()]


def tree(folder):
    """Every file and folder below `folder`, files with a digest of their content."""
    paths = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        for path in paths
    }
