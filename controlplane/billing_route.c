/* GET /v1/billing: reads the whole ledger on a worker thread. */
#include "controlplane/handlers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "controlplane/billing.h"
#include "controlplane/control.h"
#include "controlplane/ledger.h"
#include "controlplane/request.h"
#include "controlplane/timestamp.h"
#include "controlplane/worker.h"

#define JSON_TYPE "application/json"
#define CSV_TYPE "text/csv; charset=utf-8; header=present"

/* The worker reads what stands above `json`, and writes the rest; the request stays the control
 * thread's. */
struct job {
	struct request *request;
	char *ledger;
	char *account; /* NULL: all */
	char *head;    /* NULL: none */
	struct billing_query query;
	bool verify;
	bool csv;
	cJSON *json;
	char *text; /* as CSV */
	int err;
	struct errmsg e;
};

static void free_job(struct job *job)
{
	cJSON_Delete(job->json);
	free(job->text);
	free(job->ledger);
	free(job->account);
	free(job->head);
	free(job);
}

static void run(void *arg)
{
	struct job *job = arg;

	if (job->verify)
		job->err = billing_verdict(job->ledger, job->head, &job->json, &job->e);
	else
		job->err = billing_report(job->ledger, &job->query, &job->json, &job->e);
	if (job->err == 0 && job->csv) {
		job->text = billing_csv(job->json);
		if (!job->text)
			job->err = errmsg_set(&job->e, -ENOMEM, "no memory for the report");
	}
}

static void done(void *arg)
{
	struct job *job = arg;

	if (job->err) {
		request_fail(job->request,
			job->err == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_INTERNAL_SERVER_ERROR,
			"%s", job->e.text);
	} else if (job->csv) {
		request_answer(job->request, MHD_HTTP_OK, CSV_TYPE, job->text);
		job->text = NULL;
	} else {
		request_answer_json(job->request, MHD_HTTP_OK, job->json);
		job->json = NULL;
	}
	free_job(job);
}

/* --- The query --- */

static bool take_time(struct request *r, const char *name, int64_t *unix_ms)
{
	const char *text = request_query(r, name);

	if (!text || timestamp_parse(text, unix_ms) == 0)
		return true;
	request_fail(r, MHD_HTTP_BAD_REQUEST,
		"%s: %.60s is no time: send 2026-01-31, or 2026-01-31T08:00:00Z", name, text);
	return false;
}

/* Whether the Accept header names CSV, and does so before JSON. */
static bool wants_csv(const struct request *r)
{
	const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);
	const char *csv = accept ? strcasestr(accept, "text/csv") : NULL;
	const char *json = accept ? strcasestr(accept, JSON_TYPE) : NULL;

	return csv && (!json || csv < json);
}

static bool fits_together(struct request *r, const struct job *job, bool has_head)
{
	const struct billing_query *q = &job->query;

	if (has_head && !job->verify) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "head goes with verify=1");
		return false;
	}
	if (job->verify && (request_query(r, "account") || q->from_ms || q->to_ms)) {
		request_fail(r, MHD_HTTP_BAD_REQUEST,
			"verify=1 checks the whole ledger: no account, from or to");
		return false;
	}
	if (q->from_ms && q->to_ms && q->to_ms < q->from_ms) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "to is before from");
		return false;
	}
	return true;
}

/* False: the request has been answered. */
static bool take_query(struct request *r, struct job *job)
{
	unsigned int verify;

	if (!request_query_number(r, "verify", 0, 1, 0, &verify) ||
		!take_time(r, "from", &job->query.from_ms) ||
		!take_time(r, "to", &job->query.to_ms))
		return false;
	job->verify = verify == 1;
	job->csv = !job->verify && wants_csv(r);
	return fits_together(r, job, request_query(r, "head") != NULL);
}

static bool copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return *to || !text;
}

static void start(struct request *r, struct job *job)
{
	int err = workers_start(request_workers(r), run, done, job);

	if (err == 0)
		return;
	free_job(job);
	if (err == -EBUSY)
		request_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"%d reports are being made already: ask again in a moment", WORKERS_MAX);
	else
		request_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no thread: %s", strerror(-err));
}

void handle_billing(struct request *r)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		request_answer_json(r, MHD_HTTP_OK, NULL);
		return;
	}
	job->request = r;
	if (!take_query(r, job)) {
		free_job(job);
		return;
	}
	if (!copy(&job->ledger, ledger_path(request_control(r)->ledger)) ||
		!copy(&job->account, request_query(r, "account")) ||
		!copy(&job->head, request_query(r, "head"))) {
		free_job(job);
		request_answer_json(r, MHD_HTTP_OK, NULL);
		return;
	}
	job->query.account = job->account;
	start(r, job);
}
