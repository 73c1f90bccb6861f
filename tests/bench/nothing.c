/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that does nothing, linked statically with the C library: the
 * measure for commands whose work ought to be next to nothing (state, kill).
 */
int main(void)
{
	return 0;
}
