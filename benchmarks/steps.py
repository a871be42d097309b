"""Time of one training step, minigan beside PyTorch: `python -m benchmarks.steps`.

The TensorFlow tutorial's DCGAN on 28x28 images, batch 64, dropout included: one step of the discriminator
and one of the generator. Both run in this process on the same threads, in alternating blocks with a pause
between them (an idle BLAS worker spins for a while and would slow its successor); medians are compared.
First, with dropout off, both compute the gradients of the discriminator from the same weights and images,
which must agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import minigan as mg
from minigan import gan, nn, optim
from minigan.models import tutorial

BATCH, LATENT, BLOCKS, REPEATS = 64, 100, 12, 3
PAUSE = 0.08
LR, BETAS = 1e-4, (0.9, 0.999)


def main() -> None:
    """Check that both compute the same, time both, print the ratio."""
    try:
        import torch
    except ImportError:
        raise SystemExit("benchmarks: expected PyTorch to compare with; run pip install -e '.[bench]'") from None
    print(f"minigan, numpy {np.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"largest relative difference of the discriminator's gradients: {gradient_difference(torch):.1e}")
    ours, theirs = measure(minigan_step(), torch_step(torch))
    for name, seconds in (("minigan", ours), ("torch", theirs)):
        print(f"{name:<8} median {1e3 * np.median(seconds):7.1f} ms  min {1e3 * min(seconds):7.1f} ms")
    print(f"ratio minigan / torch: {np.median(ours) / np.median(theirs):.2f}")


def measure(*steps: Callable[[], None]) -> list[list[float]]:
    """Seconds of each step function, in blocks that take turns."""
    seconds: list[list[float]] = [[] for _ in steps]
    for step in steps:
        step()
    for _ in range(BLOCKS):
        for step, times in zip(steps, seconds, strict=True):
            time.sleep(PAUSE)
            for _ in range(REPEATS):
                start = time.perf_counter()
                step()
                times.append(time.perf_counter() - start)
    return seconds


def minigan_step() -> Callable[[], None]:
    """A training step of this library, as its trainer takes it."""
    rng = np.random.default_rng(0)
    G, D = tutorial((28, 28, 1), LATENT, rng=rng)
    loss = gan.losses["non-saturating"]
    g_optimizer = optim.Adam(G.parameters(), LR, BETAS)
    d_optimizer = optim.Adam(D.parameters(), LR, BETAS)
    real = images(rng)

    def step() -> None:
        with mg.no_grad(), nn.freezing(G):
            fake = G(latents(rng))
        d_optimizer.step(mg.grad(loss.discriminator(D(real), D(fake)), D.parameters()))
        with nn.freezing(D):
            g_optimizer.step(mg.grad(loss.generator(D(G(latents(rng)))), G.parameters()))

    return step


def torch_step(torch) -> Callable[[], None]:
    """The same step as people write it in PyTorch."""
    rng = np.random.default_rng(0)
    G, D = torch_networks(torch)
    bce = torch.nn.BCEWithLogitsLoss()
    g_optimizer = torch.optim.Adam(G.parameters(), LR, BETAS)
    d_optimizer = torch.optim.Adam(D.parameters(), LR, BETAS)
    real = torch.from_numpy(images(rng)).permute(0, 3, 1, 2).contiguous()
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step() -> None:
        fake = G(torch.from_numpy(latents(rng)))
        d_optimizer.zero_grad()
        (bce(D(real), ones) + bce(D(fake.detach()), zeros)).backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        bce(D(G(torch.from_numpy(latents(rng)))), ones).backward()
        g_optimizer.step()

    return step


def torch_networks(torch) -> tuple:
    """The tutorial's generator and discriminator in PyTorch."""
    t = torch.nn
    generator = t.Sequential(
        t.Linear(LATENT, 7 * 7 * 256, bias=False),
        t.BatchNorm1d(7 * 7 * 256, eps=1e-3),
        t.LeakyReLU(0.3),
        t.Unflatten(1, (256, 7, 7)),
        t.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
        t.BatchNorm2d(128, eps=1e-3),
        t.LeakyReLU(0.3),
        t.ConvTranspose2d(128, 64, 5, 2, 2, 1, bias=False),
        t.BatchNorm2d(64, eps=1e-3),
        t.LeakyReLU(0.3),
        t.ConvTranspose2d(64, 1, 5, 2, 2, 1, bias=False),
        t.Tanh(),
    )
    discriminator = t.Sequential(
        t.Conv2d(1, 64, 5, 2, 2),
        t.LeakyReLU(0.3),
        t.Dropout(0.3),
        t.Conv2d(64, 128, 5, 2, 2),
        t.LeakyReLU(0.3),
        t.Dropout(0.3),
        t.Flatten(),
        t.Linear(7 * 7 * 128, 1),
    )
    return generator, discriminator


def gradient_difference(torch) -> float:
    """Largest relative difference of the discriminator's gradients, from the same weights and images."""
    rng = np.random.default_rng(0)
    _, D = tutorial((28, 28, 1), LATENT, rng=rng)
    D.eval()
    # Fakes unlike the real images: between equal ones the gradients cancel, and rounding would be compared.
    real, fake = images(rng), abs(images(rng))
    ours = mg.grad(gan.losses["non-saturating"].discriminator(D(real), D(fake)), D.parameters())
    theirs = torch_gradients(torch, D, real, fake)
    return max(float(abs(a.numpy() - b).max() / abs(b).max()) for a, b in zip(ours, theirs, strict=True))


def torch_gradients(torch, D: nn.Sequential, real: np.ndarray, fake: np.ndarray) -> list[np.ndarray]:
    """PyTorch's gradients for the weights of D, in minigan's layout."""
    _, T = torch_networks(torch)
    T.eval()
    weights = [p.numpy() for p in D.parameters()]
    # (kh, kw, in, out) to (out, in, kh, kw); the dense layer's 7 x 7 x 128 inputs to 128 x 7 x 7.
    dense = weights[4].reshape(7, 7, 128, 1).transpose(3, 2, 0, 1).reshape(1, -1)
    converted = [weights[0].transpose(3, 2, 0, 1), weights[1], weights[2].transpose(3, 2, 0, 1), weights[3], dense]
    with torch.no_grad():
        for p, w in zip(T.parameters(), [*converted, weights[5]], strict=True):
            p.copy_(torch.from_numpy(np.ascontiguousarray(w)))
    logits = [T(torch.from_numpy(x).permute(0, 3, 1, 2)) for x in (real, fake)]
    (torch.nn.functional.softplus(-logits[0]).mean() + torch.nn.functional.softplus(logits[1]).mean()).backward()
    g = [p.grad.numpy() for p in T.parameters()]
    back = g[4].reshape(1, 128, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 1)
    return [g[0].transpose(2, 3, 1, 0), g[1], g[2].transpose(2, 3, 1, 0), g[3], back, g[5]]


def images(rng: np.random.Generator) -> np.ndarray:
    """A batch of random images."""
    return rng.uniform(-1, 1, (BATCH, 28, 28, 1)).astype(np.float32)


def latents(rng: np.random.Generator) -> np.ndarray:
    """A batch of latent vectors."""
    return rng.standard_normal((BATCH, LATENT), dtype=np.float32)


if __name__ == "__main__":
    main()
