"""Training steps on a GPU beside PyTorch's, and what the GPU answers to the questions that this library asks it."""
