"""One value for every cluster of a kernel's weights, while an optimizer trains it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfedge.clustering import initial_clusters
from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.kernels import Kernel
from tfedge.saved_parts import Store, decoded, encoded

UNKNOWN = -1
# The cluster that stays zero; the others count from 1.
_ZERO = 0
# From this share of exact zeros on, zero is a cluster of its own.
LEAST_ZEROS = 0.1
_DESCRIPTION = "clusters"


@dataclass(frozen=True)
class Clusters:
    """How the weights of a kernel are shared.

    Attributes:
        count: how many values a kernel (or channel) may have, zero included: 2 to 256.
        initialization: "kmeans++", "density" or "linear".
        per_channel: whether every output channel has clusters of its own.
        keep_zeros: whether exact zeros stay zeros and are one of the clusters; None to do so
            where at least a tenth of the weights are zeros.
        seed: of k-means++.

    Raises:
        TfedgeError: a value that is none of these.
    """

    count: int
    initialization: str = initial_clusters.KMEANS
    per_channel: bool = False
    keep_zeros: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.count, int) or self.count not in range(2, 257):
            raise TfedgeError(f"clusters are 2 to 256, not {self.count!r}")
        if self.initialization not in initial_clusters.INITIALIZATIONS:
            known = initial_clusters.INITIALIZATIONS
            raise TfedgeError(
                f"initialization is one of {', '.join(known)}, not {self.initialization!r}"
                f"{near(self.initialization, known)}"
            )

    def assigned(self, rows: np.ndarray) -> np.ndarray:
        """int32 clusters of weights (channels, weights of a channel): 0 for zeros that stay."""
        keep = self.keep_zeros
        if keep is None:
            keep = bool(np.mean(rows == 0) >= LEAST_ZEROS)
        lines = rows if self.per_channel else rows.reshape(1, -1)
        return np.stack([self._assigned_line(line, keep) for line in lines]).reshape(rows.shape)

    def _assigned_line(self, line: np.ndarray, keep_zeros: bool) -> np.ndarray:
        result = np.full(line.shape, _ZERO, np.int32)
        free = line != 0 if keep_zeros else np.ones(line.shape, bool)
        if free.any():
            found = initial_clusters.assigned(
                line[free], self.count - keep_zeros, self.initialization, self.seed
            )
            result[free] = 1 + found
        return result


class SharedWeights(keras.layers.Layer):
    """Which weights of a kernel are one, as a part of the kernel's layer.

    `share` is the constraint of the kernel's variable: after each update by the optimizer, every
    weight becomes the mean of its cluster. All members having been equal before, the centroid c
    of n members moves by the mean of their updates. Han et al., "Deep Compression", ICLR 2016,
    move it by the sum of their gradients: dL/dc = sum of dL/dw. For gradient descent with rate r
    the mean of the updates is r/n times that sum: the same direction for each centroid, with the
    rate r/n, which is the projection of the step onto the kernels with these clusters, and keeps
    the rate of a weight the rate of a centroid, however large its cluster is. Adaptive optimizers
    scale the members' gradients before they are averaged.

    Sums run in float64, so that clusters of a million weights do not drift by rounding.

    Args:
        kernel: whose weights are shared.
        clusters: how.
        reassigned: whether `assign_again` will be asked for: then the part also keeps how far each
            weight would have gone by itself.
    """

    def __init__(self, kernel: Kernel, clusters: Clusters, reassigned: bool = False):
        super().__init__(
            name=f"{kernel.layer.name}_{kernel.attribute}_clusters", dtype="float32", autocast=False
        )
        self.clusters = clusters
        self.attribute = kernel.attribute
        self.layout = kernel.layout
        shape = tuple(kernel.variable.shape)
        self._offsets = _offsets(shape, kernel.layout.outputs, clusters)
        self.assignments = self.add_weight(
            shape=shape,
            name="assignments",
            dtype="int32",
            trainable=False,
            initializer=keras.initializers.Constant(UNKNOWN),
        )
        self.strayed = (
            self.add_weight(
                shape=shape, name="strayed", dtype="float32", trainable=False, initializer="zeros"
            )
            if reassigned
            else None
        )
        self.built = True

    @property
    def is_known(self) -> bool:
        """Whether clusters were found."""
        first = keras.ops.convert_to_numpy(self.assignments).reshape(-1)[0]
        return int(first) != UNKNOWN

    def _named(self) -> dict[str, Any]:
        strayed = {} if self.strayed is None else {"strayed": self.strayed}
        return {"assignments": self.assignments, **strayed}

    def save_own_variables(self, store: Any) -> None:
        """Write how weights are shared, and which of them."""
        store[_DESCRIPTION] = encoded(asdict(self.clusters))
        for name, variable in self._named().items():
            store[name] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Read what there is; files from before clusters were found leave everything as it is."""
        for name, variable in self._named().items():
            if name in store:
                variable.assign(np.asarray(store[name]))

    def find(self, kernel: Kernel) -> None:
        """Find clusters among the weights as they are, and make the weights equal."""
        self._assign(kernel.values(), kernel)

    def assign_again(self, kernel: Kernel) -> None:
        """Find clusters among the weights as they would be, had each gone its own way."""
        assert self.strayed is not None
        values = kernel.values()
        values = np.where(values == 0, values, values + keras.ops.convert_to_numpy(self.strayed))
        self._assign(values.astype(np.float32), kernel)

    def _assign(self, values: np.ndarray, kernel: Kernel) -> None:
        found = self.clusters.assigned(self.layout.matrix(values))
        found = self.layout.array(found, values.shape)
        shared = keras.ops.convert_to_numpy(self._means(tf.constant(values), tf.constant(found)))
        self.assignments.assign(found)
        kernel.variable.assign(shared)
        if self.strayed is not None:
            self.strayed.assign(values - shared)

    def share(self, weights: Any) -> Any:
        """The weights with every cluster at its mean; a weight that is exactly 0 stays so."""
        weights = keras.ops.convert_to_tensor(weights)
        assigned = tf.where(tf.equal(weights, 0), _ZERO, self.assignments.value)
        shared = self._means(weights, assigned)
        if self.strayed is not None:
            self.strayed.assign_add(tf.cast(weights - shared, tf.float32))
        return shared

    def _means(self, weights: Any, assigned: Any) -> Any:
        places = tf.reshape(assigned + self._offsets, [-1])
        size = self._segments
        values = tf.reshape(tf.cast(weights, tf.float64), [-1])
        # Faster than unsorted_segment_sum on a CPU, several times for large kernels.
        sums = tf.raw_ops.DenseBincount(input=places, size=size, weights=values)
        counts = tf.raw_ops.DenseBincount(
            input=places, size=size, weights=tf.constant([], tf.float64)
        )
        is_free = np.arange(size) % (self.clusters.count + 1) != _ZERO
        centroids = sums / tf.maximum(counts, 1) * is_free.astype(np.float64)
        return tf.reshape(tf.gather(tf.cast(centroids, weights.dtype), places), weights.shape)

    @property
    def _segments(self) -> int:
        return int(self._offsets.max()) + self.clusters.count + 1


def described_clusters(store: Store) -> tuple[Clusters, bool] | None:
    """How the weights of a kernel were shared, and whether again and again.

    Args:
        store: what `SharedWeights.save_own_variables` wrote.

    Returns:
        None where clusters were not found yet.
    """
    if _DESCRIPTION not in store or np.asarray(store["assignments"]).reshape(-1)[0] == UNKNOWN:
        return None
    return Clusters(**decoded(store[_DESCRIPTION])), "strayed" in store


def _offsets(shape: tuple[int, ...], axes: tuple[int, ...], clusters: Clusters) -> np.ndarray:
    """int32 of the kernel's shape, or (1, ...): where the clusters of each channel begin."""
    if not clusters.per_channel:
        return np.zeros([1] * len(shape), np.int32)
    sizes = [shape[axis] for axis in axes]
    channels = np.arange(np.prod(sizes), dtype=np.int32) * (clusters.count + 1)
    wide = [1] * len(shape)
    for axis in axes:
        wide[axis] = shape[axis]
    return channels.reshape(wide)
