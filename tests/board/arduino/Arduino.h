/* As much of Arduino's core as the sketch uses, over the standard input and output. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

unsigned long micros(void);

struct SerialPort {
  void begin(unsigned long baud);
  int read(void); /* the next byte, or -1 */
  size_t write(const uint8_t *bytes, size_t count);
};

extern SerialPort Serial;

void setup(void);
void loop(void);

#endif
