"""The 2-D ring and grid by PacGAN's protocol: every loss, and one recipe tuned for them, beside published figures."""
