"""Chromium without a window, driven through chromedriver by the WebDriver protocol."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

SECONDS = 20
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One page; a `with` block ends the browser."""

    def __init__(self):
        browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
        assert browser and driver, "install chromium and chromium-driver first (tests/run does)"
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.driver = subprocess.Popen([driver, f"--port={self.port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.session = ""
        options = {"binary": browser, "args": [*ARGUMENTS, f"--user-data-dir={self.profile.name}"]}
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "SEVERE"}}
        self._until(self._is_up, lambda: "chromedriver does not answer")
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"/session/{made['sessionId']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self._call("DELETE", "")
        self.driver.terminate()
        self.driver.wait(10)
        self.profile.cleanup()

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def script(self, text, *arguments):
        """Runs the body of a function; elements may be passed and returned as they are."""
        return self._call("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def text(self, selector="body"):
        """What a person reads of the first element that matches; empty when there is none."""
        return self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait_for(self, text, selector="body"):
        """Waits until the text can be read, and gives all that can be."""
        self._until(lambda: text in self.text(selector), lambda: f"no `{text}` in:\n{self.text(selector)}")
        return self.text(selector)

    def click(self, selector, text=""):
        """Clicks the first element that matches and has the text."""
        find = ("return [...document.querySelectorAll(arguments[0])].find((it) => "
                "it.innerText.includes(arguments[1])) ?? null")
        self._until(lambda: self.script(find, selector, text), lambda: f"no {selector} with `{text}`")
        element = self.script(find, selector, text)[ELEMENT]
        self._call("POST", f"/element/{element}/click", {})

    def turn_to(self, selector, text=""):
        """Clicks what leads to another page of the console, or to the same one anew, and waits until that is shown.

        The address changes before the page does: who only waits for a word may read it on the page that is left.
        """
        self.script("document.querySelector('h1').left = true")
        self.click(selector, text)
        shown = "const title = document.querySelector('h1'); return title !== null && !title.left"
        self._until(lambda: self.script(shown), lambda: f"{selector} with `{text}` leads nowhere")

    def type(self, selector, text):
        element = self._call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        self._call("POST", f"/element/{element}/clear", {})
        self._call("POST", f"/element/{element}/value", {"text": text})

    def complaints(self):
        """What the browser wrote to its console as errors."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self):
        """A PNG in base64."""
        return self._call("GET", "/screenshot")

    def _is_up(self):
        try:
            return self._call("GET", "/status")["ready"]
        except OSError:
            return False

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.session}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    @staticmethod
    def _until(condition, complaint):
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, complaint()
            time.sleep(0.05)
