//! The HTTP endpoint of lexivec: collections of a directory, served on loopback.
#![forbid(unsafe_code)]

mod accept;
mod admission;
mod answer;
mod compat;
mod config;
mod connection;
mod cursors;
mod error;
mod lanes;
pub mod limits;
mod mcp;
mod memory;
mod metrics;
mod observer;
mod places;
mod queue;
mod routes;
mod scoped;
mod state;
mod tls;
mod trace;
mod transfer;
mod wire;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use lexivec::Unopened;
use tokio::net::TcpListener;

pub use config::{Config, DEFAULT_PORT, LimitsSource};
pub use error::StartError;
pub use lexivec_access as access;
pub use mcp::serve_stdio;
pub use observer::{Answered, Observer, StageTime};
pub use routes::{Route, routes};
pub use tls::TlsFiles;

/// A server that has opened its collections and listens, but does not answer yet.
pub struct Server {
    listener: TcpListener,
    state: Arc<state::State>,
}

impl Server {
    /// Opens every collection of the directory and starts to listen. Collections that cannot be opened are left out, see
    /// [`unopened`](Self::unopened).
    ///
    /// # Errors
    /// [`StartError`] if the address is refused or taken, or none of the collections can be opened.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let address = config.bind;
        let opened = tokio::task::spawn_blocking(move || state::State::open(config));
        let state = opened.await.map_err(std::io::Error::other)??;
        let listener = accept::listen(address)
            .map_err(|e| StartError::Bind { address, detail: e.to_string() })?;
        Ok(Self { listener, state: Arc::new(state) })
    }

    /// The address it listens on, with the port it got if the one asked for was 0.
    pub fn address(&self) -> Result<SocketAddr, StartError> {
        Ok(self.listener.local_addr()?)
    }

    /// Names of the collections it serves.
    pub fn collections(&self) -> Vec<String> {
        self.state.collections.names()
    }

    /// The collections that it does not serve, as they cannot be opened.
    pub fn unopened(&self) -> Vec<Unopened> {
        self.state.collections.unopened().to_vec()
    }

    /// Answers requests until `stop` resolves, then lets those under way end.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let state = self.state.clone();
        let upkeep = async {
            loop {
                tokio::time::sleep(limits::UPKEEP_PAUSE).await;
                state.keep_up();
            }
        };
        let asked = async {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
            while hangup.recv().await.is_some() {
                tracing::info!("SIGHUP: reads what has changed again");
                state.keep_up();
                state.reload_limits();
            }
        };
        let others = async { tokio::join!(upkeep, asked) };
        tokio::select! {
            () = accept::serve(self.listener, self.state.clone(), stop) => (),
            _ = others => (),
        }
        self.state.admission.write_last_uses();
    }

    /// Answers requests until the process gets SIGINT or SIGTERM, on an event loop made for it.
    ///
    /// # Errors
    /// The errors of [`start`](Self::start), and [`StartError::AddressSpace`] under a limit that is too low for it.
    /// `ready` gets the server once it listens.
    pub fn run_blocking(
        config: Config,
        ready: impl FnOnce(&Self) -> Result<(), StartError>,
    ) -> Result<(), StartError> {
        memory::check_address_space()?;
        accept::raise_descriptors();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .max_blocking_threads(limits::MAX_BLOCKING_THREADS)
            .enable_all()
            .build()?;
        let ended = runtime.block_on(async {
            let server = Self::start(config).await?;
            ready(&server)?;
            server.run(signalled()).await;
            Ok(())
        });
        // Work that outlives the drain is not waited for; a write it cuts off is wholly absent.
        runtime.shutdown_timeout(limits::DRAIN_DEADLINE);
        ended
    }
}

/// Resolves on Ctrl-C or SIGTERM.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        _ = terminate.recv() => (),
    }
}
