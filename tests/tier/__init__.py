# SPDX-License-Identifier: Apache-2.0
"""What tests/tiers.py is made of: running a tier in bounded time, and what came of it."""
