"""Interface of back ends; conversion, `verify` and the command line ask nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tfedge.errors import TfedgeError, UnsupportedError
from tfedge_converters.accelerators.fitting import fit

if TYPE_CHECKING:
    from tfedge.quantization.schemes import Scheme, StorageScheme
    from tfedge_converters.conversion import Conversion
    from tfedge_converters.execute import CProgram
    from tfedge_converters.graph import Graph, Model, Operator
    from tfedge_converters.interpreters import Interpreter
    from tfedge_converters.targets import Target
    from tfedge_converters.verify.engines import Engine


@dataclass(frozen=True, eq=False)
class Footprint:
    """Memory of a device that generated code takes.

    Attributes:
        flash_bytes: of constants.
        arena_bytes: of RAM for activations.
        constants: every operator that is computed, and the bytes of its constants.
    """

    flash_bytes: int
    arena_bytes: int
    constants: Sequence[tuple[Operator, int]]


@dataclass(frozen=True, eq=False)
class PackagedCode:
    """Code that packages lay out for platforms, behind one interface.

    Attributes:
        files: name to text.
        ends: "inputs" and "outputs" as templates write them, see `c/ends.py`.
        arena_bytes: that the caller provides.
        state_bytes: kept between inferences.
        weights_bytes: of constants in flash.
        macs: multiply-accumulate operations of an inference.
        arenas: how many the caller provides.
        interpreter: whether it needs TFLite Micro.
    """

    files: Mapping[str, str] = field(repr=False)
    ends: Mapping[str, Sequence[Mapping[str, Any]]] = field(repr=False)
    arena_bytes: int
    state_bytes: int
    weights_bytes: int
    macs: int
    arenas: int = 1
    interpreter: bool = False


@dataclass(frozen=True, eq=False)
class Emission:
    """Files that a back end made of a model, to lie beside its .tflite file.

    Attributes:
        files: name to content.
    """

    files: Mapping[str, bytes | str] = field(repr=False)

    @property
    def footprint(self) -> Footprint | None:
        """Memory of code for the device; None where the .tflite file is all that it needs."""
        return None

    @property
    def facts(self) -> Mapping[str, str]:
        """Facts of how it was made that a manifest keeps, for `Backend.reopen`."""
        return {}

    def summary(self) -> list[str]:
        """Summarise the costs in lines of text."""
        return []

    def packaged_code(self, name: str, target: Target) -> PackagedCode:
        """Code for packages, of back ends that have it.

        Raises:
            UnsupportedError: the model has none.
        """
        raise NotImplementedError

    def program(self, folder: Path) -> CProgram | None:
        """C that a computer can compile and run, written into a folder; None if there is none."""
        return None


class Backend:
    """Back end: what makes the files of targets.

    What is here is right for a back end that hands over the .tflite file alone; others override
    what differs. There is one object of each class, which keeps nothing between conversions.

    Attributes:
        name: what target files call it.
        engines: names of what runs its models to evaluate them, for `verify.engines.engine`. All
            compute the same numbers: where the first one's tools are not installed, the next takes
            its place.
        own_engines: engines that `verify` has because of it, by name.
        interpreter: what has to load and run the file before it is handed over; None where no
            interpreter runs it.
        settings: JSON Schema of the keys that target files have for it alone; all are required.
            Sub-schemas that can be broken have a "description", see `tfedge.json_form.Form`.
        rounding_slack: by how many integers what computes a layer may round away from TFLite Micro.
            LiteRT's kernels, and those of accelerators, round sums in other steps, so that results
            differ by 1 (`verify/differences.py`); generated C and TFLite Micro do not.
        per_channel_storage: whether stored weights may have a scale for every channel.
        plans_memory: whether it decides where tensors and constants lie, and can be given a plan.
        endings: what its files are called behind the model's name.
        other_files: names of files that do not begin with the model's name, and that users may
            have in the same folder.
        marks: the endings of `endings` that tell a folder of its files from another's.
        has_packages: whether its emissions have code that `tfedge_converters.packages` lays out.
    """

    name: ClassVar[str]
    engines: ClassVar[tuple[str, ...]] = ("litert-reference", "litert")
    own_engines: ClassVar[Mapping[str, Engine]] = {}
    interpreter: ClassVar[Interpreter | None] = None
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    rounding_slack: ClassVar[int] = 1
    per_channel_storage: ClassVar[bool] = True
    plans_memory: ClassVar[bool] = False
    endings: ClassVar[tuple[str, ...]] = ()
    other_files: ClassVar[tuple[str, ...]] = ()
    marks: ClassVar[tuple[str, ...]] = ()
    has_packages: ClassVar[bool] = False

    def check_options(self, target: Target, options: Mapping[str, Any] | None) -> None:
        """Look for tools, and at the options of a compiler, before a model is opened.

        Raises:
            MissingToolError: a compiler is not installed.
            TfedgeError: there are options, and no compiler.
        """
        if options:
            raise TfedgeError(f"target '{target.name}' has no compiler: leave compiler_options out")

    def check_storage(self, scheme: StorageScheme) -> None:
        """Refuse ways to store weights that what runs the model does not know.

        Raises:
            UnsupportedError: says what is missing.
        """
        if scheme.integer_only:
            raise UnsupportedError(
                "no interpreter computes with integers whose exponents are found at run time, as "
                f"'{scheme.name}' has them; use dynamic, or choose a target of generated C"
            )

    def splits_functions(self, target: Target, scheme: Scheme) -> bool:
        """Whether functions of one activation have to be left to integer kernels.

        Accelerators compute integers alone.
        """
        return target.accelerator is not None

    def adapt(self, model: Model, target: Target) -> bool:
        """Make exact changes to an integer graph, in place: every output bit stays.

        Returns:
            Whether anything changed.
        """
        return target.accelerator is not None and fit(model, target.accelerator)

    def check_model(self, model: Model) -> None:
        """Refuse a graph that would not be computed, or wrongly.

        Raises:
            UnsupportedError: names the operator.
        """

    def stored(self, graphs: Sequence[Graph], optimize: str) -> Sequence[Graph]:
        """Choose the form in which a file has the graphs, of which a reader makes the same graphs.

        Args:
            graphs: of the model, which stay as they are.
            optimize: see `tfedge.convert`.
        """
        return graphs

    def annotations(self, graphs: Sequence[Graph]) -> Mapping[str, bytes]:
        """Metadata of the model's file that holds for just this file; name to content.

        Args:
            graphs: of the model, as they will be written.
        """
        return {}

    def emit(self, conversion: Conversion) -> Emission:
        """Make what lies beside the .tflite file.

        Args:
            conversion: the graph, its file, the target and what was asked for.

        Raises:
            UnsupportedError: the model cannot be expressed.
            TfedgeError: it does not fit the target.
        """
        return Emission({})

    def open_program(
        self, folder: Path, name: str, flatbuffer: bytes, sources: tuple[str, ...] | None
    ) -> CProgram | None:
        """The C in a folder that it wrote; None if it writes none.

        Args:
            folder: where it lies.
            name: the model's.
            flatbuffer: the model's file.
            sources: the C files that belong to it; None for all that lie there.

        Raises:
            TfedgeError: the files are damaged.
        """
        return None

    def reopen(
        self,
        name: str,
        model: Model,
        flatbuffer: bytes,
        target: Target,
        files: Mapping[str, bytes],
        facts: Mapping[str, str],
    ) -> Emission:
        """Make what `emit` made, from the files that lie in a folder.

        Args:
            name: the model's.
            model: its graph.
            flatbuffer: its file.
            target: what the files were made for.
            files: name to content of all but that, as they were written.
            facts: what the manifest says of them.

        Raises:
            TfedgeError: they were made in a way that this version does not know.
        """
        return Emission(files)

    def constants(self, name: str, flatbuffer: bytes) -> Mapping[str, Iterable[str]]:
        """Its files that hold the model's numbers, with the texts that each may have.

        No option changes these, but for the order of the numbers.

        Args:
            name: the model's.
            flatbuffer: its file.
        """
        return {}
