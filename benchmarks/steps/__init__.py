"""Whole training steps beside PyTorch's: the same networks, weights, batches and work, in one process."""
