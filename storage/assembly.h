/* Storage put together: what storage_create makes, as storage.c and assembly.c see it.
 *
 * Owner: the control thread. Each part has the thread that its own header names. */
#ifndef LEGTAP_STORAGE_ASSEMBLY_H
#define LEGTAP_STORAGE_ASSEMBLY_H

#include <stdbool.h>
#include <sys/resource.h>

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
	rlim_t files_wanted; /* that may not be open, and nobody was told; 0: none */
	bool running;	     /* writers and helpers */
	struct slots slots;
	struct inbox results;
	struct finisher *finisher;
	struct helper *helper;
	struct keeper *keeper;
	struct writer *writers[TOPOLOGY_WRITERS_MAX];
};

/* Says, once, that fewer files may be open than the configured tracks take. */
void storage_warn_files(struct storage *s);

#endif
