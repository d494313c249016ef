/* A UART 16550A, at UART_ADDRESS, with registers of a byte. */
#include "uart.h"

#define REGISTER(offset) (*(volatile uint8_t *)(UART_ADDRESS + (offset)))
#define DATA REGISTER(0u)
#define FIFO_CONTROL REGISTER(2u)
#define LINE_STATUS REGISTER(5u)

#define LINE_STATUS_DATA_READY 1u
#define LINE_STATUS_TX_EMPTY 0x20u

void uart_init(void) {
  FIFO_CONTROL = 1;
}

int uart_read_byte(void) {
  return (LINE_STATUS & LINE_STATUS_DATA_READY) == 0u ? -1 : DATA;
}

void uart_write_byte(uint8_t byte) {
  while ((LINE_STATUS & LINE_STATUS_TX_EMPTY) == 0u) {
  }
  DATA = byte;
}
