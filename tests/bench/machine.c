#include "tests/bench/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What follows `key` in the first line of a file that begins with it; or "". */
static void value_of(const char *path, const char *key, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[256];

	*buf = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(buf, size, "%s", line + strlen(key) + strspn(line + strlen(key), " \t:"));
		break;
	}
	if (file)
		fclose(file);
}

uint64_t machine_memory_kib(const char *key)
{
	char value[64];

	value_of("/proc/meminfo", key, value, sizeof(value));
	return strtoull(value, NULL, 10);
}

uint64_t machine_free_huge_kib(void)
{
	return machine_memory_kib("HugePages_Free:") * machine_memory_kib("Hugepagesize:");
}

char *machine_cpu_model(char *buf, size_t size)
{
	value_of("/proc/cpuinfo", "model name", buf, size);
	return buf;
}
