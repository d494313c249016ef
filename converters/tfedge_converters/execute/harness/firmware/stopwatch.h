/* Virtual time, in ticks of the core's clock. */
#ifndef TFEDGE_STOPWATCH_H
#define TFEDGE_STOPWATCH_H

#include <stdint.h>

/* Starts from zero. Restarting for each measurement makes equal work take equal ticks. */
void stopwatch_start(void);

/* Ticks since the start. */
uint64_t stopwatch_ticks(void);

/* Instructions of a round of a loop of known length. */
#define STOPWATCH_SPIN_INSTRUCTIONS 2u

void stopwatch_spin(uint32_t rounds);

#endif
