/* Lists of codecs that legs share: nearly all legs of a site announce one of a few. Control thread.
 */
#ifndef LEGTAP_CONTROLPLANE_CODEC_LIST_H
#define LEGTAP_CONTROLPLANE_CODEC_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/storage.h"

struct codec_lists;

/* mask: of the hash table, a power of two less one. hash_key: random. 0 or -ENOMEM. */
int codec_lists_create(struct codec_lists **out, size_t mask, uint64_t hash_key);

/* All lists must have been released. */
void codec_lists_destroy(struct codec_lists *l);

/* The list that equals this one (count > 0), until it is released. NULL: no memory. */
const struct codec *codec_list_take(
	struct codec_lists *l, const struct codec *codecs, unsigned int count);

/* codecs: what codec_list_take returned, or NULL. */
void codec_list_release(struct codec_lists *l, const struct codec *codecs);

bool codec_list_equal(
	const struct codec *a, unsigned int a_count, const struct codec *b, unsigned int b_count);

#endif
