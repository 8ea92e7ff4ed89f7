/* Ledgers for tests: a folder of its own, entries, waiting for them. */
#ifndef LEGTAP_TESTS_LEDGER_FILES_H
#define LEGTAP_TESTS_LEDGER_FILES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "controlplane/ledger.h"

/* An empty folder and the ledger's path in it, valid until the next call. */
const char *ledger_folder(void);
const char *ledger_file(void);
void ledger_folder_remove(void);

/* An account with this tariff. */
struct account_config tariff_of(const char *id, const char *rate, const char *currency,
	unsigned int digits, unsigned int rounding_s, unsigned int minimum_s);

/* The n-th recording's id. */
struct uuid recording_of(unsigned int n);

/* Entries of the n-th recording. */
struct ledger_entry start_of(unsigned int n, const struct account_config *a, int64_t time_ms);
struct ledger_entry stop_of(
	unsigned int n, const struct account_config *a, int64_t time_ms, uint64_t duration_ms);
struct ledger_entry delivered_of(unsigned int n, const struct account_config *a, int64_t time_ms);

/* Appends and waits until it is durable, or refused: what done was told. */
int append_and_wait(struct ledger *l, const struct ledger_entry *entry);

/* Waits until the ledger's descriptor is readable, then polls it. */
void ledger_turn(struct ledger *l);

/* What the independent script says of the file; head may be NULL. 0: all is well. */
int verified_independently(const char *path, const char *head);

/* The whole file, to be freed; its length in *bytes. */
char *file_read(const char *path, size_t *bytes);
void file_write(const char *path, const char *text, size_t bytes);

#endif
