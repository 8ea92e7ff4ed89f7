/* legtapctl(1): the client of legtapd's admin API. */
#include <stdio.h>

#include <curl/curl.h>

#include "controlplane/arguments.h"
#include "controlplane/client.h"
#include "controlplane/command.h"

static int run(const struct arguments *a)
{
	struct client *c = NULL;
	struct errmsg e = {""};
	int status;

	if (client_create(&c, a->socket, &e) != 0)
		return command_fail(a, COMMAND_BAD_USAGE, "%s", e.text);
	status = a->command->run(a, c);
	client_destroy(c);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = command_fail(a, COMMAND_FAILED, "the output could not be written");
	return status;
}

int main(int argc, char *argv[])
{
	struct arguments a;
	struct errmsg e = {""};
	int status = 0;

	if (arguments_parse(argc, argv, &a, &e) != 0) {
		fprintf(stderr, "legtapctl: %s\nTry legtapctl --help.\n", e.text);
		return COMMAND_BAD_USAGE;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (a.help)
		arguments_help(stdout);
	else if (a.version)
		printf("legtapctl %s\n", LEGTAP_VERSION);
	else
		status = run(&a);
	curl_global_cleanup();
	return status;
}
