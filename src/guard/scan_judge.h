/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sockets of a group mean: which of them lead past the cut, and what holds those.
 */
#pragma once

#include "guard/scan_open.h"
#include "guard/sockdiag.h"

/* Whether a socket was made in this group: its packets are accounted to it. */
bool judge_is_own(const struct scan *s, uint64_t group);

/* Whether only a cut at the interfaces can hold the socket. */
bool judge_needs_interfaces(const struct scan *s, const struct seen *seen,
			    const struct sockdiag_inets *inets);

/* What is known of a socket that could not be fetched, by what sock_diag lists. */
void judge_hidden(struct seen *seen, const struct sockdiag_inets *inets,
		  const struct sockdiag_unixes *unixes);

/* Adds what the socket means to the findings. */
void judge_socket(struct scan *s, const struct seen *seen, const struct sockdiag_inets *inets,
		  const struct sockdiag_unixes *unixes);
