"""What goes wrong in GANs, on purpose: one command for each failure, with the numbers and the picture of it."""
