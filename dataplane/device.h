/* The device string of a port's configuration: a PCI address, or the name of a virtual device
 * (vdev) with its arguments. Pure functions; any thread.
 *
 * DPDK's af_packet driver gets arguments that suit a recorder where the string has none: frames
 * that hold frame_bytes, and a ring of some tenths of a second. */
#ifndef LEGTAP_DATAPLANE_DEVICE_H
#define LEGTAP_DATAPLANE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_NAME_BYTES 64
#define DEVICE_ARGS_BYTES 512

/* "0000:03:00.0" (also "03:00.0"), with arguments after a comma or without. */
bool device_is_pci(const char *device);
bool device_is_af_packet(const char *device);

/* The name by which DPDK knows the device. 0, or -EINVAL when there is none. */
int device_name(const char *device, char out[DEVICE_NAME_BYTES]);

/* The value of an argument ("iface"). 0, -ENOENT, or -ENOSPC. */
int device_argument(const char *device, const char *key, char *out, size_t size);

/* The string with af_packet's arguments completed for frames of frame_bytes; any other one as it
 * is. 0 or -ENOSPC. */
int device_complete(const char *device, uint32_t frame_bytes, char out[DEVICE_ARGS_BYTES]);

/* Frames that the af_packet device's ring holds, and bytes of the longest that fits in one. */
uint32_t device_ring_frames(const char *device);
uint32_t device_ring_frame_bytes(const char *device, uint32_t frame_bytes);

#endif
