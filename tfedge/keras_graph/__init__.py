"""The computation of a Keras model: which layer is this, and how was it called.

`kinds` says what a layer is, `computation` takes a model apart into calls with their arguments by
name, `tracing` does the same with layers and models of a user's own, `reading` refuses what a rule
does not read, and `tfedge.plain_models` makes models from such calls. Whatever changes models reads
them through here. Keras' private attributes are used in `private` alone.
"""
