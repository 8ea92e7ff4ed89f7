#include "controlplane/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/admin.h"
#include "controlplane/eal.h"
#include "controlplane/ledger.h"
#include "controlplane/loop.h"
#include "controlplane/media_addresses.h"
#include "controlplane/recordings.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

/* --read needs less: one rx core and one writer see the whole capture. */
#define READ_BUFFER_MIB 64 /* all of it is cleared and pinned at the start */

/* The buffers that io_uring pins. Open files are storage's to ask for. */
static void raise_limits(void)
{
	struct rlimit pinned = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &pinned);
}

static void fill_dataplane(const struct process *p, struct dataplane_config *d)
{
	const struct config *c = &p->config;

	*d = (struct dataplane_config){.port_count = p->options.capture ? 0 : c->port_count,
		.capture_path = p->options.capture,
		.rx_count = p->options.capture ? 1 : c->cores.rx_count,
		.streams_max = c->limits.streams,
		.fragments_max = c->limits.fragments,
		.fragment_hold_ns = c->limits.fragment_hold_ms * 1000000ULL,
		.max_age_ns = c->spool.max_age_ms * 1000000ULL,
		.sip_port_count = p->options.capture ? 0 : c->sbc.sip_port_count,
		.lossless = p->options.capture != NULL};
	memcpy(d->ports, c->ports, sizeof(d->ports));
	memcpy(d->sip_ports, c->sbc.sip_ports, sizeof(d->sip_ports));
	memcpy(d->rx_cores, c->cores.rx, sizeof(d->rx_cores));
	if (p->options.capture)
		d->rx_cores[0] = TOPOLOGY_ANY_CORE;
	else
		d->own_count = media_addresses_own(c, d->own);
}

static void fill_storage(const struct process *p, struct storage_config *s)
{
	const struct config *c = &p->config;
	bool reading = p->options.capture != NULL;

	*s = (struct storage_config){.spool_path = reading ? p->spool_path : c->spool.path,
		.max_age_ns = c->spool.max_age_ms * 1000000ULL,
		.writer_count = reading ? 1 : c->cores.writer_count,
		.finisher_count = c->cores.finishers,
		.tracks_max = c->limits.tracks,
		.destination = reading ? DESTINATION_DIRECTORY : c->destination.type,
		.directory = reading ? p->options.out : c->destination.directory,
		.bucket_folders = !reading,
		.s3 = c->destination.s3,
		.retry_first_ms = c->destination.retry_first_ms,
		.retry_most_ms = c->destination.retry_most_ms,
		.encode_g711 = c->encode_g711,
		.conceal = c->conceal,
		.disk_reserve_bytes = (uint64_t)c->spool.reserve_mib << 20,
		.idle_sleep = true,
		.lossless = reading};
	memcpy(s->writer_cores, c->cores.writers, sizeof(s->writer_cores));
	if (reading)
		s->writer_cores[0] = TOPOLOGY_ANY_CORE;
	s->pause_tone.tone_hz = c->pause_tone.frequency_hz;
	s->pause_tone.tone_ms = c->pause_tone.duration_ms;
	s->pause_tone.level_dbm0 = c->pause_tone.level_dbm0;
}

static int make_memory(struct process *p, const struct dataplane_config *d,
	const struct storage_config *s, struct errmsg *e)
{
	uint64_t bytes =
		(uint64_t)(p->options.capture ? READ_BUFFER_MIB : p->config.limits.buffer_mib)
		<< 20;
	uint32_t chunk_bytes =
		p->options.capture ? 16384 : chunk_bytes_for(bytes, p->config.limits.tracks);
	int err = chunk_pool_create(&p->pool, bytes, chunk_bytes, d->rx_count, e);

	if (err != 0)
		return err;
	p->chunks = true;
	err = topology_create(&p->topology, d->rx_count, s->writer_count, p->pool.per_rx, e);
	p->rings = err == 0;
	return err;
}

static int make_rooms(struct process *p, const struct dataplane_config *d,
	const struct storage_config *s, struct errmsg *e)
{
	struct control *c = &p->control;
	int err;

	topology_adopt_control(&p->topology, p->config.cores.control);
	err = dataplane_create(&c->dataplane, d, &p->topology, &p->pool, e);
	if (err == 0)
		err = storage_create(&c->storage, s, &p->topology, &p->pool, e);
	if (err == 0)
		err = ledger_open(&c->ledger,
			p->options.capture ? p->options.out : p->config.ledger,
			p->options.capture == NULL, e);
	if (err == 0)
		err = control_create(c, e);
	return err;
}

int process_create(struct process *p, struct errmsg *e)
{
	struct control *c = &p->control;
	struct dataplane_config d;
	struct storage_config s;
	int err;

	fill_dataplane(p, &d);
	fill_storage(p, &s);
	raise_limits();
	c->config = &p->config;
	c->read_mode = p->options.capture != NULL;
	c->topology = &p->topology;
	err = eal_start(
		&d, p->config.cores.control, p->options.eal_args, p->options.eal_arg_count, e);
	if (err != 0)
		return err;
	p->eal = true;
	clock_start();
	err = make_memory(p, &d, &s, e);
	if (err == 0)
		err = make_rooms(p, &d, &s, e);
	if (err != 0)
		return err;
	if (p->options.record_tracks)
		c->recordings->record_tracks = p->options.record_tracks;
	if (c->read_mode) {
		c->recordings->record_all = p->config.rule_count == 0;
		return 0;
	}
	err = recordings_recover(c->recordings, e);
	if (err == 0)
		err = control_listen(c, e);
	return err ? err : admin_create(&c->admin, c, e);
}

int process_start(struct process *p, struct errmsg *e)
{
	int err = storage_start(p->control.storage, e);

	return err ? err : dataplane_start(p->control.dataplane, e);
}

void process_stop(struct process *p)
{
	dataplane_stop(p->control.dataplane);
	storage_stop_writers(p->control.storage);
	storage_stop_finishers(p->control.storage, true);
}

void process_destroy(struct process *p)
{
	admin_destroy(p->control.admin);
	ledger_close(p->control.ledger);
	control_destroy(&p->control);
	storage_destroy(p->control.storage);
	dataplane_destroy(p->control.dataplane);
	if (p->rings)
		topology_destroy(&p->topology);
	if (p->chunks)
		chunk_pool_destroy(&p->pool);
	if (p->eal)
		eal_stop();
	config_destroy(&p->config);
}
