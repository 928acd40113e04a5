"""The TLS side of the server; imported at the first TLS connection, because it takes a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

if TYPE_CHECKING:
    from pathlib import Path

    from twisted.protocols.tls import TLSMemoryBIOProtocol

_NAMES: Final = ("localhost", "localhost.localstack.cloud", "*.localhost.localstack.cloud")
_ADDRESSES: Final = ("127.0.0.1", "::1")
_VALID_DAYS: Final = 825  # the most that Apple's clients accept, even of a trusted certificate


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the server's side of TLS connections from one certificate.

    Args:
        context: an OpenSSL context that holds the certificate and its key.
    """

    def __init__(self, context: SSL.Context) -> None:
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_alpn_select_callback(_select_http_1_1)
        self._context = context

    def serverConnectionForTLS(  # noqa: N802 - Twisted's name
        self,
        tlsProtocol: TLSMemoryBIOProtocol,  # noqa: ARG002, N803 - Twisted's name
    ) -> SSL.Connection:
        """Return a connection that works on memory."""
        return SSL.Connection(self._context, None)


def server_tls_from_file(path: Path) -> ServerTls:
    """Return TLS with the certificate of a file.

    Args:
        path: PEM with the key, the certificate and its chain, as CUSTOM_SSL_CERT_PATH names it.

    Raises:
        ValueError: the file cannot be read or holds no matching key and certificate.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    try:
        context.use_certificate_chain_file(str(path))
        context.use_privatekey_file(str(path))
        context.check_privatekey()
    except SSL.Error as error:
        raise ValueError(
            f"{path} must be a readable PEM file with a private key and its certificate"
        ) from error
    return ServerTls(context)


def server_tls_self_signed(epoch_seconds: float) -> ServerTls:
    """Return TLS with a certificate made now for the local names of this machine.

    Args:
        epoch_seconds: the present time; the certificate is valid from a day before it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.fromtimestamp(epoch_seconds, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    alternatives = [
        *(x509.DNSName(host) for host in _NAMES),
        *(x509.IPAddress(ip_address(address)) for address in _ADDRESSES),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_VALID_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(crypto.X509.from_cryptography(certificate))
    context.use_privatekey(crypto.PKey.from_cryptography_key(key))
    return ServerTls(context)


def _select_http_1_1(
    _connection: SSL.Connection, offered: list[bytes]
) -> bytes | SSL._NoOverlappingProtocols:
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS
