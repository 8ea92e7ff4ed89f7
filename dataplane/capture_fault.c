/* See capture_fault.h. */
#include "dataplane/capture_fault.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void capture_fault_damage(struct capture_faults *f, uint64_t offset)
{
	if (f->damages++ == 0)
		f->damage_offset = offset;
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	if (used && used + 2 < size)
		used += (size_t)snprintf(text + used, size - used, "; ");
	va_start(ap, fmt);
	vsnprintf(text + used, size - used, fmt, ap);
	va_end(ap);
}

void capture_fault_describe(const struct capture_faults *f, char *text, size_t size)
{
	text[0] = '\0';
	if (f->error)
		add(text, size, "reading failed: %s", strerror(-f->error));
	if (f->damages)
		add(text, size,
			"damaged in %" PRIu64 " places (first at byte %" PRIu64 "), %" PRIu64
			" bytes passed over",
			f->damages, f->damage_offset, f->passed_over_bytes);
	if (f->cut)
		add(text, size, "it ends within a record");
	if (f->oversized)
		add(text, size, "%" PRIu64 " records over 256 KiB skipped", f->oversized);
	if (f->foreign_link)
		add(text, size,
			"%" PRIu64 " packets of link type %" PRIu32
			" or the like skipped: capture Ethernet, Linux cooked, raw IP or null",
			f->foreign_link, f->foreign_link_type);
	if (f->snapped)
		add(text, size,
			"%" PRIu64
			" packets were captured in part: capture whole ones (tcpdump -s 0)",
			f->snapped);
	if (f->timeless)
		add(text, size,
			"%" PRIu64 " packets bear no time and got that of the one before: capture "
			"with times (no simple packet blocks)",
			f->timeless);
	if (f->future)
		add(text, size,
			"%" PRIu64 " packets of times after 2106-02-07 skipped: set them right by "
			"editcap -t",
			f->future);
	if (f->backward)
		add(text, size,
			"%" PRIu64 " packets come after later ones: sort the capture by reordercap",
			f->backward);
	if (f->no_interface)
		add(text, size, "%" PRIu64 " packets of undescribed interfaces skipped",
			f->no_interface);
}
