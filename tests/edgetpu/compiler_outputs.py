"""What edgetpu_compiler prints, in the format of its versions 14 to 16.

Texts in the compiler's documented format, with figures that are known of compiled models; they were
not printed for these tests.
"""

TABLE = """\
Edge TPU Compiler version 16.0.384591198
Input: deeplabv3_mnv2_pascal_quant.tflite
Output: deeplabv3_mnv2_pascal_quant_edgetpu.tflite

Operator                       Count      Status

ADD                            10         Mapped to Edge TPU
ARG_MAX                        1          Operation is working on an unsupported data type
AVERAGE_POOL_2D                1          Mapped to Edge TPU
CONCATENATION                  1          More than one subgraph is not supported
CONV_2D                        36         Mapped to Edge TPU
CONV_2D                        2          More than one subgraph is not supported
DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
QUANTIZE                       1          More than one subgraph is not supported
RESIZE_BILINEAR                2          Operation is otherwise supported, but not mapped due to \
some unspecified limitation
RESIZE_BILINEAR                1          More than one subgraph is not supported
"""

PRINTED = (
    """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 3438 ms.

Input model: deeplabv3_mnv2_pascal_quant.tflite
Input size: 2.09MiB
Output model: deeplabv3_mnv2_pascal_quant_edgetpu.tflite
Output size: 2.78MiB
On-chip memory used for caching model parameters: 2.23MiB
On-chip memory remaining for caching model parameters: 4.70MiB
Off-chip memory used for streaming uncached model parameters: 175.00KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 72
Operation log: deeplabv3_mnv2_pascal_quant_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU. A percentage \
of the model will instead run on the CPU, which is slower. If possible, consider updating your \
model to use only operations supported by the Edge TPU. For details, visit g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: 64
Number of operations that will run on CPU: 8

"""
    + TABLE[TABLE.index("Operator  ") :]
    + """\
Compilation child process completed within timeout period.
Compilation succeeded!
"""
)

VERSION_14 = """\
Edge TPU Compiler version 14.1.317412892

Model compiled successfully in 17 ms.

Input model: a.tflite
Input size: 81.91KiB
Output model: a_edgetpu.tflite
Output size: 188.78KiB
On-chip memory used for caching model parameters: 0.00B
On-chip memory remaining for caching model parameters: 0.00B
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 0
Total number of operations: 2
Operation log: a_edgetpu.log
"""

TOO_LARGE = """\
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
Compilation child process completed within timeout period.
Compilation failed!
"""

INTERNAL_ERROR = "Edge TPU Compiler version 15.0.340273435\n\nInternal compiler error. Aborting! \n"
