#include "semihosting.h"

#include <stdint.h>

#include "semihosting_call.h"

enum {
  SYS_OPEN = 0x01,
  SYS_CLOSE = 0x02,
  SYS_WRITE0 = 0x04,
  SYS_WRITE = 0x05,
  SYS_READ = 0x06,
  SYS_EXIT = 0x18
};

#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ADP_STOPPED_RUN_TIME_ERROR 0x20023u

/* volatile: no call of strlen, for the harness is to use nothing of the C library */
static uintptr_t string_length(const volatile char *text) {
  uintptr_t length = 0;
  while (text[length] != '\0') {
    ++length;
  }
  return length;
}

int semihosting_open(const char *path, semihosting_mode mode) {
  const uintptr_t block[3] = {(uintptr_t)path, (uintptr_t)mode, string_length(path)};
  return (int)semihosting_call(SYS_OPEN, (uintptr_t)block);
}

size_t semihosting_read(int handle, void *destination, size_t bytes) {
  const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)destination, bytes};
  return bytes == 0 ? 0 : (size_t)semihosting_call(SYS_READ, (uintptr_t)block);
}

size_t semihosting_write(int handle, const void *source, size_t bytes) {
  const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)source, bytes};
  return bytes == 0 ? 0 : (size_t)semihosting_call(SYS_WRITE, (uintptr_t)block);
}

void semihosting_close(int handle) {
  const uintptr_t block[1] = {(uintptr_t)handle};
  (void)semihosting_call(SYS_CLOSE, (uintptr_t)block);
}

void semihosting_print(const char *text) {
  (void)semihosting_call(SYS_WRITE0, (uintptr_t)text);
}

static __attribute__((noreturn)) void stop(uintptr_t reason) {
#if UINTPTR_MAX > 0xffffffffu
  const uintptr_t block[2] = {reason, 0};
  const uintptr_t parameter = (uintptr_t)block;
#else
  const uintptr_t parameter = reason;
#endif
  for (;;) {
    (void)semihosting_call(SYS_EXIT, parameter);
  }
}

void semihosting_exit_success(void) {
  stop(ADP_STOPPED_APPLICATION_EXIT);
}

void semihosting_exit_failure(void) {
  stop(ADP_STOPPED_RUN_TIME_ERROR);
}
