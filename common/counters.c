#include "common/counters.h"

#define INFO(counter_name, counter_kind, counter_help) \
	{.name = #counter_name, .kind = COUNTER_##counter_kind, .help = counter_help},

const struct counter_info rx_counter_info[RX_COUNTER_COUNT] = {RX_COUNTERS(INFO)};
const struct counter_info writer_counter_info[WRITER_COUNTER_COUNT] = {WRITER_COUNTERS(INFO)};
const struct counter_info answer_counter_info[ANSWER_COUNTER_COUNT] = {ANSWER_COUNTERS(INFO)};
