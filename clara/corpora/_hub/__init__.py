"""Data sets of Hugging Face: where they lie, how they are had, and what their columns mean."""
