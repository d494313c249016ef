"""Stage of the exact changes that the target wants."""

from __future__ import annotations

from tfedge_converters.conversion.state import Conversion


def adapt_to_target(conversion: Conversion) -> None:
    """Change the graph, and refuse what the target would not compute."""
    backend, target = conversion.backend, conversion.target
    conversion.file.change(lambda model: backend.adapt(model, target))
    backend.check_model(conversion.model)
    graphs = backend.stored(conversion.model.graphs, conversion.request.optimize)
    conversion.file.store_as(graphs)
    conversion.file.annotate(backend.annotations(graphs))
