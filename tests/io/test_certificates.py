"""A server whose certificate is of an authority of one's own: refused, and trusted once `SSL_CERT_FILE` names it."""

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tenacity import wait_none

from oi_tasks.errors import Unreachable
from oi_tasks.io.download import Web
from oi_tasks.io.store import DATA, Store
from oi_tasks.settings import Settings


class Nothing(BaseHTTPRequestHandler):
    """Has no object, and one file."""

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"photo")


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the house")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    builder = builder.add_extension(address, False).add_extension(x509.BasicConstraints(True, None), True)
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    made = builder.sign(key, hashes.SHA256())
    (folder / "house.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "house.pem", folder / "key.pem"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the file of its authority."""
    certificate, key = own_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", certificate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_store_of_the_houses_own_authority(house: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, authority = house
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    settings = Settings(store_endpoint=address, store_access_key="key", store_secret_key="secret")
    with pytest.raises(Unreachable, match="certificate is not trusted .*SSL_CERT_FILE") as told:
        Store(settings, tries=0).exists(DATA, "a")
    assert "\n" not in told.value.line
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert Store(settings, tries=0).exists(DATA, "a") is False


def test_a_release_on_a_server_of_the_houses_own_authority(
    house: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, authority = house
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(Unreachable, match="SSLError"):
        Web(timeout=5, wait=wait_none()).read(f"{address}/a.jpg", 10)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert Web(timeout=5, wait=wait_none()).read(f"{address}/a.jpg", 10) == b"photo"
