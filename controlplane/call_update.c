/* UpdateSipMediaApplicationCall on the admin socket (docs/application.md). Control thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/application.h"
#include "controlplane/control.h"
#include "controlplane/handlers.h"
#include "controlplane/request.h"

const char *application_update_error(int err, unsigned int *http_status)
{
	static const struct {
		int err;
		unsigned int status;
		const char *name;
	} errors[] = {
		{-EINVAL, MHD_HTTP_BAD_REQUEST, "BadRequestException"},
		{-ENOENT, MHD_HTTP_NOT_FOUND, "NotFoundException"},
		{-EAGAIN, MHD_HTTP_TOO_MANY_REQUESTS, "ThrottledClientException"},
		{-ESHUTDOWN, MHD_HTTP_SERVICE_UNAVAILABLE, "ServiceUnavailableException"},
		{0, MHD_HTTP_INTERNAL_SERVER_ERROR, "ServiceFailureException"},
	};
	size_t i = 0;

	while (errors[i].err && errors[i].err != err)
		i++;
	*http_status = errors[i].status;
	return errors[i].name;
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
	unsigned int status;
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
	(void)application_update_error(err, &status);
	request_fail(r, status, "%s", e.text);
	request_add_header(r, "x-amzn-ErrorType", application_update_error(err, &status));
}
