//! Settings of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lexivec::OpenOptions;
use lexivec::model::{Embedder, Reranker};
use lexivec_access::{Access, AccessOptions, Limits};

use crate::error::StartError;
use crate::limits::{CURSOR_IDLE, SLOW_QUERY};
use crate::observer::Observer;
use crate::tls::TlsFiles;

/// Port used where none is given.
pub const DEFAULT_PORT: u16 = 8009;

/// Gives the limits as they are configured now, or the reason why they cannot be read.
pub type LimitsSource = Arc<dyn Fn() -> Result<Limits, String> + Send + Sync>;

/// Settings of a server.
#[derive(Clone)]
pub struct Config {
    /// A collection's directory, which is then the only collection; or a directory of collections,
    /// made if it is not there.
    pub directory: PathBuf,
    /// Address to listen on. One that other machines reach takes keys or tokens, and TLS or a proxy that encrypts.
    pub bind: SocketAddr,
    /// Files that TLS is served with; without them connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// True behind a proxy that encrypts, and names the client in `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Tokens that are accepted, and the rates of keys and tenants. Keys are in the directory.
    pub access: AccessOptions,
    /// Host names a request may carry besides the loopback ones.
    pub hosts: Vec<String>,
    /// The model for collections that were made with one.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// The reranker for requests that ask for one.
    pub reranker: Option<Arc<dyn Reranker>>,
    /// Options with which collections are opened.
    pub open: OpenOptions,
    /// Time after which a cursor that is not used is closed.
    pub cursor_idle: Duration,
    /// Time of a search from which the log has its stages and plan.
    pub slow_query: Duration,
    /// True if the log may have the beginning of the bodies of slow searches, with their words.
    pub log_queries: bool,
    /// Source of the limits of keys and tenants when they are read again, on SIGHUP.
    pub limits: Option<LimitsSource>,
    /// Observer of the requests, as for traces.
    pub observer: Option<Observer>,
}

impl Config {
    /// Serves a directory on the default loopback address.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            tls: None,
            behind_proxy: false,
            access: AccessOptions::default(),
            hosts: Vec::new(),
            embedder: None,
            reranker: None,
            open: OpenOptions::new(),
            cursor_idle: CURSOR_IDLE,
            slow_query: SLOW_QUERY,
            log_queries: false,
            limits: None,
            observer: None,
        }
    }

    /// Checks that the address may be served: one that other machines reach takes keys or tokens, and connections that are
    /// encrypted.
    ///
    /// # Errors
    /// [`StartError::Bind`].
    pub fn check(&self) -> Result<(), StartError> {
        if self.bind.ip().is_loopback() {
            return Ok(());
        }
        let keys = self.access.tokens.is_some() || Access::is_used(&self.directory);
        let lacking = match (keys, self.tls.is_some() || self.behind_proxy) {
            (true, true) => return Ok(()),
            (false, _) => format!(
                "other machines reach it, and there are no keys; make one with `lexivec key create {} NAME --role \
                 admin`, or bind 127.0.0.1",
                self.directory.display()
            ),
            (true, false) => "other machines reach it, and connections would not be encrypted; give --tls-certificate \
                              and --tls-key, or --behind-proxy if a proxy in front encrypts"
                .to_owned(),
        };
        Err(StartError::Bind { address: self.bind, detail: lacking })
    }
}
