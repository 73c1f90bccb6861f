/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Days are turned into a date of the proleptic Gregorian calendar in years that begin in March.
 */
#include "base/clock.h"

#include <time.h>

char *clock_text(unsigned digits, struct arena *a)
{
	enum { DAY = 86400, ERA_DAYS = 146097, DAYS_TO_1970 = 719468, ALL_DIGITS = 9 };
	struct timespec now;
	unsigned day, second, of_era, year, of_year, month;
	long fraction;

	clock_gettime(CLOCK_REALTIME, &now);
	fraction = now.tv_nsec;
	for (unsigned i = digits; i < ALL_DIGITS; i++)
		fraction /= 10;
	day = (unsigned)(now.tv_sec / DAY) + DAYS_TO_1970;
	second = (unsigned)(now.tv_sec % DAY);
	of_era = day % ERA_DAYS;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	year += day / ERA_DAYS * 400 + (month >= 10);
	return arena_printf(a, "%04u-%02u-%02uT%02u:%02u:%02u.%0*ldZ", year,
			    month < 10 ? month + 3 : month - 9, of_year - (153 * month + 2) / 5 + 1,
			    second / 3600, second / 60 % 60, second % 60, (int)digits, fraction);
}
