/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0 */
#include "tfedge_link.h"

#include <string.h>

enum { HEADER_BYTES = 10, CRC_BYTES = 4, TEXT_BYTES = 64 };

#define FRAME_BYTES (HEADER_BYTES + TFEDGE_LINK_PAYLOAD_BYTES + CRC_BYTES)
#define LONGEST_BLOCK 255u /* of COBS, its code among them */
#define CRC_START 0u

typedef char tfedge_link_payload_is_no_size
    [TFEDGE_LINK_PAYLOAD_BYTES >= 224u && TFEDGE_LINK_PAYLOAD_BYTES <= 4096u ? 1 : -1];

enum { HELLO = 0x01, WRITE = 0x02, RUN = 0x03, READ = 0x04, LAYERS = 0x05 };
enum { ANSWER = 0x80, ERROR_ANSWER = 0xFF };

typedef struct layer_record {
  uint32_t digest;
  uint32_t ticks;
} layer_record;

/* A frame as it comes in or goes out: never both at a time. */
static uint8_t frame[FRAME_BYTES];

static struct {
  uint32_t length;    /* of what has come of a frame */
  uint8_t code;       /* of the COBS block that is read */
  uint8_t left;       /* bytes of it to come */
  uint8_t is_damaged; /* or too long */
} incoming;

static struct {
  uint8_t is_open;
  uint32_t id;
  uint32_t sequence; /* of the last request */
  uint32_t run;      /* 0: none yet */
  int32_t status;
  uint32_t output_crc;
} session;

static const tfedge_link_port *port;
static tfedge_link_context *model;
static layer_record layers[TFEDGE_LINK_NUM_LAYERS > 0 ? TFEDGE_LINK_NUM_LAYERS : 1];

static const uint32_t input_bytes[] = TFEDGE_LINK_INPUT_BYTES;
static const uint32_t output_bytes[] = TFEDGE_LINK_OUTPUT_BYTES;

/* CRC-32 of IEEE 802.3, continued; four bits at a time, by a table that is small. */
static uint32_t crc32(uint32_t crc, const void *data, size_t bytes) {
  static const uint32_t table[16] = {0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu,
                                     0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
                                     0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
                                     0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  const uint8_t *byte = (const uint8_t *)data;
  crc = ~crc;
  for (size_t i = 0; i < bytes; ++i) {
    crc ^= byte[i];
    crc = table[crc & 15u] ^ (crc >> 4);
    crc = table[crc & 15u] ^ (crc >> 4);
  }
  return ~crc;
}

static uint8_t *put_u16(uint8_t *to, uint32_t value) {
  to[0] = (uint8_t)(value & 0xFFu);
  to[1] = (uint8_t)(value >> 8 & 0xFFu);
  return to + 2;
}

static uint8_t *put_u32(uint8_t *to, uint32_t value) {
  return put_u16(put_u16(to, value & 0xFFFFu), value >> 16);
}

/* At most TEXT_BYTES of it. */
static uint8_t *put_text(uint8_t *to, const char *text) {
  uint8_t length = 0;
  while (length < TEXT_BYTES && text[length] != '\0') {
    to[1 + length] = (uint8_t)text[length];
    ++length;
  }
  to[0] = length;
  return to + 1 + length;
}

static uint32_t get_u16(const uint8_t *from) {
  return (uint32_t)from[0] | (uint32_t)from[1] << 8;
}

static uint32_t get_u32(const uint8_t *from) {
  return get_u16(from) | get_u16(from + 2) << 16;
}

static void send_cobs(uint32_t length) {
  uint32_t start = 0;
  port->write_byte(0);
  for (;;) {
    uint32_t end = start;
    while (end < length && frame[end] != 0u && end - start < LONGEST_BLOCK - 1u) {
      ++end;
    }
    port->write_byte((uint8_t)(end - start + 1u));
    for (uint32_t i = start; i < end; ++i) {
      port->write_byte(frame[i]);
    }
    if (end == length) {
      break;
    }
    start = end - start == LONGEST_BLOCK - 1u ? end : end + 1u; /* a full block stands for no 0 */
  }
  port->write_byte(0);
  if (port->flush != NULL) {
    port->flush();
  }
}

/* Sends the frame, whose payload ends there, with the request's session and sequence. */
static void answer(uint8_t kind, const uint8_t *end) {
  const uint32_t length = (uint32_t)(end - frame);
  frame[0] = TFEDGE_LINK_VERSION;
  frame[1] = kind;
  (void)put_u32(frame + length, crc32(CRC_START, frame, length));
  send_cobs(length + CRC_BYTES);
}

static void answer_error(tfedge_link_error error) {
  frame[HEADER_BYTES] = (uint8_t)error;
  answer(ERROR_ANSWER, frame + HEADER_BYTES + 1);
}

static uint32_t sum_of(const uint32_t *sizes, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    sum += sizes[i];
  }
  return sum;
}

