/* The tree is libxml2's; what is below its root is read element by element. */
#include "controlplane/siprec_metadata.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "controlplane/utf8.h"

/* No network, no DTD, no entity substitution, and libxml2's own bounds (no XML_PARSE_HUGE). */
#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA)

/* --- Lists --- */

static int add(void *list, unsigned int *count, size_t size, void **added)
{
	void **at = list;
	char *longer;

	if (*count >= SIPREC_ITEMS_MAX)
		return -E2BIG;
	longer = realloc(*at, (*count + 1) * size);
	if (!longer)
		return -ENOMEM;
	*at = longer;
	*added = memset(longer + (*count)++ * size, 0, size);
	return 0;
}

#define ADD(m, list, count, added) \
	add(&(m)->list, &(m)->count, sizeof(*(m)->list), (void **)(added))

void siprec_metadata_free(struct siprec_metadata *m)
{
	free(m->calls);
	free(m->participants);
	free(m->streams);
	free(m->associations);
	free(m->facts);
	memset(m, 0, sizeof(*m));
}

const struct siprec_participant *siprec_participant_by_id(
	const struct siprec_metadata *m, const char *id)
{
	for (unsigned int i = 0; i < m->participant_count; i++)
		if (strcmp(m->participants[i].id, id) == 0)
			return &m->participants[i];
	return NULL;
}

const struct siprec_call *siprec_call_by_id(const struct siprec_metadata *m, const char *id)
{
	for (unsigned int i = 0; i < m->call_count; i++)
		if (strcmp(m->calls[i].id, id) == 0)
			return &m->calls[i];
	return NULL;
}

/* --- Texts --- */

/* Without white space at its ends, control characters as '?', cut at `size`. Takes `text`. */
static void take(char *out, size_t size, xmlChar *text)
{
	const char *from = (const char *)text;
	size_t length;

	*out = '\0';
	if (!text)
		return;
	from += strspn(from, " \t\r\n");
	length = strlen(from);
	while (length > 0 && strchr(" \t\r\n", from[length - 1]))
		length--;
	if (length >= size)
		length = size - 1;
	memcpy(out, from, length);
	out[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)out[i]))
			out[i] = '?';
	utf8_repair(out, length);
	xmlFree(text);
}

static void take_attribute(
	char *out, size_t size, xmlNode *node, const char *name, const char *draft_name)
{
	xmlChar *text = xmlGetNoNsProp(node, BAD_CAST name);

	if (!text && draft_name)
		text = xmlGetNoNsProp(node, BAD_CAST draft_name);
	take(out, size, text);
}

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && xmlStrcasecmp(node->name, BAD_CAST name) == 0;
}

static xmlNode *child(xmlNode *node, const char *name)
{
	for (node = node->children; node; node = node->next)
		if (is(node, name))
			return node;
	return NULL;
}

/* The tree in the order of the document. */
static xmlNode *following(xmlNode *node, const xmlNode *root)
{
	if (node->type == XML_ELEMENT_NODE && node->children)
		return node->children;
	while (node != root && !node->next)
		node = node->parent;
	return node == root ? NULL : node->next;
}

static void take_child(char *out, size_t size, xmlNode *node, const char *name)
{
	xmlNode *found = child(node, name);

	take(out, size, found ? xmlNodeGetContent(found) : NULL);
}

/* --- Elements --- */

static int read_call(struct siprec_metadata *m, xmlNode *node)
{
	struct siprec_call *c;
	int err = ADD(m, calls, call_count, &c);

	if (err)
		return err;
	take_attribute(c->id, sizeof(c->id), node, "session_id", "id");
	take_child(c->sip_session_id, sizeof(c->sip_session_id), node, "sipSessionID");
	take_child(c->group_id, sizeof(c->group_id), node, "group-ref");
	if (!*c->group_id)
		take_attribute(c->group_id, sizeof(c->group_id), node, "group-ref", "group");
	return 0;
}

static int associate(
	struct siprec_metadata *m, const char *participant_id, xmlNode *stream, bool sends)
{
	struct siprec_association *a;
	int err = ADD(m, associations, association_count, &a);

	if (err)
		return err;
	strcpy(a->participant_id, participant_id);
	a->sends = sends;
	if (stream)
		take(a->stream_id, sizeof(a->stream_id), xmlNodeGetContent(stream));
	return 0;
}

