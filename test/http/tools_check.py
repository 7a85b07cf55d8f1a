#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that everybody has, against goro's servers: curl, wrk, and nginx as a proxy in front.

usage: tools_check.py curl|wrk|nginx BIN          BIN: the folder with http_api and chat

What is started listens on a port that the kernel picks, in a temporary folder, and is stopped by its process id. Exit
status: 0 it works, 77 the program is not installed, else what was said first went wrong.
"""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT = 60  # seconds for anything that must come
NGINX = """daemon off; master_process off; error_log stderr warn; pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream api {{ server {api}; keepalive 8; }}
  upstream chat {{ server {chat}; keepalive 8; }}
  server {{
    listen unix:{folder}/front;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    location / {{ proxy_pass http://api; }}
    location /chat/ {{ proxy_pass http://chat/; }}
  }}
}}
"""


def require(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


@contextlib.contextmanager
def server(program, says):
    """Runs a server of the examples; gives its address, and stops it by SIGTERM. It must end well."""
    process = subprocess.Popen([str(program), "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://([0-9.:]+)/", line)
        require(found and says in line, f"{program.name} says {line!r}")
        yield found[1]
        process.send_signal(signal.SIGTERM)
        require(process.wait(LIMIT) == 0, f"{program.name} has ended with {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=LIMIT, **more)
    require(done.returncode == 0, f"{command[0]} has ended with {done.returncode}: {done.stderr}")
    return done.stdout


def check_curl(curl, folder, bin):
    with server(bin / "http_api", "listening") as at:
        quiet = [curl, "--silent", "--show-error", "--max-time", LIMIT]
        made = run(*quiet, "--data", '{"text":"buy milk"}', f"http://{at}/notes")
        require(json.loads(made) == {"id": 1, "text": "buy milk"}, f"a note is made: {made}")
        # Several on one connection, which curl counts.
        out = run(*quiet, *([f"http://{at}/notes/1"] * 5), "--write-out", "%{http_code} %{num_connects}\n")
        require(out.count("buy milk") == 5 and out.count("200 ") == 5 and
                sum(int(n) for n in re.findall(r"200 (\d)", out)) == 1, f"five on one connection: {out}")
        head = run(*quiet, "--head", f"http://{at}/notes")
        require("200 OK" in head and "Content-Length: " in head, f"HEAD: {head}")
        # Longer than curl's 1,024 bytes, after which it asks whether it may send ("Expect: 100-continue").
        long = folder / "long.json"
        long.write_text(json.dumps({"text": "x" * 1_500_000}))
        for more in ([], ["--header", "Transfer-Encoding: chunked"], ["--http1.0"]):
            made = run(*quiet, *more, "--header", "Expect: 100-continue", "--data-binary", f"@{long}",
                       f"http://{at}/notes")
            require(len(json.loads(made)["text"]) == 1_500_000, f"a long note with {more}: {made[:100]}")
        refused = run(*quiet, "--write-out", "%{http_code}", "--request", "DELETE", f"http://{at}/notes/77")
        require(refused.endswith("404"), f"what is not there: {refused}")
        gone = run(*quiet, "--write-out", "%{http_code}", "--request", "DELETE", f"http://{at}/notes/1")
        require(gone == "204", f"a note is taken away: {gone}")


def check_wrk(wrk, folder, bin):
    with server(bin / "http_api", "listening") as at:
        out = run(wrk, "-t1", "-c50", "-d2s", f"http://{at}/notes")
        require(re.search(r"[1-9]\d* requests in", out), f"wrk: {out}")
        require("Non-2xx" not in out and "Socket errors" not in out, f"wrk saw errors: {out}")


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=LIMIT)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.path)


def websocket(path, target):
    """The stream behind a handshake."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(LIMIT)
    s.connect(str(path))
    key = base64.b64encode(os.urandom(16)).decode()
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    stream = s.makefile("rb")
    s.close()  # the file keeps it
    require(b" 101 " in stream.readline(), "the upgrade goes through nginx")
    fields = {}
    while (line := stream.readline().strip()):
        name, value = line.decode().split(":", 1)
        fields[name.lower()] = value.strip()
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    require(fields.get("sec-websocket-accept") == accept.decode(), "the handshake's answer is right")
    return stream


def read_text(stream):
    first, length = stream.read(2)
    require(first == 0x81 and length < 126, "a short text frame")
    return stream.read(length).decode()


def check_nginx(nginx, folder, bin):
    with server(bin / "http_api", "listening") as api, server(bin / "chat", "open") as chat:
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, api=api, chat=chat))
        proxy = subprocess.Popen([nginx, "-p", str(folder), "-c", str(config)], stderr=subprocess.PIPE, text=True)
        try:
            limit = time.monotonic() + LIMIT
            front = UnixHttp(folder / "front")
            while True:
                try:
                    front.connect()
                    break
                except OSError:
                    require(proxy.poll() is None and time.monotonic() < limit, "nginx listens")
                    time.sleep(0.02)
            for i in range(1, 51):  # on one connection to nginx, and few from there
                front.request("POST", "/notes", json.dumps({"text": f"note {i}"}))
                made = json.loads(front.getresponse().read())
                require(made == {"id": i, "text": f"note {i}"}, f"a note through nginx: {made}")
                front.request("GET", f"/notes/{i}")
                require(json.loads(front.getresponse().read()) == made, "and found")
            front.request("POST", "/notes", json.dumps({"text": "x" * 500_000}))
            require(len(json.loads(front.getresponse().read())["text"]) == 500_000, "a long one")
            front.request("GET", "/notes/none")
            answer = front.getresponse()
            require(answer.status == 404 and answer.read(), "an error goes through as it is")
            front.request("GET", "/chat/")
            require(b"<title>goro chat</title>" in front.getresponse().read(), "the page")
            stream = websocket(folder / "front", "/chat/socket")
            require(read_text(stream) == "-- visitor 1 has come", "the room greets")
            other = websocket(folder / "front", "/chat/socket")
            require(read_text(stream) == "-- visitor 2 has come", "and tells of the next one")
            other.close()
            require(read_text(stream) == "-- visitor 2 has gone", "and that he has gone")
            stream.close()
            front.close()
        finally:
            proxy.send_signal(signal.SIGTERM)
            said = proxy.communicate(timeout=LIMIT)[1]
        wrong = [line for line in said.splitlines() if re.search(r"\[(error|crit|alert|emerg)\]", line)]
        require(not wrong, f"nginx complains: {wrong}")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("curl", "wrk", "nginx"):
        sys.exit(__doc__)
    tool = shutil.which(sys.argv[1]) or shutil.which(sys.argv[1], path="/usr/sbin:/usr/local/sbin")
    if tool is None:
        print(f"{sys.argv[1]} is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="goro-tools-") as folder:
        globals()["check_" + sys.argv[1]](tool, pathlib.Path(folder), pathlib.Path(sys.argv[2]))
    print(f"ok: {sys.argv[1]} works against goro's servers")


if __name__ == "__main__":
    main()
