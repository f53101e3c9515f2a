//! TLS of a server: its certificate, the one it reads again, clients with and without certificates, and plain HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lexivec_server::{Config, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use crate::http::Running;

/// Longest time until a server has read its changed files again: it looks every second.
const RELOAD: Duration = Duration::from_secs(30);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

/// A certificate for `localhost`, and its private key.
fn signed(authority: &Authority) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    (params.signed_by(&key, authority).expect("signed"), key)
}

/// Puts a certificate and a key in the place of those of a server, each in one step.
fn place(dir: &Path, certificate: &rcgen::Certificate, key: &KeyPair) {
    for (name, text) in [("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())] {
        let new = dir.join(format!("{name}.new"));
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, dir.join(name)).expect("renamed");
    }
}

fn serve(dir: &Path, client_authorities: Option<&Authority>) -> Running {
    let mut config = Config::new(dir.join("db"));
    let client_authorities = client_authorities.map(|authority| {
        let path = dir.join("clients.pem");
        std::fs::write(&path, authority.pem()).expect("written");
        path
    });
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    config.tls = Some(TlsFiles { certificate, key, client_authorities });
    Running::with(config)
}

/// A client that trusts an authority, and shows a certificate if it has one.
fn client(
    trusted: &Authority,
    own: Option<(&rcgen::Certificate, &KeyPair)>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(vec![certificate.der().clone()], key).expect("its key")
        }
    })
}

/// The answer to `GET /healthz`, the protocol, and the certificate that the server showed.
fn health(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<(String, ProtocolVersion, CertificateDer<'static>)> {
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(config.clone(), name).expect("a connection");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let shown = stream.conn.peer_certificates().and_then(|chain| chain.first()).cloned();
    let version = stream.conn.protocol_version().expect("a version");
    Ok((answer, version, shown.expect("a certificate")))
}

#[test]
fn requests_are_answered_over_tls_and_a_changed_certificate_is_read_again() {
    let (scratch, authority) = (tempfile::tempdir().expect("a directory"), authority());
    let (first, key) = signed(&authority);
    place(scratch.path(), &first, &key);
    let server = serve(scratch.path(), None);
    for (version, spoken) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = client(&authority, None, version);
        let (answer, used, shown) = health(server.address, &config).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!((used, &shown), (spoken, first.der()));
    }
    // A client that trusts another authority.
    let stranger = client(&self::authority(), None, &TLS13);
    health(server.address, &stranger).expect_err("not trusted");
    // Plain HTTP gets an answer that says what to do.
    let plain = server.raw(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 400") && plain.contains("https://"), "{plain}");
    // A key of another certificate, as between two steps of a renewal: what was read before stays in use.
    let (second, second_key) = signed(&authority);
    std::fs::write(scratch.path().join("key.pem"), second_key.serialize_pem()).expect("written");
    let config = client(&authority, None, &TLS13);
    assert_eq!(&health(server.address, &config).expect("answered").2, first.der());
    place(scratch.path(), &second, &second_key);
    let start = Instant::now();
    while &health(server.address, &config).expect("answered").2 != second.der() {
        assert!(start.elapsed() < RELOAD, "the changed certificate is not shown");
    }
}

#[test]
fn a_client_without_a_certificate_of_the_authorities_is_refused() {
    let (scratch, own, clients) =
        (tempfile::tempdir().expect("a directory"), authority(), authority());
    let (certificate, key) = signed(&own);
    place(scratch.path(), &certificate, &key);
    let server = serve(scratch.path(), Some(&clients));
    let (known, known_key) = signed(&clients);
    let (unknown, unknown_key) = signed(&own);
    for version in [&TLS12, &TLS13] {
        let admitted = client(&own, Some((&known, &known_key)), version);
        let (answer, ..) = health(server.address, &admitted).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for shown in [None, Some((&unknown, &unknown_key))] {
            health(server.address, &client(&own, shown, version)).expect_err("refused");
        }
    }
}
