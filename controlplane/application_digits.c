/* ReceiveDigits: collects the digits of a leg and tells the application when they are whole
 * (docs/application.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/log.h"
#include "common/text.h"
#include "controlplane/application_transaction.h"
#include "controlplane/control.h"
#include "controlplane/digit_pattern.h"
#include "controlplane/digit_source.h"

#define BETWEEN_MS 1000U /* where the action does not say */
#define FLUSH_MS 10000U
#define DURATION_MS_MAX 3600000.0
#define MS_NS 1000000ULL

struct digits {
	struct transaction *owner;
	struct cJSON *data; /* ActionData */
	regex_t pattern;
	char leg[LEG_TEXT_BYTES]; /* CallId, SIP Call-ID or ParticipantTag; "": any */
	uint32_t between_ms;
	uint32_t flush_ms;
	char text[DIGITS_MAX + 1];
	unsigned int count;
	bool secret; /* one must not be in any log */
	struct timer between_timer;
	struct timer flush_timer;
};

static bool is_for(const struct digits *d, const struct leg *leg)
{
	char call_id[UUID_TEXT_BYTES];

	return d->leg[0] == '\0' || strcmp(d->leg, leg->participant_tag) == 0 ||
	       strcmp(d->leg, leg->sip_call_id) == 0 ||
	       strcasecmp(d->leg, uuid_format(&leg->call_id, call_id)) == 0;
}

/* Wanted: from all legs of the transaction that the action speaks of; else from none. */
static void want(struct transaction *t, bool wanted)
{
	struct control *c = t->owner->control;
	struct session *session = session_by_id(c->legs, &t->id);

	for (struct leg *leg = session ? session->legs : NULL; leg; leg = leg->next_in_session)
		digit_source_want(c, leg, wanted && is_for(t->digits, leg));
}

void transaction_digits_of(struct transaction *t, struct leg *leg)
{
	if (t->digits)
		digit_source_want(t->owner->control, leg, is_for(t->digits, leg));
}

void transaction_stop_digits(struct transaction *t)
{
	struct digits *d = t->digits;
	struct timers *timers = &t->owner->control->timers;

	if (!d)
		return;
	want(t, false);
	explicit_bzero(d->text, sizeof(d->text));
	timer_cancel(timers, &d->between_timer);
	timer_cancel(timers, &d->flush_timer);
	regfree(&d->pattern);
	cJSON_Delete(d->data);
	free(d);
	t->digits = NULL;
}

/* A number, or a text that is one. */
static uint32_t duration_ms(const cJSON *parameters, const char *name, uint32_t fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(parameters, name);
	double value = cJSON_IsNumber(item) ? item->valuedouble : 0;

	if (cJSON_IsString(item))
		value = strtod(item->valuestring, NULL);
	return value >= 1 && value <= DURATION_MS_MAX ? (uint32_t)value : fallback;
}

/* CallId goes before ParticipantTag. */
static const char *leg_of(const cJSON *parameters)
{
	static const char *const names[] = {"CallId", "ParticipantTag"};

	for (unsigned int i = 0; i < 2; i++) {
		const char *text = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(parameters, names[i]));

		if (text && text[0])
			return text;
	}
	return "";
}

int transaction_receive_digits(
	struct transaction *t, const struct cJSON *action_data, struct errmsg *e)
{
	const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(action_data, "Parameters");
	const char *pattern = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(parameters, "InputDigitsRegex"));
	struct digits *d;
	int err;

	if (!pattern)
		return errmsg_set(e, -EINVAL, "InputDigitsRegex is missing, or not a text");
	d = calloc(1, sizeof(*d));
	if (!d)
		return errmsg_set(e, -ENOMEM, "no memory");
	err = digit_pattern_compile(&d->pattern, pattern, e);
	if (err != 0) {
		free(d);
		return err;
	}
	d->owner = t;
	d->data = cJSON_Duplicate(action_data, true);
	text_copy(d->leg, sizeof(d->leg), leg_of(parameters));
	d->between_ms =
		duration_ms(parameters, "InBetweenDigitsDurationInMilliseconds", BETWEEN_MS);
	d->flush_ms = duration_ms(parameters, "FlushDigitsDurationInMilliseconds", FLUSH_MS);
	transaction_stop_digits(t);
	t->digits = d;
	want(t, true);
	return 0;
}

/* --- Digits --- */

static void tell(struct digits *d)
{
	cJSON *data = cJSON_Duplicate(d->data, true);
	bool secret = d->secret;

	cJSON_AddStringToObject(data, "ReceivedDigits", d->text);
	timer_cancel(&d->owner->owner->control->timers, &d->between_timer);
	timer_cancel(&d->owner->owner->control->timers, &d->flush_timer);
	explicit_bzero(d->text, sizeof(d->text));
	d->count = 0;
	d->secret = false;
	transaction_event(d->owner, secret ? DIGITS_RECEIVED_SECRET : "DIGITS_RECEIVED", data);
}

static void on_between(void *arg, uint64_t now_ns)
{
	struct digits *d = arg;

	if (regexec(&d->pattern, d->text, 0, NULL, 0) == 0)
		tell(d);
}

static void on_flush(void *arg, uint64_t now_ns)
{
	tell(arg);
}

void application_digit(struct application *a, struct leg *leg, char digit, bool secret)
{
	struct transaction *t = a ? application_find(a, &leg->session->transaction_id) : NULL;
	struct digits *d = t ? t->digits : NULL;
	struct timers *timers;

	if (!d || !is_for(d, leg) || !strchr("0123456789*#ABCD", digit) || digit == '\0')
		return;
	timers = &a->control->timers;
	if (d->count == DIGITS_MAX)
		return; /* until it is flushed */
	if (d->count == 0)
		timer_start(timers, &d->flush_timer, a->control->now_ns + d->flush_ms * MS_NS,
			on_flush, d);
	d->text[d->count++] = digit;
	d->text[d->count] = '\0';
	d->secret = d->secret || secret;
	timer_start(timers, &d->between_timer, a->control->now_ns + d->between_ms * MS_NS,
		on_between, d);
}
