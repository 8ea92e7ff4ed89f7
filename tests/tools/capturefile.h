/* Writer of Ethernet captures, pcap or pcapng, in microseconds. Errors end the program. */
#ifndef LEGTAP_TESTS_TOOLS_CAPTUREFILE_H
#define LEGTAP_TESTS_TOOLS_CAPTUREFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capturefile;

struct capturefile *capturefile_create(const char *path, bool pcapng);
void capturefile_write(struct capturefile *c, uint64_t time_us, const void *data, size_t bytes);
void capturefile_close(struct capturefile *c);

#endif
