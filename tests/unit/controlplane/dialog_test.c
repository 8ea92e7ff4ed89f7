/* Dialogs as a mirror shows them: each scenario is what passes on the wire, and what legs must come
 * of it. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip_scenario.h"
#include "udp_packets.h"

/* INVITEs without a To tag among the torture messages (tests/data/torture.tsv). */
#define TORTURE_LEGS 18

struct row {
	const char *name;
	const char *sbc;
	const char *lines;
	const char *legs;
};

#define CALL \
	"0.000 A>S INVITE c1 a - 1 sdp=4000\n" \
	"0.010 S>A 100/INVITE c1 a - 1\n" \
	"0.100 S>A 180/INVITE c1 a s 1\n" \
	"0.500 S>A 200/INVITE c1 a s 1 sdp=6000\n" \
	"0.600 A>S ACK c1 a s 1\n"

/* The callee's side of the same, with a Call-ID of its own. */
#define OUT_CALL \
	"0.000 S>B INVITE c2 s - 1 sdp=6002\n" \
	"0.010 B>S 100/INVITE c2 s - 1\n" \
	"0.100 B>S 180/INVITE c2 s b 1\n" \
	"0.500 B>S 200/INVITE c2 s b 1 sdp=5000\n" \
	"0.600 S>B ACK c2 s b 1\n"

