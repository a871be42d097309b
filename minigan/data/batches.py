"""The endless stream of training batches, which can stop anywhere and go on exactly."""

import numpy as np

from minigan.data.images import ImageData
from minigan.data.points import PointData
from minigan.errors import DataError


class Batches:
    """Batches without end: `next()`, or `for batch in batches`.

    Images come in shuffled epochs: each image at most once an epoch, in an order drawn from `rng` for that
    epoch; images left over at its end, too few for a batch, are dropped. Points are sampled afresh.

    The stream draws from `rng` alone and must not share it: what others draw could not be repeated on resume.

    Raises DataError for a batch size below 1, or above the number of images.
    """

    def __init__(self, data: ImageData | PointData, batch_size: int, rng: np.random.Generator):
        if batch_size < 1:
            raise DataError(f"The batch size must be at least 1, not {batch_size}.")
        if isinstance(data, ImageData) and batch_size > len(data):
            raise DataError(
                f"{data.name} has {len(data)} images, too few for one batch of {batch_size}: "
                f"take a batch size of at most {len(data)}."
            )
        self.data = data
        self.batch_size = batch_size
        self._rng = rng
        self._start_epoch()

    def __iter__(self):
        return self

    def __next__(self) -> np.ndarray:
        return self.next()

    def next(self) -> np.ndarray:
        """The next batch, float32: images `(batch_size, H, W, C)` in [-1, 1], or points `(batch_size, 2)`."""
        if isinstance(self.data, PointData):
            return self.data.sample(self.batch_size, self._rng)
        if self._position == self._epoch_length():
            self._start_epoch()
        start = self._position * self.batch_size
        self._position += 1
        return self.data.batch(self._order[start : start + self.batch_size])

    def state(self) -> dict:
        """Where the stream is, for `restore`: a dict that JSON can hold.

        `generator` is the state from which the order of the current epoch was drawn, `position` the number of
        batches taken since: small, however large the data set.
        """
        is_points = isinstance(self.data, PointData)
        generator = self._rng.bit_generator.state if is_points else self._epoch_start
        return self._fingerprint() | {"position": self._position, "generator": _without_arrays(generator)}

    def restore(self, state: dict) -> None:
        """Go to where `state()` was taken: the batches from here are equal to those from there, bit for bit.

        Raises DataError for a state that is damaged, or of another data set, batch size or kind of generator.
        """
        expected = self._fingerprint()
        found = {key: state.get(key) for key in expected}
        if found != expected:
            raise DataError(f"The saved stream was {found}, but this one is {expected}: they must be alike.")
        position = state.get("position")
        if position not in range(self._epoch_length() + 1):
            raise DataError(f"The saved position must be 0 to {self._epoch_length()}, not {position!r}.")
        try:
            self._rng.bit_generator.state = state.get("generator")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"The saved state of the random generator does not fit: {error!r}.") from error
        self._start_epoch()
        self._position = position

    def _start_epoch(self) -> None:
        self._position = 0
        if isinstance(self.data, ImageData):
            self._epoch_start = self._rng.bit_generator.state
            self._order = self._rng.permutation(len(self.data))

    def _epoch_length(self) -> int:
        return len(self.data) // self.batch_size if isinstance(self.data, ImageData) else 0

    def _fingerprint(self) -> dict:
        size = len(self.data) if isinstance(self.data, ImageData) else None
        return {"images": size, "batch_size": self.batch_size}


def _without_arrays(state):
    """A generator's state with lists for arrays, since JSON has none: NumPy takes both back."""
    if isinstance(state, dict):
        return {key: _without_arrays(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
