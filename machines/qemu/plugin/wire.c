/*
 * The plugin's end of the socket to the simulator: inherited, or connected to where the simulator is not the parent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int refuse(const char *where, const char *why)
{
    fprintf(stderr, "lockstep: socket=%s: %s\n", where, why);
    return -1;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return refuse(path, "the path is too long");
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        refuse(path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

int wire_open(const char *where)
{
    char *end;
    long fd;

    if (where[0] == '/')
        return connect_to(where);
    fd = strtol(where, &end, 10);
    if (*where == '\0' || *end != '\0' || fd < 0)
        return refuse(where, "neither a descriptor nor a path");
    return (int)fd;
}
