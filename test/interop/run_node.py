#!/usr/bin/env python3
"""Runs a script of Node.js; without Node.js it exits with 77, which Meson counts as skipped.

    run_node.py SCRIPT ARGUMENT...
"""
import os
import shutil
import sys

from run import skip

if not shutil.which("node"):
    skip("node is not installed")
os.execvp("node", ["node", *sys.argv[1:]])
