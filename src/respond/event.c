/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. The two forms that are understood: Falco's json_output, and what tetra getevents -o json
 * and Tetragon's export file have. Members that are not needed are not looked at.
 */
#include "respond/event.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orlop/auto.h"

static const char *const priorities[] = { "emergency", "alert", "critical", "error", "warning",
	"notice", "informational", "debug" };

int event_priority(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(priorities); i++)
		if (strcasecmp(word, priorities[i]) == 0)
			return (int)i;
	return strcasecmp(word, "info") == 0 ? 6 : EVENT_NO_PRIORITY;
}

/* The text of a scalar; NULL for anything else, and for what Falco writes for nothing. */
static const char *text_of(const struct node *n)
{
	if (!n)
		return NULL;
	if (n->type == NODE_BOOL)
		return n->truth ? "true" : "false";
	if (n->type != NODE_STRING && n->type != NODE_NUMBER)
		return NULL;
	return strcmp(n->text, "<NA>") == 0 ? NULL : n->text;
}

/* The member of what may be absent itself. */
static const struct node *member(const struct node *n, const char *key)
{
	return n ? doc_find(n, key) : NULL;
}

/* As text_of, without an empty one. */
static const char *word_of(const struct node *n, const char *key)
{
	const char *text = text_of(member(n, key));

	return text && *text ? text : NULL;
}

/* "docker://", "containerd://", "cri-o://": how Kubernetes writes whose container it is. */
static const char *bare_id(const char *id)
{
	const char *scheme = id ? strstr(id, "://") : NULL;

	return scheme ? scheme + 3 : id;
}

static void read_falco(struct event *v)
{
	const struct node *f = doc_find(v->root, "output_fields");
	const char *id = word_of(f, "container.full_id");

	v->source = "falco";
	v->fields = f;
	v->priority_word = word_of(v->root, "priority");
	v->priority = v->priority_word ? event_priority(v->priority_word) : EVENT_NO_PRIORITY;
	v->container = bare_id(id ? id : word_of(f, "container.id"));
	if (v->container && strcmp(v->container, "host") == 0)
		v->container = NULL;
	v->pod = word_of(f, "k8s.pod.name");
	v->pod_namespace = word_of(f, "k8s.ns.name");
	v->pod_uid = word_of(f, "k8s.pod.uid");
}

/* The one member that is named after what happened, as "process_kprobe"; or NULL. */
static const struct node *happening(const struct node *root)
{
	for (const struct node *n = root->type == NODE_OBJECT ? root->first : NULL; n; n = n->next)
		if (n->type == NODE_OBJECT && strncmp(n->key, "process_", 8) == 0 &&
		    doc_find(n, "process"))
			return n;
	return NULL;
}

static void read_tetragon(struct event *v, const struct node *what)
{
	const struct node *process = doc_find(what, "process"), *pod = member(process, "pod");
	const char *id = word_of(member(pod, "container"), "id"),
		   *policy = word_of(what, "policy_name");

	v->source = "tetragon";
	v->fields = what;
	v->rule = policy ? policy : what->key;
	v->priority = EVENT_NO_PRIORITY;
	/* "docker" is the beginning of the id, also where the engine is another one. */
	v->container = bare_id(id ? id : word_of(process, "docker"));
	v->pod = word_of(pod, "name");
	v->pod_namespace = word_of(pod, "namespace");
	v->pod_uid = word_of(pod, "uid");
}

int event_read(const char *line, size_t len, struct arena *a, struct doc *doc, struct event *ret,
	       struct err *e)
{
	struct event v = { 0 };
	const struct node *what;

	if (doc_read("event", line, len, a, doc, e) < 0)
		return -1;
	v.root = doc->root;
	v.rule = word_of(v.root, "rule");
	what = happening(v.root);
	if (v.rule && doc_find(v.root, "output_fields"))
		read_falco(&v);
	else if (what)
		read_tetragon(&v, what);
	else
		return EVENT_UNKNOWN;
	v.time = word_of(v.root, "time");
	*ret = v;
	return 0;
}

/* One step of a path: a member, or the element of an array with that number. */
static const struct node *step(const struct node *n, const char *name, size_t len)
{
	char key[128], *end;
	unsigned long index;

	if (len >= sizeof(key))
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	if (n->type != NODE_ARRAY)
		return doc_find(n, key);
	index = strtoul(key, &end, 10);
	return len && !*end && index < n->len ? doc_at(n, index) : NULL;
}

const char *event_field(const struct event *event, const char *name)
{
	const struct node *n = event->fields;
	const char *whole = text_of(member(n, name));

	if (whole)
		return whole;
	if (strcmp(name, "event") == 0)
		return n ? n->key : NULL;
	while (n && *name) {
		size_t len = strcspn(name, ".");

		n = step(n, name, len);
		name += len + (name[len] == '.');
	}
	return text_of(n);
}