static const struct row rows[] = {
	{"a call, ended by the caller", "S",
		CALL "9.000 A>S BYE c1 a s 2\n9.010 S>A 200/BYE c1 a s 2\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"},
	{"a call, ended by the SBC", "S",
		CALL "9.000 S>A BYE c1 s a 1\n9.010 A>S 200/BYE c1 s a 1\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"},
	{"a call out", "S", OUT_CALL "9.000 B>S BYE c2 b s 7\n",
		"LEG-A callee ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.2:5000 S=10.9.0.1:6002 "
		"c2\n"},
	{"early media by 183, another address in the 200", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.100 S>A 183/INVITE c1 a s 1 sdp=6000\n"
		"0.500 S>A 200/INVITE c1 a s 1 sdp=6010\n"
		"0.600 A>S ACK c1 a s 1\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 "
		"S=10.9.0.1:6000,10.9.0.1:6010 c1\n"},
	{"a late offer", "S",
		"0.000 A>S INVITE c1 a - 1\n"
		"0.500 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"0.600 A>S ACK c1 a s 1 sdp=4000\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"offer and answer in PRACK and its 200", "S",
		"0.000 A>S INVITE c1 a - 1\n"
		"0.100 S>A 183/INVITE c1 a s 1 sdp=6000\n"
		"0.200 A>S PRACK c1 a s 2 sdp=4000\n"
		"0.210 S>A 200/PRACK c1 a s 2\n"
		"0.300 A>S UPDATE c1 a s 3 sdp=4002\n"
		"0.310 S>A 200/UPDATE c1 a s 3 sdp=6002\n",
		"LEG-A caller ringing 0.000 0.000 0.000 P=10.0.0.1:4000,10.0.0.1:4002 "
		"S=10.9.0.1:6000,10.9.0.1:6002 c1\n"},
	{"cancelled", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.100 S>A 180/INVITE c1 a s 1\n"
		"3.000 A>S CANCEL c1 a - 1\n"
		"3.010 S>A 200/CANCEL c1 a s 1\n"
		"3.020 S>A 487/INVITE c1 a s 1\n"
		"3.030 A>S ACK c1 a s 1 branch=z9hG4bKc11INVITEAS\n",
		"LEG-A caller ended(cancelled 487) 0.000 0.000 3.020 P=10.0.0.1:4000 S c1\n"},
	{"cancelled, the 487 lost", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"3.000 A>S CANCEL c1 a - 1\n"
		"35.5 -\n",
		"LEG-A caller ended(cancelled 487) 0.000 0.000 3.000 P=10.0.0.1:4000 S c1\n"},
	{"CANCEL and 200 cross", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"3.000 A>S CANCEL c1 a - 1\n"
		"3.001 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"3.002 S>A 200/CANCEL c1 a s 1\n"
		"40 -\n",
		"LEG-A caller answered 0.000 3.001 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"busy", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.200 S>A 486/INVITE c1 a s 1\n"
		"0.210 A>S ACK c1 a s 1 branch=z9hG4bKc11INVITEAS\n",
		"LEG-A caller ended(refused 486) 0.000 0.000 0.200 P=10.0.0.1:4000 S c1\n"},
	{"declined everywhere", "S",
		"0.000 S>B INVITE c2 s - 1 sdp=6002\n0.200 B>S 603/INVITE c2 s b 1\n",
		"LEG-A callee ended(refused 603) 0.000 0.000 0.200 P S=10.9.0.1:6002 c2\n"},
	{"the refusal lost, its ACK seen", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.210 A>S ACK c1 a s 1 branch=z9hG4bKc11INVITEAS\n",
		"LEG-A caller ended(refused 480) 0.000 0.000 0.210 P=10.0.0.1:4000 S c1\n"},
	{"authentication: one leg, from the first INVITE", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>A 407/INVITE c1 a x 1\n"
		"0.020 A>S ACK c1 a x 1 branch=z9hG4bKc11INVITEAS\n"
		"0.030 A>S INVITE c1 a - 2 sdp=4000\n"
		"0.500 S>A 200/INVITE c1 a s 2 sdp=6000\n"
		"0.600 A>S ACK c1 a s 2\n"
		"40 -\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"authentication that nobody answers", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>A 401/INVITE c1 a x 1\n"
		"0.020 A>S ACK c1 a x 1 branch=z9hG4bKc11INVITEAS\n"
		"32.02 -\n",
		"LEG-A caller ended(refused 401) 0.000 0.000 0.010 P=10.0.0.1:4000 S c1\n"},
	{"tried again with the refusal's tag kept", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>A 422/INVITE c1 a x 1\n"
		"0.030 A>S INVITE c1 a x 2 sdp=4002 x=1800\n"
		"0.500 S>A 200/INVITE c1 a s 2 sdp=6000 x=1800\n",
		"LEG-A caller answered 0.000 0.500 0.000 timer=1800@0.500 "
		"P=10.0.0.1:4000,10.0.0.1:4002 S=10.9.0.1:6000 c1\n"},
	{"redirected, and tried again", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>A 302/INVITE c1 a x 1\n"
		"0.030 A>S INVITE c1 a - 2 sdp=4000\n"
		"0.200 S>A 486/INVITE c1 a y 2\n",
		"LEG-A caller ended(refused 486) 0.000 0.000 0.200 P=10.0.0.1:4000 S c1\n"},
	{"refused, and tried again with other media", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>A 488/INVITE c1 a x 1\n"
		"0.030 A>S INVITE c1 a - 2 sdp=4002\n"
		"0.200 S>A 200/INVITE c1 a s 2 sdp=6000\n",
		"LEG-A caller ended(refused 488) 0.000 0.000 0.010 P=10.0.0.1:4000 S c1\n"
		"LEG-A caller answered 0.030 0.200 0.000 P=10.0.0.1:4002 S=10.9.0.1:6000 c1\n"},
	{"forked beyond the SBC: two early dialogs, one answers, the other's BYE is not ours", "S",
		"0.000 S>B INVITE c2 s - 1 sdp=6002\n"
		"0.100 B>S 183/INVITE c2 s b1 1 sdp=5000\n"
		"0.200 B>S 183/INVITE c2 s b2 1 sdp=5100 c=C\n"
		"0.500 B>S 200/INVITE c2 s b2 1 sdp=5100 c=C\n"
		"0.510 B>S 200/INVITE c2 s b1 1 sdp=5002\n"
		"0.600 S>B ACK c2 s b2 1\n"
		"0.610 S>B ACK c2 s b1 1 branch=other\n"
		"0.620 S>B BYE c2 s b1 2\n"
		"0.630 B>S 200/BYE c2 s b1 2\n",
		"LEG-A callee answered 0.000 0.500 0.000 P=10.0.0.2:5000,10.0.0.3:5100 "
		"S=10.9.0.1:6002 c2\n"},
	{"forked by the SBC: a busy branch does not end it", "S",
		"0.000 S>B INVITE c2 s - 1 sdp=6002\n"
		"0.001 S>C INVITE c2 s - 1 sdp=6002\n"
		"0.100 B>S 486/INVITE c2 s b 1\n"
		"0.110 S>B ACK c2 s b 1 branch=z9hG4bKc21INVITEBS\n"
		"0.500 C>S 200/INVITE c2 s c 1 sdp=5000\n"
		"0.600 S>C ACK c2 s c 1\n"
		"9.000 C>S BYE c2 c s 1\n",
		"LEG-A callee ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.3:5000 S=10.9.0.1:6002 "
		"c2\n"},
	{"forked by the SBC: all busy", "S",
		"0.000 S>B INVITE c2 s - 1 sdp=6002\n"
		"0.001 S>C INVITE c2 s - 1 sdp=6002\n"
		"0.100 B>S 486/INVITE c2 s b 1\n"
		"0.200 C>S 480/INVITE c2 s c 1\n",
		"LEG-A callee ended(refused 480) 0.000 0.000 0.200 P S=10.9.0.1:6002 c2\n"},
	{"hold and resume by re-INVITE", "S",
		CALL "2.000 A>S INVITE c1 a s 2 sdp=4000/sendonly\n"
		     "2.100 S>A 200/INVITE c1 a s 2 sdp=6000/recvonly\n"
		     "2.200 A>S ACK c1 a s 2\n"
		     "3.000 A>S INVITE c1 a s 3 sdp=4000/sendrecv\n"
		     "3.100 S>A 200/INVITE c1 a s 3 sdp=6000\n"
		     "3.200 A>S ACK c1 a s 3\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"on hold by 0.0.0.0, from the SBC", "S",
		CALL "2.000 S>A INVITE c1 s a 1 sdp=6000 c=0\n"
		     "2.100 A>S 200/INVITE c1 s a 1 sdp=4000\n",
		"LEG-A caller answered 0.000 0.500 0.000 hold P=10.0.0.1:4000 S=10.9.0.1:6000 mute "
		"deaf "
		"c1\n"},
	{"on hold by inactive", "S",
		CALL "2.000 A>S INVITE c1 a s 2 sdp=4000/inactive\n"
		     "2.100 S>A 200/INVITE c1 a s 2 sdp=6000/inactive\n",
		"LEG-A caller answered 0.000 0.500 0.000 hold P=10.0.0.1:4000 mute deaf "
		"S=10.9.0.1:6000 mute deaf c1\n"},
	{"a refused re-INVITE leaves things as they were", "S",
		CALL "2.000 A>S INVITE c1 a s 2 sdp=4000/sendonly\n"
		     "2.100 S>A 491/INVITE c1 a s 2\n"
		     "2.200 A>S ACK c1 a s 2 branch=z9hG4bKc12INVITEAS\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"a re-INVITE moves the media, UPDATE refreshes", "S",
		CALL "2.000 A>S INVITE c1 a s 2 sdp=4100 x=600\n"
		     "2.100 S>A 200/INVITE c1 a s 2 sdp=6100 x=600\n"
		     "2.200 A>S ACK c1 a s 2\n"
		     "8.000 S>A UPDATE c1 s a 1 x=600\n"
		     "8.100 A>S 200/UPDATE c1 s a 1 x=600\n",
		"LEG-A caller answered 0.000 0.500 0.000 timer=600@8.100 "
		"P=10.0.0.1:4000,10.0.0.1:4100 "
		"S=10.9.0.1:6000,10.9.0.1:6100 c1\n"},
	{"everything twice, and a late copy of the first offer", "S",
		CALL CALL "2.000 A>S INVITE c1 a s 2 sdp=4000/sendonly\n"
			  "2.000 A>S INVITE c1 a s 2 sdp=4000/sendonly\n"
			  "2.100 S>A 200/INVITE c1 a s 2 sdp=6000/recvonly\n"
			  "2.500 S>A 200/INVITE c1 a s 1 sdp=6000\n"
			  "9.000 A>S BYE c1 a s 3\n9.000 A>S BYE c1 a s 3\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.000 hold P=10.0.0.1:4000 deaf "
		"S=10.9.0.1:6000 mute c1\n"},
	{"the 200 lost, ACK and BYE seen", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.600 A>S ACK c1 a s 1\n"
		"9.000 S>A BYE c1 s a 1\n",
		"LEG-A caller ended(hangup 0) 0.000 0.600 9.000 P=10.0.0.1:4000 S c1\n"},
	{"200 and ACK lost, a re-INVITE seen", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"2.000 S>A INVITE c1 s a 1 sdp=6000\n",
		"LEG-A caller answered 0.000 2.000 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"the BYE lost, its 200 seen", "S", CALL "9.010 S>A 200/BYE c1 a s 2\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.010 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"},
	{"nothing after the INVITE", "S", "0.000 A>S INVITE c1 a - 1 sdp=4000\n299.9 -\n301 -\n",
		"LEG-A caller ended(no_answer 480) 0.000 0.000 0.000 P=10.0.0.1:4000 S c1\n"},
	{"long ringing goes on", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"200 S>A 180/INVITE c1 a s 1\n"
		"301 -\n"
		"400 S>A 180/INVITE c1 a s 1\n"
		"650 -\n",
		"LEG-A caller ringing 0.000 0.000 0.000 P=10.0.0.1:4000 S c1\n"},
	{"responses before their INVITE", "S",
		"0.000 S>A 180/INVITE c1 a s 1\n"
		"0.001 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"0.002 A>S INVITE c1 a - 1 sdp=4000\n",
		"LEG-A caller answered 0.002 0.002 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"a proxy: one Call-ID, two legs of one call", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>B INVITE c1 a - 1 sdp=6002\n"
		"0.300 B>S 200/INVITE c1 a b 1 sdp=5000\n"
		"0.310 S>A 200/INVITE c1 a b 1 sdp=6000\n"
		"0.320 A>S ACK c1 a b 1\n"
		"0.330 S>B ACK c1 a b 1\n"
		"5.000 B>S INVITE c1 b a 1 sdp=5000/sendonly\n"
		"5.010 S>A INVITE c1 b a 1 sdp=6000/sendonly\n"
		"5.100 A>S 200/INVITE c1 b a 1 sdp=4000/recvonly\n"
		"5.110 S>B 200/INVITE c1 b a 1 sdp=6002/recvonly\n"
		"9.000 B>S BYE c1 b a 2\n"
		"9.010 S>A BYE c1 b a 2\n",
		"LEG-A caller ended(hangup 0) 0.000 0.310 9.010 hold P=10.0.0.1:4000 mute "
		"S=10.9.0.1:6000 deaf c1\n"
		"LEG-B callee ended(hangup 0) 0.010 0.300 9.000 hold P=10.0.0.2:5000 deaf "
		"S=10.9.0.1:6002 mute c1\n"},
	{"a proxy that tries one place after the other", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>B INVITE c1 a - 1 sdp=6002\n"
		"0.300 B>S 486/INVITE c1 a b 1\n"
		"0.310 S>C INVITE c1 a - 1 sdp=6004\n"
		"0.400 C>S 200/INVITE c1 a c 1 sdp=5000\n"
		"0.410 S>A 200/INVITE c1 a c 1 sdp=6000\n",
		"LEG-A caller answered 0.000 0.410 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"
		"LEG-B callee answered 0.010 0.400 0.000 P=10.0.0.3:5000 "
		"S=10.9.0.1:6002,10.9.0.1:6004 c1\n"},
	{"a proxy whose callee is busy", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>B INVITE c1 a - 1 sdp=6002\n"
		"0.300 B>S 486/INVITE c1 a b 1\n"
		"0.310 S>A 486/INVITE c1 a b 1\n",
		"LEG-A caller ended(refused 486) 0.000 0.000 0.310 P=10.0.0.1:4000 S c1\n"
		"LEG-B callee ended(refused 486) 0.010 0.000 0.300 P S=10.9.0.1:6002 c1\n"},
	{"a back-to-back agent: two Call-IDs, tied by Session-ID", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000 "
		"id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;remote=00000000000000000000000000000000\n"
		"0.010 S>B INVITE c2 s - 1 sdp=6002 "
		"id=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;remote=00000000000000000000000000000000\n"
		"0.020 S>C INVITE c3 s3 - 1 sdp=6004\n",
		"LEG-A caller offered 0.000 0.000 0.000 P=10.0.0.1:4000 S c1\n"
		"LEG-B callee offered 0.010 0.000 0.000 P S=10.9.0.1:6002 c2\n"
		"LEG-A callee offered 0.020 0.000 0.000 P S=10.9.0.1:6004 c3\n"},
	{"no SBC: one leg a dialog, further hops are no news", "S",
		"0.000 A>P INVITE c1 a - 1 sdp=4000\n"
		"0.001 P>Q INVITE c1 a - 1 sdp=7000\n"
		"0.002 Q>B INVITE c1 a - 1 sdp=7100\n"
		"0.300 B>Q 200/INVITE c1 a b 1 sdp=5000\n"
		"0.301 Q>P 200/INVITE c1 a b 1 sdp=7200\n"
		"0.302 P>A 200/INVITE c1 a b 1 sdp=7300\n"
		"0.400 A>P ACK c1 a b 1\n"
		"9.000 B>Q BYE c1 b a 1\n"
		"9.001 Q>P BYE c1 b a 1\n"
		"9.002 P>A BYE c1 b a 1\n",
		"LEG-A caller(no SBC) ended(hangup 0) 0.000 0.302 9.000 P=10.0.0.1:4000 "
		"S=10.5.0.1:7300 "
		"c1\n"},
	{"no SBC configured", "",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.300 S>A 200/INVITE c1 a b 1 sdp=5000\n"
		"1.000 S>A INVITE c1 b a 1 sdp=5002\n"
		"1.100 A>S 200/INVITE c1 b a 1 sdp=4002\n",
		"LEG-A caller(no SBC) answered 0.000 0.300 0.000 P=10.0.0.1:4000,10.0.0.1:4002 "
		"S=10.9.0.1:5000,10.9.0.1:5002 c1\n"},
	{"a proxy before the SBC, seen too", "S",
		"0.000 A>P INVITE c1 a - 1 sdp=4000\n"
		"0.001 P>S INVITE c1 a - 1 sdp=4000 c=A\n"
		"0.300 S>P 200/INVITE c1 a b 1 sdp=6000\n"
		"0.301 P>A 200/INVITE c1 a b 1 sdp=6000 c=S\n"
		"0.400 A>P ACK c1 a b 1\n"
		"9.000 S>P BYE c1 b a 1\n",
		"LEG-A caller ended(hangup 0) 0.000 0.300 9.000 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"},
	{"SBC to SBC is no leg", "ST",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.010 S>T INVITE c1 a - 1 sdp=6002\n"
		"0.020 T>B INVITE c1 a - 1 sdp=6102\n"
		"0.300 B>T 200/INVITE c1 a b 1 sdp=5000\n"
		"0.310 T>S 200/INVITE c1 a b 1 sdp=6100\n"
		"0.320 S>A 200/INVITE c1 a b 1 sdp=6000\n",
		"LEG-A caller answered 0.000 0.320 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"
		"LEG-B callee answered 0.020 0.300 0.000 P=10.0.0.2:5000 S=10.9.0.2:6102 c1\n"},
	{"IPv6", "s",
		"0.000 a>s INVITE c1 a - 1 sdp=4000\n"
		"0.500 s>a 200/INVITE c1 a s 1 sdp=6000\n"
		"9.000 a>s BYE c1 a s 2\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.000 P=[2001:db8::a]:4000 "
		"S=[2001:db8::5]:6000 c1\n"},
	{"the SBC then speaks to the callee directly", "S",
		"0.000 S>P INVITE c2 s - 1 sdp=6002\n"
		"0.500 P>S 200/INVITE c2 s b 1 sdp=5000 c=B\n"
		"0.600 S>B ACK c2 s b 1\n"
		"2.000 B>S INVITE c2 b s 1 sdp=5002\n"
		"2.100 S>B 200/INVITE c2 b s 1 sdp=6002\n"
		"9.000 S>B BYE c2 s b 2\n",
		"LEG-A callee ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.2:5000,10.0.0.2:5002 "
		"S=10.9.0.1:6002 c2\n"},
	{"a late offer within the dialog: the answer comes in the ACK", "S",
		CALL "2.000 S>A INVITE c1 s a 1\n"
		     "2.100 A>S 200/INVITE c1 s a 1 sdp=4100\n"
		     "2.200 S>A ACK c1 s a 1 sdp=6100\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000,10.0.0.1:4100 "
		"S=10.9.0.1:6000,10.9.0.1:6100 c1\n"},
	{"glare: both re-INVITE, both get 491, one tries again", "S",
		CALL "2.000 A>S INVITE c1 a s 2 sdp=4000/sendonly\n"
		     "2.001 S>A INVITE c1 s a 1 sdp=6000/inactive\n"
		     "2.100 A>S 491/INVITE c1 s a 1\n"
		     "2.101 S>A 491/INVITE c1 a s 2\n"
		     "2.110 S>A ACK c1 s a 1 branch=z9hG4bKc11INVITEAS\n"
		     "2.111 A>S ACK c1 a s 2 branch=z9hG4bKc12INVITEAS\n"
		     "4.000 S>A INVITE c1 s a 2 sdp=6200\n"
		     "4.100 A>S 200/INVITE c1 s a 2 sdp=4200\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000,10.0.0.1:4200 "
		"S=10.9.0.1:6000,10.9.0.1:6200 c1\n"},
	{"an UPDATE refused before the answer leaves things as they were", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.100 S>A 183/INVITE c1 a s 1 sdp=6000\n"
		"0.200 A>S UPDATE c1 a s 2 sdp=4000/inactive\n"
		"0.210 S>A 504/UPDATE c1 a s 2\n"
		"0.500 S>A 200/INVITE c1 a s 1\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"},
	{"several reliable 183s, the PRACK and its 200 twice", "S",
		"0.000 S>B INVITE c2 s - 1 sdp=6002\n"
		"0.100 B>S 183/INVITE c2 s b1 1 sdp=5000\n"
		"0.110 S>B PRACK c2 s b1 2\n"
		"0.110 S>B PRACK c2 s b1 2\n"
		"0.120 B>S 200/PRACK c2 s b1 2\n"
		"0.120 B>S 200/PRACK c2 s b1 2\n"
		"0.200 B>S 183/INVITE c2 s b2 1 sdp=5100\n"
		"0.210 S>B PRACK c2 s b2 2 branch=other\n"
		"0.900 B>S 200/INVITE c2 s b2 1\n"
		"1.400 B>S 200/INVITE c2 s b2 1\n"
		"1.500 S>B ACK c2 s b2 1\n",
		"LEG-A callee answered 0.000 0.900 0.000 P=10.0.0.2:5000,10.0.0.2:5100 "
		"S=10.9.0.1:6002 c2\n"},
	{"the ACK lost: 200s come until it is there; BYE after BYE", "S",
		"0.000 A>S INVITE c1 a - 1 sdp=4000\n"
		"0.500 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"1.000 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"2.000 S>A 200/INVITE c1 a s 1 sdp=6000\n"
		"2.100 A>S ACK c1 a s 1\n"
		"9.000 A>S BYE c1 a s 2\n"
		"9.001 S>A BYE c1 s a 1\n"
		"9.500 A>S BYE c1 a s 2\n"
		"9.510 S>A 481/BYE c1 a s 2\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"},
	{"blind transfer: REFER, NOTIFY, and a leg of its own", "S",
		CALL "2.000 A>S REFER c1 a s 2\n"
		     "2.010 S>A 202/REFER c1 a s 2\n"
		     "2.020 S>A NOTIFY c1 s a 1\n"
		     "2.100 S>C INVITE c3 s3 - 1 sdp=6004\n"
		     "2.500 C>S 200/INVITE c3 s3 c 1 sdp=5004\n"
		     "2.600 A>S BYE c1 a s 3\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 2.600 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"
		"LEG-A callee answered 2.100 2.500 0.000 P=10.0.0.3:5004 S=10.9.0.1:6004 c3\n"},
	{"attended transfer: who replaces a leg is of its call", "S",
		CALL "2.000 S>C INVITE c3 s3 - 1 sdp=6004 replaces=c1;to-tag=s;from-tag=a\n"
		     "2.500 C>S 200/INVITE c3 s3 c 1 sdp=5004\n"
		     "2.600 S>A BYE c1 s a 1\n",
		"LEG-A caller ended(hangup 0) 0.000 0.500 2.600 P=10.0.0.1:4000 S=10.9.0.1:6000 "
		"c1\n"
		"LEG-B callee answered 2.000 2.500 0.000 P=10.0.0.3:5004 S=10.9.0.1:6004 c3\n"},
	{"a Replaces that does not know the tags is of no call", "S",
		CALL "2.000 D>S INVITE c3 d - 1 sdp=4004 replaces=c1;to-tag=s;from-tag=guess\n"
		     "2.100 D>S INVITE c4 d - 1 sdp=4004 replaces=c1\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 S=10.9.0.1:6000 c1\n"
		"LEG-A caller offered 2.000 0.000 0.000 P=10.0.0.4:4004 S c3\n"
		"LEG-A caller offered 2.100 0.000 0.000 P=10.0.0.4:4004 S c4\n"},
	{"the SBC moves its media to another host, and back", "S",
		CALL "2.000 S>A INVITE c1 s a 1 sdp=6100 c=T\n"
		     "2.100 A>S 200/INVITE c1 s a 1 sdp=4000\n"
		     "3.000 S>A INVITE c1 s a 2 sdp=6000\n"
		     "3.100 A>S 200/INVITE c1 s a 2 sdp=4000\n",
		"LEG-A caller answered 0.000 0.500 0.000 P=10.0.0.1:4000 "
		"S=10.9.0.2:6100,10.9.0.1:6000 c1\n"},
	{"a dialog that began before the capture", "S",
		"0.000 A>S INVITE c1 a s 5 sdp=4000\n"
		"0.100 S>A 200/INVITE c1 a s 5 sdp=6000\n"
		"1.000 A>S BYE c1 a s 6\n",
		""},
	{"not calls", "S",
		"0.000 A>S REGISTER c1 a - 1\n"
		"0.100 S>A 200/REGISTER c1 a s 1\n"
		"0.200 A>S OPTIONS c2 a - 1\n"
		"0.300 A>S SUBSCRIBE c3 a - 1\n",
		""},
};

static void scenarios(void **state)
{
	static struct scenario s;
	unsigned int failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scenario_create(&s, rows[i].sbc);
		scenario_run(&s, rows[i].lines);
		if (strcmp(scenario_legs(&s), rows[i].legs) != 0) {
			print_error("%s:\n%swanted:\n%s", rows[i].name, scenario_legs(&s),
				rows[i].legs);
			failed++;
		}
		scenario_destroy(&s);
	}
	assert_int_equal(failed, 0);
}

