"""Debian's Nginx in front of a running service: unprivileged, with a folder of its own."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live import free_port, wait_until
from tests.programs import needed

# Connections to the service are kept, since only over a kept one can the end of one request become another.
CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format requests escape=json '{{"id": "$request_id", "status": "$status", "upstream": "$upstream_status"}}';
    access_log {folder}/access.log requests;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream service {{ server {service}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        {options}
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


@dataclass
class Nginx:
    """A running Nginx."""

    address: str
    folder: Path

    def passed_on(self) -> list[str]:
        """The ids of the requests that the service has answered through it."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [entry["id"] for entry in map(json.loads, lines) if entry["upstream"]]


@contextmanager
def nginx_before(service_address: str, folder: Path, options: str = "") -> Iterator[Nginx]:
    """An Nginx that passes everything on to the service; `options` are of its server block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = folder / "nginx.conf"
    service = service_address.removeprefix("http://")
    configuration.write_text(CONFIGURATION.format(folder=folder, service=service, port=port, options=options))
    # As root Nginx would give its folders to another user.
    folder.chmod(0o755)
    process = subprocess.Popen(
        [needed("nginx"), "-p", f"{folder}/", "-e", f"{folder}/error.log", "-c", str(configuration)],
        env={"PATH": os.environ["PATH"]},
    )
    nginx = Nginx(f"http://127.0.0.1:{port}", folder)

    def is_listening() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        return (folder / "nginx.pid").exists()

    try:
        wait_until(is_listening, "Nginx has started")
        yield nginx
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
