/* The handlers of the admin API's routes (route.c has the table). Each answers its request, at once
 * or later. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_HANDLERS_H
#define LEGTAP_CONTROLPLANE_HANDLERS_H

struct request;

void handle_actions(struct request *r);
void handle_sip_events(struct request *r);
void handle_status(struct request *r);
void handle_calls(struct request *r);
void handle_call(struct request *r);
void handle_call_join(struct request *r);
void handle_recordings(struct request *r);
void handle_recording(struct request *r);
void handle_events(struct request *r);
void handle_call_update(struct request *r);
void handle_billing(struct request *r);
void handle_metrics(struct request *r);

#endif
