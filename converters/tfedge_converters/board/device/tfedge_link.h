/* Copyright the tfedge authors. SPDX-License-Identifier: Apache-2.0
 *
 * Device part of tfedge's link, by which `tfedge run` and `tfedge verify` reach a model on a board
 * over any stream of bytes: a UART, USB CDC, a socket. To use it:
 *
 *   - compile tfedge_link.c, and <model>_linked.c in place of <model>.c;
 *   - make a tfedge_link_port of functions of your platform; tfedge_link_clock.h has a clock;
 *   - call <model>_init, then tfedge_link_init, then tfedge_link_poll again and again.
 *
 * It takes TFEDGE_LINK_PAYLOAD_BYTES + 14 bytes of RAM, eight for each layer of the model, and some
 * forty more. Nothing is allocated.
 *
 * Frames, in both directions, are COBS (Cheshire and Baker 1999) between bytes of 0, so that a
 * reader finds the next one whatever it has lost:
 *
 *   u8 version, u8 kind, u32 session, u32 sequence, payload, u32 CRC-32 of all before (IEEE 802.3)
 *
 * Numbers are little-endian. The host asks, the board answers with the same session and sequence; a
 * request that is older than the last one is not heard, and one that comes twice does nothing
 * twice. Payloads of requests, and of their answers:
 *
 *   HELLO   -                                 u32 set id, input bytes, output bytes, state
 *                                             bytes, ticks a second (0: unknown); u16 layers,
 *                                             longest payload; texts, each a u8 length and its
 *                                             bytes: model, its SHA-256, unit of ticks
 *   WRITE   u32 offset, bytes                 -
 *   RUN     u32 run, u32 CRC-32 of inputs,    i32 status of invoke, u32 CRC-32 of the outputs
 *           u8 whether a sequence begins
 *   READ    u32 offset, u16 bytes             bytes
 *   LAYERS  u16 first                         for each layer from there on, as many as find
 *                                             room: u32 CRC-32 of what it made, u32 ticks
 *   (ERROR)                                   u8 tfedge_link_error
 *
 * Offsets are those of all inputs, or outputs, one behind the other. A run whose number is that of
 * the last one is not computed again.
 */
#ifndef TFEDGE_LINK_H
#define TFEDGE_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "tfedge_link_model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TFEDGE_LINK_VERSION 1u

/* The longest payload, 224 to 4096 bytes: more is faster, and takes more RAM. */
#ifndef TFEDGE_LINK_PAYLOAD_BYTES
#define TFEDGE_LINK_PAYLOAD_BYTES 256u
#endif

/* Ticks that could not be counted, as where a counter has overflowed. */
#define TFEDGE_LINK_UNCOUNTED 0xFFFFFFFFu

typedef enum tfedge_link_error {
  TFEDGE_LINK_OTHER_VERSION = 1, /* of the protocol */
  TFEDGE_LINK_NO_SESSION = 2,    /* the board has been reset, or talks with another host */
  TFEDGE_LINK_UNKNOWN_KIND = 3,
  TFEDGE_LINK_OUT_OF_RANGE = 4, /* a payload of a wrong length, or beyond the model's tensors */
  TFEDGE_LINK_OTHER_INPUTS = 5  /* what lies in the inputs is not what was to be run */
} tfedge_link_error;

/* What the link needs of the platform. */
typedef struct tfedge_link_port {
  int (*read_byte)(void);           /* the next byte, 0 to 255; below 0 if none has come */
  void (*write_byte)(uint8_t byte); /* waits until there is room */
  void (*flush)(void);              /* called behind each frame; may be NULL */
  void (*start_clock)(void);        /* may be NULL, if there is none */
  uint32_t (*ticks)(void);          /* since then, or TFEDGE_LINK_UNCOUNTED; may be NULL */
  uint32_t ticks_per_second;        /* 0: unknown */
  const char *tick_unit;            /* e.g. "cycles", at most 64 characters */
} tfedge_link_port;

/* Begins to serve a model. The context is initialised; both stay where they are. */
void tfedge_link_init(tfedge_link_context *context, const tfedge_link_port *port);

/* Answers whatever has come, which may take an inference. */
void tfedge_link_poll(void);

/* What <model>_linked.c calls at the end of each layer, and for each tensor that it has made. */
void tfedge_link_layer_done(int layer);
void tfedge_link_layer_made(int layer, const void *data, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
