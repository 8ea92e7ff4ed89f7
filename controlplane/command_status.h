/* What legtapctl status and legtapctl top share: parts of GET /v1/status, for people. */
#ifndef LEGTAP_CONTROLPLANE_COMMAND_STATUS_H
#define LEGTAP_CONTROLPLANE_COMMAND_STATUS_H

struct cJSON;

/* Members of an object, which may be NULL: NULL, "-" and 0 where there is none of the kind. */
const struct cJSON *status_member(const struct cJSON *o, const char *name);
const char *status_text(const struct cJSON *o, const char *name);
double status_number(const struct cJSON *o, const char *name);

/* Print to stdout. 0, or -ENOMEM. */
void status_show_process(const struct cJSON *o);
void status_show_storage(const struct cJSON *o);
int status_show_rings(const struct cJSON *o);

#endif
