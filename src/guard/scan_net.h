/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace of a group that is looked over: asked about its sockets, and cut at its
 * interfaces when nobody else is in there.
 */
#pragma once

#include "guard/scan_open.h"

/* Opens the namespace of the first process that still says which, and what tells its sockets. */
void scan_net_open(struct scan *s);

/* Cuts its interfaces, with a line in the report. */
void scan_net_cut(struct scan *s, struct journal *j);
