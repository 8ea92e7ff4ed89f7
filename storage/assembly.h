/* Storage put together: what storage_create makes, as storage.c and assembly.c see it.
 *
 * Owner: the control thread. Each part has the thread that its own header names. */
#ifndef LEGTAP_STORAGE_ASSEMBLY_H
#define LEGTAP_STORAGE_ASSEMBLY_H

#include <stdbool.h>

#include "storage/finisher.h"
#include "storage/helper.h"
#include "storage/inbox.h"
#include "storage/keeper.h"
#include "storage/slots.h"
#include "storage/spool.h"
#include "storage/storage.h"
#include "storage/writer.h"

struct storage {
	struct storage_config config;
	struct topology *topology;
	struct spool spool;
	struct uuid run;
	bool direct;
	bool running; /* writers and helpers */
	struct slots slots;
	struct inbox results;
	struct finisher *finisher;
	struct helper *helper;
	struct keeper *keeper;
	struct writer *writers[TOPOLOGY_WRITERS_MAX];
};

#endif
