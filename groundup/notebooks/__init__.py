"""Notebooks, which marimo opens: see `groundup explore`."""
