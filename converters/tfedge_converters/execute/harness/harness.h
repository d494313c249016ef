/* What the sample loop needs from the machine that it runs on.
 *
 * subject.h is written for each program by tfedge_converters.execute and gives the model under
 * test neutral names: subject_context, subject_init, subject_reset, subject_input, subject_invoke,
 * subject_output and subject_self_test, and the macros
 *   SUBJECT_NAME                              what the generated names begin with, as a string
 *   SUBJECT_ARENAS(ARENA)                     ARENA(memory, bytes, section attribute) for each
 *   SUBJECT_ARENA_ALIGN
 *   SUBJECT_NUM_INPUTS, SUBJECT_NUM_OUTPUTS
 *   SUBJECT_NUM_LAYERS                        how many layers are timed one by one; 0 for none
 *   SUBJECT_INPUT_BYTES, SUBJECT_OUTPUT_BYTES initialisers, closed by a 0
 */
#ifndef TFEDGE_HARNESS_H
#define TFEDGE_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "subject.h"

/* Reads from the stream of samples; returns how many bytes it could not read. */
size_t platform_read(void *destination, size_t bytes);

void platform_write(const void *source, size_t bytes);

/* Runs one inference, with whatever measuring the machine allows. */
int platform_invoke(subject_context *context);

/* Ends a sample: sends what was written on its way, and what platform_invoke measured. */
void platform_end_sample(void);

/* Ends the program with the message "<model>_<problem> <number>". */
__attribute__((noreturn)) void platform_fail(const char *problem, int number);

/* What the generated hook of each layer's end calls, where layers are timed. */
void harness_layer_done(int index);

/* The model, initialised in an arena that holds no zeros: reading what was never written shows. */
subject_context *harness_init(void);

/* What announces a sample: one that goes on with a sequence, or begins one. */
#define HARNESS_CONTINUES 1u
#define HARNESS_BEGINS 2u

/* Runs the samples of the stream, each a byte that announces it and then the inputs, until the
 * stream ends. One context lives through all of them: a model that keeps its state sees successive
 * steps. */
void harness_run_samples(void);

#endif