/* The <send> and <recv> inside a node; how many there were, or -errno. */
static int read_directions(struct siprec_metadata *m, xmlNode *node, const char *participant_id)
{
	int count = 0;

	for (xmlNode *n = node->children; n; n = n->next) {
		bool sends = is(n, "send");
		int err;

		if (!sends && !is(n, "recv"))
			continue;
		err = associate(m, participant_id, n, sends);
		if (err)
			return err;
		count++;
	}
	return count;
}

static bool is_true(xmlNode *node)
{
	char text[8];

	take(text, sizeof(text), xmlNodeGetContent(node));
	return strcasecmp(text, "true") == 0;
}

/* Oracle's extension data: <apkt:callingParty>true</apkt:callingParty>. */
static bool is_calling(xmlNode *participant)
{
	for (xmlNode *n = participant; n; n = following(n, participant))
		if (is(n, "callingParty"))
			return is_true(n);
	return false;
}

static int read_participant(struct siprec_metadata *m, xmlNode *node)
{
	struct siprec_participant *p;
	xmlNode *name = child(node, "nameID");
	int err = ADD(m, participants, participant_count, &p);

	if (err)
		return err;
	take_attribute(p->id, sizeof(p->id), node, "participant_id", "id");
	if (name) {
		take_attribute(p->aor, sizeof(p->aor), name, "aor", NULL);
		take_child(p->name, sizeof(p->name), name, "name");
	}
	if (!*p->aor)
		take_child(p->aor, sizeof(p->aor), node, "aor");
	p->calling = is_calling(node);
	err = read_directions(m, node, p->id);
	return err < 0 ? err : 0;
}

static int read_stream(struct siprec_metadata *m, xmlNode *node)
{
	struct siprec_stream *s;
	int err = ADD(m, streams, stream_count, &s);

	if (err)
		return err;
	take_attribute(s->id, sizeof(s->id), node, "stream_id", "id");
	take_attribute(s->call_id, sizeof(s->call_id), node, "session_id", "session");
	take_child(s->label, sizeof(s->label), node, "label");
	return 0;
}

static int read_stream_association(struct siprec_metadata *m, xmlNode *node)
{
	char id[SIPREC_ID_BYTES];
	int count = 0;

	take_attribute(id, sizeof(id), node, "participant_id", "participant");
	if (!child(node, "disassociate-time"))
		count = read_directions(m, node, id);
	if (count == 0)
		return associate(m, id, NULL, false);
	return count < 0 ? count : 0;
}

/* Whether an element tells that a participant has left; elements may stand in any order. */
static void read_departure(struct siprec_metadata *m, xmlNode *node)
{
	char id[SIPREC_ID_BYTES];

	if (!is(node, "participantsessionassoc") || !child(node, "disassociate-time"))
		return;
	take_attribute(id, sizeof(id), node, "participant_id", "participant");
	for (unsigned int i = 0; i < m->participant_count; i++)
		if (strcmp(m->participants[i].id, id) == 0)
			m->participants[i].left = true;
}

/* A partial update may tell of the departure alone. */
static int name_departed(struct siprec_metadata *m, xmlNode *node)
{
	struct siprec_participant *p;
	char id[SIPREC_ID_BYTES];
	int err;

	if (!m->partial || !is(node, "participantsessionassoc") ||
		!child(node, "disassociate-time"))
		return 0;
	take_attribute(id, sizeof(id), node, "participant_id", "participant");
	if (siprec_participant_by_id(m, id))
		return 0;
	err = ADD(m, participants, participant_count, &p);
	if (err == 0)
		strcpy(p->id, id);
	return err;
}

static int read_element(struct siprec_metadata *m, xmlNode *node)
{
	if (is(node, "session"))
		return read_call(m, node);
	if (is(node, "participant"))
		return read_participant(m, node);
	if (is(node, "stream"))
		return read_stream(m, node);
	if (is(node, "participantstreamassoc"))
		return read_stream_association(m, node);
	return 0;
}

/* --- Extension data --- */

static int add_fact(struct siprec_metadata *m, const xmlChar *name, xmlChar *value)
{
	struct siprec_fact *f = NULL;
	int err = 0;

	if (m->fact_count < SIPREC_FACTS_MAX)
		err = ADD(m, facts, fact_count, &f);
	if (!f || err) {
		xmlFree(value);
		return err;
	}
	take(f->name, sizeof(f->name), xmlStrdup(name));
	take(f->value, sizeof(f->value), value);
	return 0;
}

