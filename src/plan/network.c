/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURE. Network devices of the host that the container gets.
 */
#include "plan/planner.h"

#include <string.h>

static const char *name_there(const struct oci_net_device *device)
{
	return device->name ? device->name : device->host_name;
}

/* A name, or one with a place for the number that the kernel is to choose: "eth%d". */
static int check_pattern(struct planner *p, const char *name, unsigned line, const char *at)
{
	const char *percent = strchr(name, '%');

	if (!percent || (percent[1] == 'd' && !strchr(percent + 1, '%')))
		return 0;
	return plan_refuse(p, line, at, "\"%s\" cannot name an interface: \"%%\" stands for one "
			   "number, and is written %%d", name);
}

static int check_unique(struct planner *p, size_t n, unsigned line, const char *at)
{
	const char *name = name_there(&p->plan->net_devices.items[n]);

	for (size_t i = 0; i < n && !strchr(name, '%'); i++)
		if (strcmp(name, name_there(&p->plan->net_devices.items[i])) == 0)
			return plan_refuse(p, line, at, "a second interface \"%s\"", name);
	return 0;
}

int plan_net_devices(struct planner *p)
{
	const struct oci_linux *l = &p->config->linux;
	unsigned line = l->lines.net_devices;

	if (!l->net_devices.count)
		return 0;
	if (!plan_find_namespace(p->plan, OCI_NS_NETWORK))
		return plan_refuse(p, line, "linux.netDevices",
				   "unable to move network devices without a NET namespace");
	p->plan->net_devices.items = l->net_devices.items;
	p->plan->net_devices.count = l->net_devices.count;
	for (size_t n = 0; n < l->net_devices.count; n++) {
		const struct oci_net_device *device = &l->net_devices.items[n];
		const char *at = plan_at(p, "linux.netDevices.%s", device->host_name);

		if (check_pattern(p, name_there(device), line, at) ||
		    check_unique(p, n, line, at))
			return -1;
		plan_because_of(p, line, at, "net-device %s ", device->host_name);
	}
	return 0;
}
