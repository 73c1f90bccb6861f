/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. The process that is asked about every call of a container, says yes, and remembers.
 * It is no boundary: what it looks at may be another thing when the call is made.
 */
#pragma once

#include <stdint.h>

enum {
	LEARNER_CALLS = 1024,		/* numbers of an architecture */
	LEARNER_ARCHES = 3,
	LEARNER_ADDRESSES = 512,
	LEARNER_ADDRESS_MAX = 128,
};

/* What it remembers; goes through a pipe as it is. */
struct learner {
	uint32_t arches[LEARNER_ARCHES];	/* of audit; 0: free */
	uint8_t calls[LEARNER_ARCHES][LEARNER_CALLS];
	uint32_t address_count;
	uint8_t more_addresses, failed;
	char addresses[LEARNER_ADDRESSES][LEARNER_ADDRESS_MAX];
};

/* Serves listeners that come by `socket` until `stop` comes to its end, then fills in *ret. */
void learner_serve(int socket, int stop, struct learner *ret);
