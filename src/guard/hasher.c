/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARENT SIDE. See hasher.h. The thread touches nothing but the bytes and the sum it was given.
 */
#include "guard/hasher.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/thread.h"

struct hasher {
	pthread_t thread;		/* 0: there can be none */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct sha256 *sum;
	const void *bytes;		/* NULL: nothing to do */
	size_t len;
	bool over;
	unsigned turn;
	char buffers[2][HASHER_CHUNK];
};

static void *run(void *argument)
{
	struct hasher *h = argument;

	pthread_mutex_lock(&h->lock);
	while (!h->over) {
		if (!h->bytes) {
			pthread_cond_wait(&h->changed, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		sha256_add(h->sum, h->bytes, h->len);
		pthread_mutex_lock(&h->lock);
		h->bytes = NULL;
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

bool hasher_begin(struct hasher **ret)
{
	struct hasher *h = *ret;

	if (h)
		return h->thread != 0;
	*ret = h = calloc(1, sizeof(*h));
	if (!h)
		return false;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	if (!thread_start(&h->thread, run, h, NULL))
		h->thread = 0;
	return h->thread != 0;
}

void *hasher_buffer(struct hasher **h)
{
	hasher_begin(h);
	if (!*h)
		return NULL;
	(*h)->turn = !(*h)->turn;
	return (*h)->buffers[(*h)->turn];
}

void hasher_add(struct hasher *h, struct sha256 *sum, const void *bytes, size_t len)
{
	hasher_wait(h);
	pthread_mutex_lock(&h->lock);
	h->sum = sum;
	h->bytes = bytes;
	h->len = len;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

void hasher_wait(struct hasher *h)
{
	if (!h || !h->thread)
		return;
	pthread_mutex_lock(&h->lock);
	while (h->bytes)
		pthread_cond_wait(&h->changed, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void hasher_end(struct hasher **ret)
{
	struct hasher *h = *ret;

	if (!h)
		return;
	if (h->thread) {
		pthread_mutex_lock(&h->lock);
		h->over = true;
		pthread_cond_broadcast(&h->changed);
		pthread_mutex_unlock(&h->lock);
		pthread_join(h->thread, NULL);
	}
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
	*ret = NULL;
}
