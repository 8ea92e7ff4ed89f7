/* A file that lines are appended to without the control thread waiting for the disk:
 * recordings.jsonl. Lines that come while a write is under way go with the next. Not synced: what
 * counts is in the ledger. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_LINE_LOG_H
#define LEGTAP_CONTROLPLANE_LINE_LOG_H

struct line_log;

/* 0 or -errno: of open(2), or of io_uring_setup(2). */
int line_log_open(struct line_log **out, const char *path);

/* `line` ends with a newline; it is copied. 0; -ENOMEM; or the error of an earlier write, told
 * once. */
int line_log_append(struct line_log *log, const char *line);

/* Takes note of what is written, and begins with what has come since. Each turn of the loop. NULL
 * is legal. */
void line_log_poll(struct line_log *log);

/* Writes what waits; blocks. NULL is legal. */
void line_log_close(struct line_log *log);

#endif
