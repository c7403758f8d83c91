"""A headless Chromium, driven over a pipe, that notices everything a page does wrong.

It speaks the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/) over
`--remote-debugging-pipe`: JSON messages that end in a NUL byte, in through file descriptor 3 and
out through 4. So it needs no port, no driver and no package.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One page of one browser. Use as a context manager.

    `console` holds console errors and warnings, `exceptions` what scripts threw, `log` the errors
    and warnings of the browser itself (such as a file that did not load) and `requests` the address
    of every request, all since the last `open`.
    """

    def __init__(self, program: str, width: int = 1200, height: int = 900) -> None:
        self.console: list[str] = []
        self.exceptions: list[str] = []
        self.log: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        self._last_id = 0
        self._received = b""
        self._session: str | None = None
        self._profile = tempfile.mkdtemp(prefix="browser-")
        command_out, self._write = os.pipe()
        self._read, answer_in = os.pipe()
        # The shell moves our ends of the pipes to the two descriptors Chromium expects.
        script = f'exec "$0" "$@" 3<&{command_out} 4>&{answer_in}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, program, *FLAGS, f"--user-data-dir={self._profile}"],
            pass_fds=(command_out, answer_in),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_out)
        os.close(answer_in)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def open(self, path: Path, timeout: float = 60.0) -> None:
        """Load a file and wait until the page and all that it loads are there."""
        for seen in (self.console, self.exceptions, self.log, self.requests):
            seen.clear()
        self._loaded = False
        address = path.resolve().as_uri()
        self.call("Page.navigate", url=address)
        end = time.monotonic() + timeout
        while not (self._loaded and self.evaluate("location.href") == address):
            self._handle(self._receive(end))

    def wait_until(self, condition: str, timeout: float = 60.0) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + timeout
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {timeout:g} s: {condition}")
            time.sleep(0.05)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression (anything JSON can carry)."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window's inside, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def screenshot(self, path: Path, whole_page: bool = True) -> None:
        """Write what is seen (or the whole page) as PNG."""
        options: dict[str, Any] = {"format": "png"}
        if whole_page:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            options |= {"clip": clip, "captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))

    def call(self, method: str, timeout: float = 60.0, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result; what happens meanwhile is noted."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        unsent = json.dumps(message).encode() + b"\0"
        while unsent:
            unsent = unsent[os.write(self._write, unsent) :]
        end = time.monotonic() + timeout
        while True:
            answer = self._receive(end)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._handle(answer)

    def close(self) -> None:
        """End the browser that this object started."""
        os.close(self._write)
        os.close(self._read)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _receive(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._read], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError("the browser did not answer in time")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._received += piece
        message, self._received = self._received.split(b"\0", 1)
        received: dict[str, Any] = json.loads(message)
        return received

    def _handle(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.exceptions.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            if parameters["type"] in ("error", "warning", "assert"):
                self.console.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.log.append(json.dumps(parameters["entry"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
