# SPDX-FileCopyrightText: 2026 MeshGPT for Blender contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index on this machine's loopback, which can hold a file back or lie about its sum."""

import hashlib
import http.server
import os
import threading
import time
from pathlib import Path


class Server:
    """A server on the loopback; the context gives its address."""

    def __init__(self, handler):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/simple"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Index(http.server.BaseHTTPRequestHandler):
    """A package index over a folder of wheels; `held` is one that never arrives whole, `wrong` one with a wrong sum."""

    folder: Path
    held = wrong = ""
    asked: list[str]
    reached: threading.Event
    visited: threading.Event

    def do_GET(self):  # noqa: N802
        self.visited.set()
        kind, name = self.path.strip("/").split("/", 1)
        if kind == "simple":
            links = []
            for path in sorted(self.folder.glob(f"{name.replace('-', '_')}-*.whl")):
                digest = hashlib.sha256(path.read_bytes() if name != self.wrong else b"").hexdigest()
                links.append(f'<a href="/files/{path.name}#sha256={digest}">{path.name}</a>')
            return self.answer("text/html", f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>".encode())
        self.asked.append(name)
        data = (self.folder / name).read_bytes()
        if self.held and name.startswith(self.held):
            self.reached.set()
            self.headers_of("application/zip", len(data))
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            return time.sleep(600)
        return self.answer("application/zip", data)

    def headers_of(self, kind, size):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        if kind == "application/zip":
            self.send_header("Cache-Control", "max-age=365000000, immutable, public")  # as package indexes say
        self.end_headers()

    def answer(self, kind, data):
        self.headers_of(kind, len(data))
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def network(url, **more):
    """pip's settings for a server on this machine and nothing else."""
    settings = {name: "" for name in os.environ if name.startswith("PIP_")}
    settings |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url, "PIP_TRUSTED_HOST": "127.0.0.1"}
    return settings | {"PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "120"} | more
