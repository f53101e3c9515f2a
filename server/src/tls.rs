//! TLS: the certificate, its private key and the authorities of clients' certificates, read from files and read again
//! when the files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::StartError;

/// The protocol that is offered. HTTP/2 is not: its flow control lets a client hold an answer while its connection goes on,
/// and the places of connections count on one request at a time.
const PROTOCOL: &[u8] = b"http/1.1";

/// Files of PEM text that TLS is served with.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain of the server, its own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the authorities one of which has to have signed the certificate of a client; clients need none
    /// without it.
    pub client_authorities: Option<PathBuf>,
}

/// Why a file of TLS cannot be used.
#[derive(Debug)]
struct Unusable {
    path: PathBuf,
    detail: String,
}

/// TLS of one server.
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    /// The stamps of the files when they were read.
    stamps: Mutex<Vec<Option<Stamp>>>,
}

/// Modification time and length of a file.
type Stamp = (SystemTime, u64);

impl Tls {
    /// Reads the files.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, StartError> {
        let stamps = Mutex::new(files.stamps());
        let config =
            files.read().map_err(|Unusable { path, detail }| StartError::Tls { path, detail })?;
        Ok(Self { files, config: ArcSwap::from_pointee(config), stamps })
    }

    /// Reads the files again if one of them has changed; true if they were read. Files that cannot be used, as while they
    /// are being replaced, are tried again at the next call, and leave what was read before in use.
    ///
    /// # Errors
    /// The file and the fault.
    pub(crate) fn reload(&self) -> Result<bool, String> {
        let now = self.files.stamps();
        if *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) == now {
            return Ok(false);
        }
        let read = self.files.read();
        let config = read.map_err(|e| format!("{}: {}", e.path.display(), e.detail))?;
        self.config.store(Arc::new(config));
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(true)
    }

    /// Makes the TLS side of one connection, with the certificate of this moment.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

impl TlsFiles {
    /// The first second since the beginning of 1970 at which the server's certificate is no longer valid.
    ///
    /// # Errors
    /// [`StartError::Tls`] if the files cannot be used, as if the key is not that of the certificate.
    pub fn expires(&self) -> Result<u64, StartError> {
        let failed = |Unusable { path, detail }| StartError::Tls { path, detail };
        self.read().map_err(failed)?;
        let chain = certificates(&self.certificate).map_err(failed)?;
        let own = chain.first().map(|own| X509Certificate::from_der(own));
        let end = match own {
            Some(Ok((_, own))) => u64::try_from(own.validity().not_after.timestamp()).ok(),
            _ => None,
        };
        end.ok_or_else(|| failed(unusable(&self.certificate, "its certificate cannot be read")))
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_authorities)
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let stamp = |path: &PathBuf| {
            let about = path.metadata().ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        self.paths().map(stamp).collect()
    }

    fn read(&self) -> Result<ServerConfig, Unusable> {
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(&self.certificate, e))?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|e| unusable(path, e))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|e| unusable(path, e))?)
            }
        };
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| unusable(&self.key, e))?;
        let mut config =
            builder.with_single_cert(chain, key).map_err(|e| unusable(&self.certificate, e))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }
}

/// The certificates of a file, of which there has to be one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|e| unusable(path, e))?;
    match certificates.is_empty() {
        true => Err(unusable(path, "it has no certificate (-----BEGIN CERTIFICATE-----)")),
        false => Ok(certificates),
    }
}

fn unusable(path: &Path, detail: impl std::fmt::Display) -> Unusable {
    Unusable { path: path.to_owned(), detail: detail.to_string() }
}