static void keys_come_by_info(void **state)
{
	static struct scenario s;

	scenario_create(&s, "S");
	scenario_run(&s, CALL);
	s.hooks[0] = '\0';
	scenario_run(&s, "1.000 A>S INFO c1 a s 2 relay=5\n"
			 "1.500 A>S INFO c1 a s 2 relay=5\n" /* retransmitted */
			 "1.510 S>A 200/INFO c1 a s 2\n"
			 "2.000 A>S INFO c1 a s 3 key=*\n"
			 "2.100 A>S INFO c1 a s 4 key=11\n"
			 "2.200 S>A INFO c1 s a 7 relay=9\n" /* not the participant's */
			 "2.300 A>S INFO c1 a s 5 relay=x\n"
			 "2.400 A>S INFO c1 a s 6\n"
			 "3.000 A>S BYE c1 a s 7\n"
			 "3.100 A>S INFO c1 a s 8 relay=1\n");
	assert_string_equal(s.hooks, "digit 5(A) digit *(A) digit #(A) ended(A) ");
	scenario_destroy(&s);
}

/* RFC 4475's messages as they would come: those that can't be read are counted, INVITEs make legs.
 */
static void torture_messages_are_counted(void **state)
{
	static struct scenario s;
	static char bytes[65536];
	char path[512];
	glob_t files;
	unsigned int legs = 0;
	struct sip_packet p = {.data = bytes,
		.source = scenario_host('A', 5060),
		.destination = scenario_host('S', 5060)};

	scenario_create(&s, "S");
	snprintf(path, sizeof(path), "%s/torture/*.sip", getenv("LEGTAP_TEST_DATA"));
	assert_int_equal(glob(path, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *f = fopen(files.gl_pathv[i], "rb");

		assert_non_null(f);
		p.bytes = (uint32_t)fread(bytes, 1, sizeof(bytes), f);
		fclose(f);
		dialog_receive(s.dialogs, &p);
	}
	for (struct leg *leg = legs_first(s.legs); leg; leg = leg->next)
		legs++;
	assert_int_equal(dialog_count(s.dialogs, DIALOG_messages), files.gl_pathc);
	assert_int_equal(files.gl_pathc, 54);
	assert_int_equal(dialog_count(s.dialogs, DIALOG_malformed), 7);
	assert_int_equal(dialog_count(s.dialogs, DIALOG_malformed_sdp), 0);
	assert_int_equal(legs, TORTURE_LEGS);
	globfree(&files);
	scenario_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios),
		cmocka_unit_test(keys_come_by_info),
		cmocka_unit_test(torture_messages_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