static uint32_t all_inputs(void) {
  return sum_of(input_bytes, TFEDGE_LINK_NUM_INPUTS);
}

static uint32_t all_outputs(void) {
  return sum_of(output_bytes, TFEDGE_LINK_NUM_OUTPUTS);
}

/* The tensor that an offset into all of them lies in; the offset becomes one into it. */
static int tensor_at(const uint32_t *sizes, uint32_t *offset) {
  int index = 0;
  while (*offset >= sizes[index]) {
    *offset -= sizes[index];
    ++index;
  }
  return index;
}

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* Both: the range lies within the tensors. */
static void copy_to_inputs(uint32_t offset, const uint8_t *source, uint32_t bytes) {
  while (bytes > 0u) {
    uint32_t within = offset;
    const int index = tensor_at(input_bytes, &within);
    const uint32_t part = least(bytes, input_bytes[index] - within);
    (void)memcpy((uint8_t *)tfedge_link_model_input(model, index) + within, source, part);
    source += part;
    offset += part;
    bytes -= part;
  }
}

static void copy_from_outputs(uint8_t *destination, uint32_t offset, uint32_t bytes) {
  while (bytes > 0u) {
    uint32_t within = offset;
    const int index = tensor_at(output_bytes, &within);
    const uint32_t part = least(bytes, output_bytes[index] - within);
    (void)memcpy(destination, (const uint8_t *)tfedge_link_model_output(model, index) + within,
                 part);
    destination += part;
    offset += part;
    bytes -= part;
  }
}

static uint32_t crc_of_inputs(void) {
  uint32_t crc = CRC_START;
  for (int i = 0; i < TFEDGE_LINK_NUM_INPUTS; ++i) {
    crc = crc32(crc, tfedge_link_model_input(model, i), input_bytes[i]);
  }
  return crc;
}

static uint32_t crc_of_outputs(void) {
  uint32_t crc = CRC_START;
  for (int i = 0; i < TFEDGE_LINK_NUM_OUTPUTS; ++i) {
    crc = crc32(crc, tfedge_link_model_output(model, i), output_bytes[i]);
  }
  return crc;
}

static void start_clock(void) {
  if (port->start_clock != NULL) {
    port->start_clock();
  }
}

/* Each layer has the clock for itself, so that what is done here counts for none. Of a layer that
 * is computed in bands of rows, each band ends here. */
void tfedge_link_layer_done(int layer) {
  const uint32_t ticks = port->ticks == NULL ? TFEDGE_LINK_UNCOUNTED : port->ticks();
  if (layer >= 0 && layer < TFEDGE_LINK_NUM_LAYERS) {
    uint32_t *const sum = &layers[layer].ticks;
    const int is_counted = ticks != TFEDGE_LINK_UNCOUNTED && *sum != TFEDGE_LINK_UNCOUNTED;
    *sum = is_counted ? *sum + ticks : TFEDGE_LINK_UNCOUNTED;
  }
  start_clock();
}

void tfedge_link_layer_made(int layer, const void *data, size_t bytes) {
  if (layer >= 0 && layer < TFEDGE_LINK_NUM_LAYERS) {
    layers[layer].digest = crc32(layers[layer].digest, data, bytes);
  }
  start_clock();
}

static void answer_hello(void) {
  uint8_t *end = frame + HEADER_BYTES;
  end = put_u32(end, TFEDGE_LINK_SET_ID);
  end = put_u32(end, all_inputs());
  end = put_u32(end, all_outputs());
  end = put_u32(end, TFEDGE_LINK_STATE_BYTES);
  end = put_u32(end, port->ticks_per_second);
  end = put_u16(end, TFEDGE_LINK_NUM_LAYERS);
  end = put_u16(end, TFEDGE_LINK_PAYLOAD_BYTES);
  end = put_text(end, TFEDGE_LINK_NAME);
  end = put_text(end, TFEDGE_LINK_HASH);
  end = put_text(end, port->tick_unit == NULL ? "" : port->tick_unit);
  answer(HELLO | ANSWER, end);
}

/* Whether one number came before another, of numbers that wrap. */
static int is_older(uint32_t sequence, uint32_t than) {
  return than - sequence - 1u < 0x7FFFFFFFu;
}

/* One that comes again, of the same session, changes nothing. */
static void hello(uint32_t id, uint32_t sequence) {
  if (!session.is_open || session.id != id) {
    (void)memset(&session, 0, sizeof session);
    session.is_open = 1;
    session.id = id;
    session.sequence = sequence;
  } else if (!is_older(sequence, session.sequence)) {
    session.sequence = sequence;
  }
  answer_hello();
}

static void write_inputs(uint32_t length) {
  const uint8_t *payload = frame + HEADER_BYTES;
  const uint32_t bytes = length - 4u;
  if (length < 4u || get_u32(payload) > all_inputs() || bytes > all_inputs() - get_u32(payload)) {
    answer_error(TFEDGE_LINK_OUT_OF_RANGE);
    return;
  }
  copy_to_inputs(get_u32(payload), payload + 4, bytes);
  answer(WRITE | ANSWER, payload);
}

