"""A JupyterLab of its own for the browser tests: own settings, own notebooks, a free port, nothing of the user's.

Apart from the page object because it is the part that knows processes and files.
"""
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import nbformat

TOKEN = "t"
START_WITHIN = 90
STOP_WITHIN = 15
SETTINGS = {
    # No notices, no fetching of news: the tests fail on any request to another host.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # Off-screen cells stay in the page, so that a test can look at them.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


class Server:
    """A running JupyterLab; `write` puts notebooks into its folder. Extensions in `disabled` do not load."""

    def __init__(self, folder: Path, disabled: Sequence[str] = ()) -> None:
        self.files = folder / "notebooks"
        self.log = folder / "server.log"
        self.files.mkdir()
        for name, values in SETTINGS.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        page = folder / "config" / "labconfig" / "page_config.json"
        page.parent.mkdir(parents=True)
        page.write_text(json.dumps({"disabledExtensions": dict.fromkeys(disabled, True)}))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        own = {name: str(folder / part) for name, part in {
            "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
        }.items()}
        # One thread for the numbers: the browser needs the other core.
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={self.port}",
                   f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.files}",
                   "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **own, **threads, "PATH": path},
                                            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/api?token={TOKEN}", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")

    def write(self, name: str, cells: list[str]) -> str:
        """A notebook with these code cells."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.files / name)
        return name

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
