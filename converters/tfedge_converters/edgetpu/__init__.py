"""Google's Edge TPU: its compiler, and the files that this writes."""
