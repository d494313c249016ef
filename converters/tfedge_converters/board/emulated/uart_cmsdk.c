/* The UART of Arm's Cortex-M System Design Kit (DDI0479, 4.3), at UART_ADDRESS. */
#include "uart.h"

#define REGISTER(offset) (*(volatile uint32_t *)(UART_ADDRESS + (offset)))
#define DATA REGISTER(0x00u)
#define STATE REGISTER(0x04u)
#define CTRL REGISTER(0x08u)
#define BAUDDIV REGISTER(0x10u)

#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define CTRL_TX_AND_RX_ENABLE 3u
#define LEAST_BAUDDIV 16u

void uart_init(void) {
  BAUDDIV = LEAST_BAUDDIV;
  CTRL = CTRL_TX_AND_RX_ENABLE;
}

int uart_read_byte(void) {
  return (STATE & STATE_RX_FULL) == 0u ? -1 : (int)(DATA & 0xFFu);
}

void uart_write_byte(uint8_t byte) {
  while ((STATE & STATE_TX_FULL) != 0u) {
  }
  DATA = byte;
}
