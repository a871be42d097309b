"""The images that ship inside the package, so that nothing need be downloaded to begin."""

import gzip
import hashlib
import io
from pathlib import Path

import numpy as np

from minigan.data.idx import read_idx
from minigan.data.images import ImageData
from minigan.errors import DataError

FILES = Path(__file__).parent / "files"
SHA256 = {
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    "digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
}


def fashion() -> ImageData:
    """The 10,000 test images of Fashion-MNIST: 28 x 28 grey, 1,000 of each of 10 kinds of clothing."""
    images = read_idx(_verified("t10k-images-idx3-ubyte.gz"))
    labels = read_idx(_verified("t10k-labels-idx1-ubyte.gz"))
    source = "the 10,000 test images of Fashion-MNIST (Zalando SE, MIT), shipped with minigan"
    return ImageData("fashion", images[..., np.newaxis], labels.astype(np.int64), source)


def digits() -> ImageData:
    """The 1,797 test images of the UCI optical digits: 8 x 8 grey, 17 levels spread over 0..255."""
    text = gzip.decompress(_verified("digits.csv.gz").read_bytes()).decode("ascii")
    rows = np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.uint8)
    images = np.rint(rows[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    source = "1,797 handwritten digits (E. Alpaydin and C. Kaynak, UCI, CC BY 4.0), shipped with minigan"
    return ImageData("digits", images, rows[:, 64].astype(np.int64), source)


def _verified(name: str) -> Path:
    """The path of an embedded file that is as it was when minigan was made."""
    path = FILES / name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"A data file of minigan cannot be read ({error}): install minigan again.") from error
    if digest != SHA256[name]:
        raise DataError(f"{path}: expected SHA-256 {SHA256[name]}, not {digest}: install minigan again.")
    return path
