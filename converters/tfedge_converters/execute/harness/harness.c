#include "harness.h"

#define ARENA_FILL 0xA5u

static const size_t input_bytes[] = SUBJECT_INPUT_BYTES;
static const size_t output_bytes[] = SUBJECT_OUTPUT_BYTES;

/* The firmware's linker script keeps these, found by name or section, apart from the harness's
 * memory. */
#define DECLARE_ARENA(memory, size, section)                          \
  static section uint8_t harness_arena_##memory[size == 0 ? 1 : size] \
      __attribute__((aligned(SUBJECT_ARENA_ALIGN)));
SUBJECT_ARENAS(DECLARE_ARENA)
static subject_context harness_context;

static void require_success(const char *problem, int code) {
  if (code != 0) {
    platform_fail(problem, code);
  }
}

static void fill(uint8_t *arena, size_t bytes) {
  /* volatile: no call of memset, for the harness is to use nothing of the C library */
  volatile uint8_t *byte = arena;
  for (size_t i = 0; i < bytes; ++i) {
    byte[i] = ARENA_FILL;
  }
}

subject_context *harness_init(void) {
#define FILL_ARENA(memory, size, section) \
  fill(harness_arena_##memory, sizeof harness_arena_##memory);
  SUBJECT_ARENAS(FILL_ARENA)
  require_success("init returned", subject_init(&harness_context));
  return &harness_context;
}

static int sample_follows(uint8_t *announcement) {
  return platform_read(announcement, sizeof *announcement) == 0;
}

static void read_inputs(const subject_context *context) {
  for (int i = 0; i < SUBJECT_NUM_INPUTS; ++i) {
    void *input = subject_input(context, i);
    if (input == NULL) {
      platform_fail("input returned NULL for index", i);
    }
    if (platform_read(input, input_bytes[i]) != 0) {
      platform_fail("input: the stream of samples ended within index", i);
    }
  }
}

static void write_outputs(const subject_context *context) {
  for (int i = 0; i < SUBJECT_NUM_OUTPUTS; ++i) {
    const void *output = subject_output(context, i);
    if (output == NULL) {
      platform_fail("output returned NULL for index", i);
    }
    platform_write(output, output_bytes[i]);
  }
}

void harness_run_samples(void) {
  subject_context *context = harness_init();
  uint8_t announcement;
  while (sample_follows(&announcement)) {
    if (announcement == HARNESS_BEGINS) {
      require_success("reset returned", subject_reset(context));
    }
    read_inputs(context);
    require_success("invoke returned", platform_invoke(context));
    write_outputs(context);
    platform_end_sample();
  }
}
