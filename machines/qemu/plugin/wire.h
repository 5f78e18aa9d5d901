/*
 * The plugin's end of the socket to the simulator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WIRE_H
#define WIRE_H

/* `where` is the number of a descriptor that this process inherited, or the path, from / on, of a UNIX socket of
 * packets that is connected to.  Return the descriptor, or -1 after having said what is wrong. */
int wire_open(const char *where);

#endif
