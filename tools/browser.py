#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real browser in examples/chat: opens the page, types and clicks, hears another visitor, takes a picture.

usage: browser.py BINARY [--picture FILE]      BINARY: the chat program that was built

The browser is headless Chromium (Debian: chromium-headless-shell; `make browser` installs it), driven by its DevTools
protocol, with a profile of its own in a temporary folder. Exit status: 0 it works, 77 there is no such browser, else
what was said first went wrong.
"""
import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

LIMIT = 60  # seconds for anything that must come
BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]


def require(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


class WebSocket:
    """As much of RFC 6455 as a client of text messages needs."""

    def __init__(self, host, port, target):
        self.socket = socket.create_connection((host, port), LIMIT)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
                            .encode())
        self.stream = self.socket.makefile("rb")
        require(b" 101 " in self.stream.readline(), f"the handshake for {target}")
        while self.stream.readline().strip():
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", size)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        text = b""
        while True:
            first, size = self.stream.read(2)
            size &= 0x7F
            if size == 126:
                size = struct.unpack(">H", self.stream.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.stream.read(8))[0]
            data = self.stream.read(size)
            require(first & 0x0F in (0, 1, 9, 10), "the other side has closed")
            if first & 0x0F in (0, 1):
                text += data
                if first & 0x80:
                    return text.decode()

    def close(self):
        self.stream.close()
        self.socket.close()


class Page:
    """A tab, by the DevTools protocol."""

    def __init__(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=LIMIT) as answer:
            tab = next(t for t in json.load(answer) if t["type"] == "page")
        self.tools = WebSocket("127.0.0.1", port, re.sub(r"^ws://[^/]+", "", tab["webSocketDebuggerUrl"]))
        self.last = 0

    def call(self, method, **parameters):
        self.last += 1
        self.tools.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.tools.receive())
            if answer.get("id") == self.last:  # others are events
                require("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]

    def ask(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait_for(self, expression, what):
        limit = time.monotonic() + LIMIT
        while not self.ask(expression):
            require(time.monotonic() < limit, what)
            time.sleep(0.05)

    def click(self, selector):
        x, y = json.loads(self.ask(f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
                                   " return JSON.stringify([b.x + b.width / 2, b.y + b.height / 2]); })()"))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def in_log(text):
    return f"[...document.querySelectorAll('#log p')].some(p => p.textContent === {json.dumps(text)})"


def visit(page, at, picture):
    page.call("Emulation.setDeviceMetricsOverride", width=720, height=560, deviceScaleFactor=1, mobile=False)
    page.call("Page.navigate", url=f"http://{at}/")
    page.wait_for("document.title === 'goro chat' && document.readyState === 'complete'", "the page is loaded")
    page.wait_for(in_log("-- visitor 1 has come"), "the room greets")
    host, port = at.split(":")
    other = WebSocket(host, int(port), "/socket")
    page.wait_for(in_log("-- visitor 2 has come"), "the browser hears that another one has come")
    page.click("#text")
    page.call("Input.insertText", text="Hello from a real browser; sch\u00f6n hier")
    page.click("button")
    page.wait_for(in_log("1: Hello from a real browser; sch\u00f6n hier"), "the browser hears itself")
    while (heard := other.receive()) != "1: Hello from a real browser; sch\u00f6n hier":
        require(heard.startswith("-- "), f"the other visitor hears {heard!r}")
    other.send("Hello to you, from a program. <b>No markup</b> comes through.")
    page.wait_for(in_log("2: Hello to you, from a program. <b>No markup</b> comes through."),
                  "the browser hears the other one")
    if picture:
        taken = base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])
        require(len(taken) < 100_000, f"the picture has {len(taken)} bytes")
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(taken)
    other.close()
    page.wait_for(in_log("-- visitor 2 has gone"), "the browser hears that he has gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--picture", type=pathlib.Path)
    args = parser.parse_args()
    browser = next((b for b in map(shutil.which, BROWSERS) if b), None)
    if browser is None:
        print(f"none of {', '.join(BROWSERS)} is installed")
        sys.exit(77)
    chat = subprocess.Popen([str(args.binary), "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    with tempfile.TemporaryDirectory(prefix="goro-browser-", ignore_cleanup_errors=True) as profile:
        # No sandbox: it needs more than a container's root may, and the page is our own.
        tab = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
                               stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            at = re.search(r"http://([0-9.:]+)/", chat.stdout.readline())
            require(at, "chat listens")
            told, limit = pathlib.Path(profile) / "DevToolsActivePort", time.monotonic() + LIMIT
            while not (told.exists() and "\n" in told.read_text()):
                require(tab.poll() is None and time.monotonic() < limit, f"{browser} starts")
                time.sleep(0.05)
            page = Page(int(told.read_text().splitlines()[0]))
            visit(page, at[1], args.picture)
            chat.send_signal(signal.SIGTERM)  # says goodbye to who is there
            page.wait_for("[...document.querySelectorAll('#log p')].some("
                          "p => p.textContent.startsWith('-- the connection has ended'))", "the browser hears the end")
            require(chat.wait(LIMIT) == 0, "chat ends well")
        finally:
            for process in (tab, chat):
                if process.poll() is None:
                    process.kill()
                process.wait()
            chat.stdout.close()
    print("ok: a browser and a program have talked in the chat"
          + (f"; the picture is {args.picture}" if args.picture else ""))


if __name__ == "__main__":
    main()
