"""Benchmarks against PyTorch: `pip install -e '.[bench]'`, then `python -m benchmarks.steps`."""
