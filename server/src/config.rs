//! Settings of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lexivec::OpenOptions;
use lexivec::model::{Embedder, Reranker};

use crate::error::StartError;
use crate::limits::CURSOR_IDLE;
use crate::tls::TlsFiles;

/// Port used where none is given.
pub const DEFAULT_PORT: u16 = 8009;

/// Settings of a server.
#[derive(Clone)]
pub struct Config {
    /// A collection's directory, which is then the only collection; or a directory of collections,
    /// made if it is not there.
    pub directory: PathBuf,
    /// Address to listen on; a loopback one.
    pub bind: SocketAddr,
    /// Files that TLS is served with; without them connections are not encrypted.
    pub tls: Option<TlsFiles>,
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
}

impl Config {
    /// Serves a directory on the default loopback address.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            tls: None,
            hosts: Vec::new(),
            embedder: None,
            reranker: None,
            open: OpenOptions::new(),
            cursor_idle: CURSOR_IDLE,
        }
    }

    /// Refuses an address that other machines can reach: there are no keys that would distinguish callers.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.bind.ip().is_loopback() {
            return Ok(());
        }
        Err(StartError::Bind {
            address: self.bind,
            detail: "only loopback addresses are served, because requests carry no key; bind \
                     127.0.0.1 and put a proxy that authenticates in front"
                .to_owned(),
        })
    }
}
