"""What papers report on the same two mixtures, by the same protocol: 2,500 samples, high-quality within 3 std.

None of them trains for minutes: PacGAN's runs take 400,000 steps of each network. Where a paper gives a standard
error, it is here too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row of a paper: modes found, high-quality samples in %, reverse KL, as printed there."""

    method: str
    modes: str
    high_quality: str
    reverse_kl: str
    source: str


VEEGAN = "VEEGAN, table 1"
GDPP = "GDPP, table 1"
PACGAN = "PacGAN, table 1"

PUBLISHED: dict[str, list[Published]] = {
    "ring": [
        Published("GAN", "1", "99.3", "", VEEGAN),
        Published("ALI", "2.8", "0.13", "", VEEGAN),
        Published("Unrolled GAN", "7.6", "35.6", "", VEEGAN),
        Published("VEEGAN", "8", "52.9", "", VEEGAN),
        Published("WGAN-GP", "6.8", "59.6", "", GDPP),
        Published("GDPP-GAN", "8.0", "71.7", "", GDPP),
        Published("GAN", "6.3 ± 0.5", "98.2 ± 0.2", "0.45 ± 0.09", PACGAN),
        Published("PacGAN2", "7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03", PACGAN),
        Published("PacGAN3", "7.8 ± 0.1", "97.7 ± 0.3", "0.10 ± 0.02", PACGAN),
        Published("PacGAN4", "7.8 ± 0.1", "95.9 ± 1.4", "0.07 ± 0.02", PACGAN),
    ],
    "grid": [
        Published("GAN", "3.3", "0.5", "", VEEGAN),
        Published("ALI", "15.8", "1.6", "", VEEGAN),
        Published("Unrolled GAN", "23.6", "16", "", VEEGAN),
        Published("VEEGAN", "24.6", "40", "", VEEGAN),
        Published("WGAN-GP", "24.2", "28.7", "", GDPP),
        Published("GDPP-GAN", "24.8", "68.5", "", GDPP),
        Published("GAN", "17.3 ± 0.8", "94.8 ± 0.7", "0.70 ± 0.07", PACGAN),
        Published("PacGAN2", "23.8 ± 0.7", "91.3 ± 0.8", "0.13 ± 0.04", PACGAN),
        Published("PacGAN3", "24.6 ± 0.4", "94.2 ± 0.4", "0.06 ± 0.02", PACGAN),
        Published("PacGAN4", "24.8 ± 0.2", "93.6 ± 0.6", "0.04 ± 0.01", PACGAN),
    ],
}
"""By data set. VEEGAN: Srivastava et al. 2017, arXiv:1705.07761; GDPP: Elfeki et al. 2019, arXiv:1812.00068, which
is also where the row of WGAN-GP comes from; PacGAN: Lin et al. 2018, arXiv:1712.04086. GDPP's released code makes its
ring with a seventh centre counted twice."""
