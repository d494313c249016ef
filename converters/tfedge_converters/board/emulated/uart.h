/* The serial port of a simulated machine. */
#ifndef TFEDGE_UART_H
#define TFEDGE_UART_H

#include <stdint.h>

void uart_init(void);

/* The next byte, 0 to 255; below 0 if none has come. */
int uart_read_byte(void);

/* Waits until there is room. */
void uart_write_byte(uint8_t byte);

#endif