static bool is_known(const xmlNode *node)
{
	static const char *const names[] = {"recording", "dataMode", "group", "session",
		"participant", "stream", "participantsessionassoc", "participantstreamassoc",
		"sessionrecordingassoc", "nameID", "name", "label", "send", "recv", "sipSessionID",
		"group-ref", "associate-time", "disassociate-time", "start-time", "stop-time",
		"end-time", "reason", "aor", NULL};

	for (unsigned int i = 0; names[i]; i++)
		if (is(node, names[i]))
			return true;
	return false;
}

static bool has_elements(const xmlNode *node)
{
	for (const xmlNode *n = node->children; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			return true;
	return false;
}

static int read_facts(struct siprec_metadata *m, xmlNode *root)
{
	int err = 0;

	for (xmlNode *n = root; n && err == 0; n = following(n, root)) {
		if (n->type != XML_ELEMENT_NODE || is_known(n))
			continue;
		if (!has_elements(n))
			err = add_fact(m, n->name, xmlNodeGetContent(n));
		for (xmlAttr *a = n->properties; a && err == 0; a = a->next)
			err = add_fact(m, a->name, xmlGetNoNsProp(n, a->name));
	}
	return err;
}

static int read_recording(struct siprec_metadata *m, xmlNode *root)
{
	char mode[16];
	int err = 0;

	take_child(mode, sizeof(mode), root, "datamode");
	m->partial = strcasecmp(mode, "partial") == 0;
	for (xmlNode *n = root->children; n && err == 0; n = n->next)
		err = read_element(m, n);
	for (xmlNode *n = root->children; n && err == 0; n = n->next)
		err = name_departed(m, n);
	for (xmlNode *n = root->children; n && err == 0; n = n->next)
		read_departure(m, n);
	return err ? err : read_facts(m, root);
}

/* --- Documents --- */

/* libxml2's hook for <!DOCTYPE: the one way by which entities could come in. */
static void refuse_dtd(
	void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	xmlParserCtxt *c = context;

	c->_private = c;
	xmlStopParser(c);
}

static int tell_error(xmlParserCtxt *context, struct errmsg *e)
{
	const xmlError *error = xmlCtxtGetLastError(context);

	if (context->_private)
		return errmsg_set(e, -EBADMSG, "metadata: a document type declaration is refused");
	if (!error || !error->message)
		return errmsg_set(e, -EBADMSG, "metadata: no XML document");
	return errmsg_set(e, -EBADMSG, "metadata: line %d: %.*s", error->line,
		(int)strcspn(error->message, "\r\n"), error->message);
}

static int read_document(struct siprec_metadata *out, xmlDoc *document, struct errmsg *e)
{
	xmlNode *root = xmlDocGetRootElement(document);
	int err;

	if (!root || !is(root, "recording"))
		return errmsg_set(e, -EBADMSG, "metadata: its root must be <recording>");
	err = read_recording(out, root);
	if (err == -E2BIG)
		return errmsg_set(e, -EBADMSG, "metadata: more than %d elements of one kind",
			SIPREC_ITEMS_MAX);
	return err ? errmsg_set(e, err, "metadata: no memory") : 0;
}

int siprec_metadata_parse(
	struct siprec_metadata *out, const char *xml, size_t bytes, struct errmsg *e)
{
	xmlParserCtxt *context;
	xmlDoc *document;
	int err;

	memset(out, 0, sizeof(*out));
	if (bytes > SIPREC_METADATA_BYTES_MAX)
		return errmsg_set(
			e, -EBADMSG, "metadata: longer than %d bytes", SIPREC_METADATA_BYTES_MAX);
	context = xmlNewParserCtxt();
	if (!context)
		return errmsg_set(e, -ENOMEM, "metadata: no memory");
	context->sax->internalSubset = refuse_dtd;
	document = xmlCtxtReadMemory(context, xml, (int)bytes, NULL, NULL, OPTIONS);
	if (document && !context->_private)
		err = read_document(out, document, e);
	else
		err = tell_error(context, e);
	xmlFreeDoc(document);
	xmlFreeParserCtxt(context);
	if (err)
		siprec_metadata_free(out);
	return err;
}

/* --- Updates --- */

static int merge_calls(struct siprec_metadata *to, const struct siprec_metadata *from)
{
	for (unsigned int i = 0; i < from->call_count; i++) {
		struct siprec_call *c =
			(struct siprec_call *)siprec_call_by_id(to, from->calls[i].id);
		int err = c ? 0 : ADD(to, calls, call_count, &c);

		if (err)
			return err;
		strcpy(c->id, from->calls[i].id);
		if (*from->calls[i].sip_session_id)
			strcpy(c->sip_session_id, from->calls[i].sip_session_id);
		if (*from->calls[i].group_id)
			strcpy(c->group_id, from->calls[i].group_id);
	}
	return 0;
}

/* The newest of a name stands. */
static int merge_facts(struct siprec_metadata *to, const struct siprec_metadata *from)
{
	for (unsigned int i = 0; i < from->fact_count; i++) {
		struct siprec_fact *f = NULL;
		int err = 0;

		for (unsigned int k = 0; k < to->fact_count && !f; k++)
			if (strcmp(to->facts[k].name, from->facts[i].name) == 0)
				f = &to->facts[k];
		if (!f && to->fact_count == SIPREC_FACTS_MAX)
			continue;
		if (!f)
			err = ADD(to, facts, fact_count, &f);
		if (err)
			return err;
		*f = from->facts[i];
	}
	return 0;
}

/* Who is told of by id alone keeps the name. */
static int merge_participants(struct siprec_metadata *to, const struct siprec_metadata *from)
{
	for (unsigned int i = 0; i < from->participant_count; i++) {
		const struct siprec_participant *news = &from->participants[i];
		struct siprec_participant *p =
			(struct siprec_participant *)siprec_participant_by_id(to, news->id);
		int err = p ? 0 : ADD(to, participants, participant_count, &p);

		if (err)
			return err;
		p->left = news->left;
		p->calling = p->calling || news->calling;
		strcpy(p->id, news->id);
		if (*news->aor)
			strcpy(p->aor, news->aor);
		if (*news->name)
			strcpy(p->name, news->name);
	}
	return 0;
}

static int merge_streams(struct siprec_metadata *to, const struct siprec_metadata *from)
{
	for (unsigned int i = 0; i < from->stream_count; i++) {
		struct siprec_stream *s = NULL;
		int err = 0;

		for (unsigned int k = 0; k < to->stream_count && !s; k++)
			if (strcmp(to->streams[k].id, from->streams[i].id) == 0)
				s = &to->streams[k];
		if (!s)
			err = ADD(to, streams, stream_count, &s);
		if (err)
			return err;
		*s = from->streams[i];
	}
	return 0;
}

static bool tells_of(const struct siprec_metadata *m, const char *participant_id)
{
	for (unsigned int i = 0; i < m->association_count; i++)
		if (strcmp(m->associations[i].participant_id, participant_id) == 0)
			return true;
	return false;
}

static int merge_associations(struct siprec_metadata *to, const struct siprec_metadata *from)
{
	struct siprec_association *a;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < to->association_count; i++)
		if (!tells_of(from, to->associations[i].participant_id))
			to->associations[kept++] = to->associations[i];
	to->association_count = kept;
	for (unsigned int i = 0; i < from->association_count; i++) {
		int err = ADD(to, associations, association_count, &a);

		if (err)
			return err;
		*a = from->associations[i];
	}
	return 0;
}

