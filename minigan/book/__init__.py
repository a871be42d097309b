"""The book: its table of contents, read from the chapters themselves, and the check of the reader's exercises."""
