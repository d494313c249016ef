/* Runs the model on a simulated core: samples come from the file "samples", results go to
 * "results".
 *
 * "results" begins with a calibration record; each sample adds its outputs, a measurement, and the
 * ticks of each layer if SUBJECT_NUM_LAYERS is not 0.
 */
#include "console.h"
#include "harness.h"
#include "semihosting.h"
#include "stack_gauge.h"
#include "stopwatch.h"

typedef struct measurement {
  uint64_t ticks;
  uint64_t stack_bytes;
} measurement;

#define CALIBRATION_ROUNDS 1000000u

typedef struct calibration {
  uint64_t instructions; /* of a loop of known length */
  uint64_t ticks;        /* that it took */
  uint64_t empty_ticks;  /* that measuring nothing takes */
} calibration;

int main(void);

static int samples;
static int results;
static measurement last;

#if SUBJECT_NUM_LAYERS > 0
static uint64_t layer_ticks[SUBJECT_NUM_LAYERS];
static uint64_t ticks_of_layers;

/* Each layer has the stopwatch for itself, so that what is done here counts for none. */
void harness_layer_done(int index) {
  const uint64_t ticks = stopwatch_ticks();
  layer_ticks[index] += ticks; /* a layer may run a few rows at a time */
  ticks_of_layers += ticks;
  stopwatch_start();
}
#endif

size_t platform_read(void *destination, size_t bytes) {
  return semihosting_read(samples, destination, bytes);
}

void platform_write(const void *source, size_t bytes) {
  if (semihosting_write(results, source, bytes) != 0) {
    platform_fail("output: bytes that could not be written:", (int)bytes);
  }
}

void platform_fail(const char *problem, int number) {
  console_print(SUBJECT_NAME "_");
  console_print(problem);
  console_print(" ");
  console_print_decimal(number);
  console_print("\n");
  semihosting_exit_failure();
}

/* volatile: no call may be inlined into the measurement, or moved out of it. */
typedef int (*volatile measured_function)(subject_context *);

static int measure(measured_function function, subject_context *context) {
  const uint32_t *end_of_paint = stack_gauge_paint();
  stopwatch_start();
  const int code = function(context);
  last.ticks = stopwatch_ticks();
#if SUBJECT_NUM_LAYERS > 0
  last.ticks += ticks_of_layers;
  ticks_of_layers = 0;
#endif
  last.stack_bytes = stack_gauge_depth(end_of_paint);
  return code;
}

int platform_invoke(subject_context *context) {
#if SUBJECT_NUM_LAYERS > 0
  volatile uint64_t *ticks = layer_ticks; /* volatile: no call of memset */
  for (int i = 0; i < SUBJECT_NUM_LAYERS; ++i) {
    ticks[i] = 0;
  }
#endif
  return measure(subject_invoke, context);
}

void platform_end_sample(void) {
  platform_write(&last, sizeof last);
#if SUBJECT_NUM_LAYERS > 0
  platform_write(layer_ticks, sizeof layer_ticks);
#endif
}

static int do_nothing(subject_context *context) {
  (void)context;
  return 0;
}

static int spin(subject_context *context) {
  (void)context;
  stopwatch_spin(CALIBRATION_ROUNDS);
  return 0;
}

static void write_calibration(void) {
  calibration record;
  (void)measure(do_nothing, NULL);
  record.empty_ticks = last.ticks;
  (void)measure(spin, NULL);
  record.ticks = last.ticks;
  record.instructions = (uint64_t)CALIBRATION_ROUNDS * STOPWATCH_SPIN_INSTRUCTIONS;
  platform_write(&record, sizeof record);
}

int main(void) {
  samples = semihosting_open("samples", SEMIHOSTING_READ_BINARY);
  results = semihosting_open("results", SEMIHOSTING_WRITE_BINARY);
  write_calibration();
  harness_run_samples();
  semihosting_close(results);
  semihosting_close(samples);
  return 0;
}