int siprec_metadata_merge(struct siprec_metadata *to, struct siprec_metadata *from)
{
	int err;

	if (!from->partial) {
		siprec_metadata_free(to);
		*to = *from;
		memset(from, 0, sizeof(*from));
		return 0;
	}
	err = merge_calls(to, from);
	if (err == 0)
		err = merge_participants(to, from);
	if (err == 0)
		err = merge_streams(to, from);
	if (err == 0)
		err = merge_associations(to, from);
	if (err == 0)
		err = merge_facts(to, from);
	siprec_metadata_free(from);
	return err;
}

/* --- Without a document --- */

int siprec_metadata_add_sender(struct siprec_metadata *m, unsigned int index, const char *aor)
{
	struct siprec_association *a;
	struct siprec_participant *p;
	struct siprec_stream *s;
	int err = index < SIPREC_ITEMS_MAX ? 0 : -E2BIG;

	/* The n-th stream is the n-th line's. */
	while (err == 0 && m->stream_count <= index) {
		err = ADD(m, streams, stream_count, &s);
		if (err == 0)
			snprintf(s->id, sizeof(s->id), "media-%u", m->stream_count - 1);
	}
	if (err == 0)
		err = ADD(m, participants, participant_count, &p);
	if (err == 0) {
		snprintf(p->id, sizeof(p->id), "%.*s", SIPREC_ID_BYTES - 1, aor);
		snprintf(p->aor, sizeof(p->aor), "%.*s", SIPREC_TEXT_BYTES - 1, aor);
		err = ADD(m, associations, association_count, &a);
	}
	if (err == 0) {
		strcpy(a->participant_id, p->id);
		strcpy(a->stream_id, m->streams[index].id);
		a->sends = true;
	}
	return err;
}
