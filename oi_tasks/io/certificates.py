"""Whom HTTPS is trusted by: the authorities in the file that `SSL_CERT_FILE` names, else the usual ones.

So Python itself, OpenSSL and MinIO's own client have it: a store in one's own network often has a certificate of the
house's authority.
"""

import os

import certifi


def authorities() -> str:
    """The file of certificate authorities, PEM."""
    return os.environ.get("SSL_CERT_FILE") or certifi.where()
