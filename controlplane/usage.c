/* Two hash tables: the usages not yet delivered (chained, in an array that their indexes stay valid
 * in), and the ids of the delivered ones (open addressing; the nil UUID is an empty slot). */
#include "controlplane/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define ROOM_FIRST 256U
#define IDS_FIRST 4096U

struct slot {
	struct usage usage;
	uint32_t next; /* in its chain, or in the list of free ones */
	bool used;
};

struct usages {
	struct slot *slots;
	uint32_t count; /* slots that ever were in use */
	uint32_t room;	/* a power of two; as many chains */
	uint32_t free;	/* list */
	uint32_t *chains;
	struct uuid *ids;
	size_t id_count;
	size_t id_room; /* a power of two */
};

int usages_create(struct usages **out)
{
	struct usages *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->free = NONE;
	*out = u;
	return 0;
}

void usages_destroy(struct usages *u)
{
	if (!u)
		return;
	free(u->slots);
	free(u->chains);
	free(u->ids);
	free(u);
}

/* --- Usages not yet delivered --- */

static uint32_t *chain_of(const struct usages *u, const struct uuid *id)
{
	return &u->chains[uuid_hash(id) & (u->room - 1)];
}

static struct slot *find(const struct usages *u, const struct uuid *id)
{
	uint32_t i = u->room ? *chain_of(u, id) : NONE;

	while (i != NONE && !uuid_equal(&u->slots[i].usage.recording_id, id))
		i = u->slots[i].next;
	return i == NONE ? NULL : &u->slots[i];
}

static void link_in(struct usages *u, uint32_t i)
{
	uint32_t *chain = chain_of(u, &u->slots[i].usage.recording_id);

	u->slots[i].next = *chain;
	*chain = i;
}

/* All slots are in use when it grows. */
static int grow(struct usages *u)
{
	uint32_t room = u->room ? u->room * 2 : ROOM_FIRST;
	uint32_t *chains = malloc(room * sizeof(*chains));
	struct slot *slots = realloc(u->slots, room * sizeof(*slots));

	if (slots)
		u->slots = slots;
	if (!slots || !chains) {
		free(chains);
		return -ENOMEM;
	}
	free(u->chains);
	u->chains = chains;
	u->room = room;
	memset(chains, 0xff, room * sizeof(*chains));
	for (uint32_t i = 0; i < u->count; i++)
		link_in(u, i);
	return 0;
}

static int add(struct usages *u, const struct ledger_line *line)
{
	uint32_t i = u->free;
	struct slot *s;

	if (i == NONE && u->count == u->room && grow(u) != 0)
		return -ENOMEM;
	if (i == NONE)
		i = u->count++;
	else
		u->free = u->slots[i].next;
	s = &u->slots[i];
	memset(s, 0, sizeof(*s));
	s->used = true;
	s->usage.recording_id = line->recording_id;
	s->usage.transaction_id = line->transaction_id;
	s->usage.call_id = line->call_id;
	memcpy(s->usage.account, line->account, sizeof(s->usage.account));
	s->usage.tariff = line->tariff;
	s->usage.start_ms = line->time_ms;
	link_in(u, i);
	return 0;
}

static void take_out(struct usages *u, struct slot *s)
{
	uint32_t i = (uint32_t)(s - u->slots);
	uint32_t *link = chain_of(u, &s->usage.recording_id);

	while (*link != i)
		link = &u->slots[*link].next;
	*link = s->next;
	s->used = false;
	s->next = u->free;
	u->free = i;
}

/* --- Delivered ones --- */

/* The slot that holds the id, or the empty one where it belongs. */
static struct uuid *place_of(struct uuid *ids, size_t room, const struct uuid *id)
{
	size_t i = uuid_hash(id) & (room - 1);

	while (!uuid_is_nil(&ids[i]) && !uuid_equal(&ids[i], id))
		i = (i + 1) & (room - 1);
	return &ids[i];
}

static int grow_ids(struct usages *u)
{
	size_t room = u->id_room ? u->id_room * 2 : IDS_FIRST;
	struct uuid *ids = calloc(room, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < u->id_room; i++)
		if (!uuid_is_nil(&u->ids[i]))
			*place_of(ids, room, &u->ids[i]) = u->ids[i];
	free(u->ids);
	u->ids = ids;
	u->id_room = room;
	return 0;
}

static int deliver(struct usages *u, struct slot *s)
{
	if (u->id_count >= u->id_room / 4 * 3 && grow_ids(u) != 0)
		return -ENOMEM;
	*place_of(u->ids, u->id_room, &s->usage.recording_id) = s->usage.recording_id;
	u->id_count++;
	take_out(u, s);
	return 0;
}

bool usages_is_delivered(const struct usages *u, const struct uuid *recording_id)
{
	return u->id_room && !uuid_is_nil(recording_id) &&
	       !uuid_is_nil(place_of(u->ids, u->id_room, recording_id));
}

/* --- Entries --- */

static int refuse(struct errmsg *e, int err, const struct ledger_line *line, const char *why)
{
	char id[UUID_TEXT_BYTES];

	return errmsg_set(e, err, "%s of recording %s: %s", ledger_type_name(line->type),
		uuid_format(&line->recording_id, id), why);
}

int usages_check(const struct usages *u, const struct ledger_line *line, struct errmsg *e)
{
	const struct slot *s = find(u, &line->recording_id);

	if (uuid_is_nil(&line->recording_id))
		return refuse(e, -EINVAL, line, "the nil UUID names no recording");
	if (usages_is_delivered(u, &line->recording_id))
		return refuse(e, -EEXIST, line, "it is delivered and billed already");
	if (line->type == LEDGER_START)
		return s ? refuse(e, -EEXIST, line, "it has one already") : 0;
	if (!s)
		return refuse(e, -ENOENT, line, "it has no start");
	if (line->type == LEDGER_STOP)
		return s->usage.stopped ? refuse(e, -EEXIST, line, "it has one already") : 0;
	return s->usage.stopped ? 0 : refuse(e, -ENOENT, line, "it has no stop");
}

int usages_apply(struct usages *u, const struct ledger_line *line, struct errmsg *e)
{
	int err = usages_check(u, line, e);
	struct slot *s;

	if (err)
		return err;
	if (line->type == LEDGER_START) {
		err = add(u, line);
	} else if (line->type == LEDGER_STOP) {
		s = find(u, &line->recording_id);
		s->usage.stopped = true;
		s->usage.stop_ms = line->time_ms;
		s->usage.duration_ms = line->duration_ms;
	} else {
		err = deliver(u, find(u, &line->recording_id));
	}
	return err ? errmsg_set(e, err, "out of memory") : 0;
}

const struct usage *usages_find(const struct usages *u, const struct uuid *recording_id)
{
	const struct slot *s = find(u, recording_id);

	return s ? &s->usage : NULL;
}

size_t usages_count(const struct usages *u)
{
	return u->count;
}

const struct usage *usages_at(const struct usages *u, size_t index)
{
	return index < u->count && u->slots[index].used ? &u->slots[index].usage : NULL;
}
