/* UpdateSipMediaApplicationCall on the admin socket (docs/application.md). Control thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/application.h"
#include "controlplane/control.h"
#include "controlplane/handlers.h"
#include "controlplane/request.h"

static unsigned int http_status(int err)
{
	switch (err) {
	case -EINVAL:
		return MHD_HTTP_BAD_REQUEST;
	case -ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case -EAGAIN:
		return MHD_HTTP_TOO_MANY_REQUESTS;
	case -ESHUTDOWN:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

static void answer_accepted(struct request *r, const char *transaction_id)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "SipMediaApplicationCall"),
		"TransactionId", transaction_id);
	request_answer_json(r, MHD_HTTP_ACCEPTED, o);
}

void handle_call_update(struct request *r)
{
	static const char between[] = "/calls/";
	const char *application_id = request_id(r);
	const char *transaction_id = strstr(application_id, between) + strlen(between);
	size_t bytes;
	const char *body = request_body(r, &bytes);
	char *id = strndup(
		application_id, (size_t)(transaction_id - application_id) - strlen(between));
	struct errmsg e = {"no memory"};
	int err = -ENOMEM;

	if (id)
		err = application_call_update(
			request_control(r)->application, id, transaction_id, body, bytes, &e);
	free(id);
	if (err == 0) {
		answer_accepted(r, transaction_id);
		return;
	}
	request_fail(r, http_status(err), "%s", e.text);
}
