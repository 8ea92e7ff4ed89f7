/* A table of text for a terminal. What comes from outside (SIP headers) cannot move the cursor: its
 * control characters are shown as "?". One thread. */
#ifndef LEGTAP_CONTROLPLANE_TABLE_H
#define LEGTAP_CONTROLPLANE_TABLE_H

#include <stdint.h>
#include <stdio.h>

struct table;

/* headings: one per column, split by "|"; one that begins with ">" is set flush right. NULL: no
 * memory, which the functions below take too. */
struct table *table_create(const char *headings);
void table_destroy(struct table *t);

/* Fills the next cell, row by row; NULL: "-". */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Rows beside the headings that are whole. */
unsigned int table_rows(const struct table *t);

/* Prints headings and rows, and destroys the table. 0, or -ENOMEM when memory was short. */
int table_print(struct table *t, FILE *out);

/* "1:02:03.4" or "0:07.2" of milliseconds. Returns buf. */
#define TABLE_DURATION_BYTES 32
char *table_duration(uint64_t ms, char buf[TABLE_DURATION_BYTES]);

/* Prints text with its control characters replaced. */
void table_print_text(const char *text, FILE *out);

#endif
