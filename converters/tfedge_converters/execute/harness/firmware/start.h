/* What a core's reset handler goes on with. */
#ifndef TFEDGE_START_H
#define TFEDGE_START_H

/* Of the core: what has to be switched on before any other code runs. */
void configure_core(void);

/* Fills in the memory of variables, runs the program and ends the simulation. */
__attribute__((noreturn, used)) void start_program(void);

#endif
