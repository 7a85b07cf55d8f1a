#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: check.sh BINARY            the program tries itself on loopback; its last line says how it went
exec "$1" --check
