/* What is going on, as OpenMetrics text for Prometheus: GET /metrics. The names come from the
 * tables that status is made from. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_METRICS_H
#define LEGTAP_CONTROLPLANE_METRICS_H

struct control;

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* The whole text, "# EOF" included, to be freed; NULL without memory. */
char *metrics_text(const struct control *control);

#endif
