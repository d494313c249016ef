"""Small models that learn from large ones: losses, teachers, and what trains students.

Builds on `keras.distillation`: the losses are its DistillationLoss objects, the Distiller is its
Distiller.
"""

from tfedge.distillation.born_again import born_again
from tfedge.distillation.cached_outputs import Taught, TeacherCache, cache_outputs
from tfedge.distillation.distiller import Distiller
from tfedge.distillation.ensemble import EachTeacher, Ensemble
from tfedge.distillation.feature_losses import (
    AttentionTransfer,
    Contrastive,
    Hint,
    RelationalAngle,
    RelationalDistance,
    SimilarityPreserving,
)
from tfedge.distillation.output_losses import (
    DecoupledDistillation,
    Detection,
    MultiLabel,
    PerOutput,
    Regression,
    SoftTargets,
)
from tfedge.distillation.self_distillation import SelfDistiller
from tfedge.distillation.shrinking import shrink
from tfedge.distillation.teacher_loss import TeacherLoss
from tfedge.distillation.teachers import Teacher

__all__ = [
    "AttentionTransfer",
    "Contrastive",
    "DecoupledDistillation",
    "Detection",
    "Distiller",
    "EachTeacher",
    "Ensemble",
    "Hint",
    "MultiLabel",
    "PerOutput",
    "Regression",
    "RelationalAngle",
    "RelationalDistance",
    "SelfDistiller",
    "SimilarityPreserving",
    "SoftTargets",
    "Taught",
    "Teacher",
    "TeacherCache",
    "TeacherLoss",
    "born_again",
    "cache_outputs",
    "shrink",
]
