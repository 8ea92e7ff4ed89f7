/* Log lines to stderr, one write(2) a line, with systemd's priority prefix (sd-daemon(3)) when
 * stderr is not a terminal. Any thread but rx cores, which log nothing. */
#ifndef LEGTAP_COMMON_LOG_H
#define LEGTAP_COMMON_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are not written. Default: info. Call before other threads start. */
void log_set_level(enum log_level level);

/* component: the noun of the file that speaks ("port", "ledger"). Lines are cut at 1 KiB. */
void log_write(enum log_level level, const char *component, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(component, ...) log_write(LOG_LEVEL_ERROR, component, __VA_ARGS__)
#define log_warning(component, ...) log_write(LOG_LEVEL_WARNING, component, __VA_ARGS__)
#define log_info(component, ...) log_write(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_debug(component, ...) log_write(LOG_LEVEL_DEBUG, component, __VA_ARGS__)

#endif