static int32_t invoke(uint8_t begins) {
  int status = begins != 0u ? tfedge_link_model_reset(model) : 0;
  (void)memset(layers, 0, sizeof layers);
  if (status == 0) {
    start_clock();
    status = tfedge_link_model_invoke(model);
  }
  return (int32_t)status;
}

static void run(uint32_t length) {
  uint8_t *payload = frame + HEADER_BYTES;
  if (length != 9u || get_u32(payload) == 0u) {
    answer_error(TFEDGE_LINK_OUT_OF_RANGE);
    return;
  }
  if (get_u32(payload) != session.run) {
    if (crc_of_inputs() != get_u32(payload + 4)) {
      answer_error(TFEDGE_LINK_OTHER_INPUTS);
      return;
    }
    session.run = get_u32(payload);
    session.status = invoke(payload[8]);
    session.output_crc = crc_of_outputs();
  }
  answer(RUN | ANSWER, put_u32(put_u32(payload, (uint32_t)session.status), session.output_crc));
}

static void read_outputs(uint32_t length) {
  uint8_t *payload = frame + HEADER_BYTES;
  const uint32_t offset = get_u32(payload);
  const uint32_t bytes = get_u16(payload + 4);
  if (length != 6u || session.run == 0u || bytes > TFEDGE_LINK_PAYLOAD_BYTES ||
      offset > all_outputs() || bytes > all_outputs() - offset) {
    answer_error(TFEDGE_LINK_OUT_OF_RANGE);
    return;
  }
  copy_from_outputs(payload, offset, bytes);
  answer(READ | ANSWER, payload + bytes);
}

static void read_layers(uint32_t length) {
  uint8_t *payload = frame + HEADER_BYTES;
  uint8_t *end = payload;
  uint32_t layer = get_u16(payload);
  if (length != 2u || session.run == 0u || layer >= TFEDGE_LINK_NUM_LAYERS) {
    answer_error(TFEDGE_LINK_OUT_OF_RANGE);
    return;
  }
  for (; layer < TFEDGE_LINK_NUM_LAYERS && end + 8 <= payload + TFEDGE_LINK_PAYLOAD_BYTES;
       ++layer) {
    end = put_u32(put_u32(end, layers[layer].digest), layers[layer].ticks);
  }
  answer(LAYERS | ANSWER, end);
}

static void serve(uint8_t kind, uint32_t length) {
  switch (kind) {
    case WRITE:
      write_inputs(length);
      break;
    case RUN:
      run(length);
      break;
    case READ:
      read_outputs(length);
      break;
    case LAYERS:
      read_layers(length);
      break;
    default:
      answer_error(TFEDGE_LINK_UNKNOWN_KIND);
      break;
  }
}

static void handle_frame(void) {
  const uint32_t length = incoming.length - HEADER_BYTES - CRC_BYTES; /* of the payload */
  const uint8_t kind = frame[1];
  const uint32_t id = get_u32(frame + 2);
  const uint32_t sequence = get_u32(frame + 6);
  if (frame[0] != TFEDGE_LINK_VERSION) {
    answer_error(TFEDGE_LINK_OTHER_VERSION);
  } else if (kind == HELLO) {
    hello(id, sequence);
  } else if (!session.is_open || session.id != id) {
    answer_error(TFEDGE_LINK_NO_SESSION);
  } else if (!is_older(sequence, session.sequence)) {
    session.sequence = sequence;
    serve(kind, length);
  }
}

static int is_whole(void) {
  const uint32_t length = incoming.length;
  return !incoming.is_damaged && incoming.left == 0u && length >= HEADER_BYTES + CRC_BYTES &&
         crc32(CRC_START, frame, length - CRC_BYTES) == get_u32(frame + length - CRC_BYTES);
}

static void store(uint8_t byte) {
  if (incoming.length < FRAME_BYTES) {
    frame[incoming.length] = byte;
    ++incoming.length;
  } else {
    incoming.is_damaged = 1;
  }
}

static void receive(uint8_t byte) {
  if (byte == 0u) {
    if (is_whole()) {
      handle_frame();
    }
    (void)memset(&incoming, 0, sizeof incoming);
  } else if (incoming.left > 0u) {
    --incoming.left;
    store(byte);
  } else {
    if (incoming.code != 0u && incoming.code != LONGEST_BLOCK) {
      store(0);
    }
    incoming.code = byte;
    incoming.left = (uint8_t)(byte - 1u);
  }
}

void tfedge_link_init(tfedge_link_context *context, const tfedge_link_port *platform) {
  model = context;
  port = platform;
  (void)memset(&incoming, 0, sizeof incoming);
  (void)memset(&session, 0, sizeof session);
}

void tfedge_link_poll(void) {
  for (int byte = port->read_byte(); byte >= 0; byte = port->read_byte()) {
    receive((uint8_t)byte);
  }
}
