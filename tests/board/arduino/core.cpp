/* What an Arduino core does around a sketch. */
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "Arduino.h"

SerialPort Serial;

void SerialPort::begin(unsigned long) {
}

int SerialPort::read() {
  struct pollfd input = {STDIN_FILENO, POLLIN, 0};
  uint8_t byte;
  if (poll(&input, 1, 1) <= 0) {
    return -1;
  }
  if (::read(STDIN_FILENO, &byte, 1) != 1) {
    exit(0);
  }
  return byte;
}

size_t SerialPort::write(const uint8_t *bytes, size_t count) {
  size_t written = 0;
  while (written < count) {
    const ssize_t part = ::write(STDOUT_FILENO, bytes + written, count - written);
    if (part <= 0) {
      exit(1);
    }
    written += (size_t)part;
  }
  return written;
}

unsigned long micros() {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (unsigned long)now.tv_sec * 1000000UL + (unsigned long)now.tv_nsec / 1000UL;
}

int main() {
  setup();
  for (;;) {
    loop();
  }
}
