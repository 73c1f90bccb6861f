/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a checkpoint's images, and the one for criu's log; what checkpoint and restore
 * have in common.
 */
#pragma once

#include <stdbool.h>

#include "engine/criu.h"
#include "orlop/arena.h"
#include "orlop/err.h"
#include "orlop/life.h"

struct images {
	int images, work;
	const char *work_path;
};

#define IMAGES_NONE ((struct images){ .images = -1, .work = -1 })

/*
 * Opens both; the directory for the log is made when it is not there, that of the images only with
 * `make`. Both are then 0700. Images where others may write are refused: they say what is to run.
 */
int images_open(const struct life_criu *x, bool make, struct arena *a, struct images *ret,
		struct err *e) __attribute__((warn_unused_result));

void images_close(struct images *i);

#define auto_images __attribute__((cleanup(images_close))) struct images

/* Three streams and two namespaces: what is inherited, and what a dump is told of as external. */
enum { INHERIT_MAX = 5 };

/* What of a request is the same for both. `annotations` may name a configuration file for criu. */
int images_request(const struct life_criu *x, const struct images *i,
		   const struct pair_list *annotations, struct arena *a, struct criu_request *ret,
		   struct err *e) __attribute__((warn_unused_result));

/* Says of an error where criu's whole log is. Returns -1. */
int images_blame(const struct images *i, const struct criu_request *r, struct err *e);

/*
 * The container's standard streams, by name in a file beside the images: a pipe is "pipe:[12]".
 * Files of the outside are declared to criu, and are called there as criu calls them.
 */
int images_write_streams(const struct images *i, pid_t pid, struct arena *a,
			 struct criu_request *r, struct err *e) __attribute__((warn_unused_result));

/* Has the restored process inherit our standard streams in the place of such pipes and files. */
int images_read_streams(const struct images *i, struct arena *a, struct criu_request *r,
			struct err *e) __attribute__((warn_unused_result));
