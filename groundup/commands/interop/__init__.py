"""Folders in the format of Hugging Face transformers, written and read."""
