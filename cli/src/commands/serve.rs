//! `serve`: a collection, or a directory of them, over HTTP on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::{OpenOptions, Unopened};
use lexivec_server::{Config, Server, TlsFiles};
use serde_json::json;

use crate::exit::{Failure, Outcome};
use crate::log::LogArgs;
use crate::model::Models;
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Directory of a collection, or a directory of collections.
    dir: PathBuf,
    /// Start with an empty directory of collections if the directory does not exist.
    #[arg(long)]
    create: bool,
    /// Address to listen on. One that other machines reach takes keys and TLS.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8009", env = "LEXIVEC_BIND")]
    bind: SocketAddr,
    /// Port to listen on, instead of that of --bind; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Host name that requests may carry in addition to the loopback names; may be repeated.
    #[arg(long = "host-name", value_name = "NAME")]
    host_names: Vec<String>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    log: LogArgs,
    /// Print the address as JSON once the server listens.
    #[arg(long, display_order = 1_000)]
    json: bool,
    #[command(flatten)]
    models: Models,
}

/// Options of TLS.
#[derive(clap::Args)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// Certificate chain of the server as PEM, its own certificate first. Files that change are read again.
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "LEXIVEC_TLS_CERTIFICATE")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate", env = "LEXIVEC_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Certificates of authorities as PEM; a client needs a certificate that one of them has signed.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_certificate",
        env = "LEXIVEC_TLS_CLIENT_AUTHORITIES"
    )]
    tls_client_authorities: Option<PathBuf>,
}

impl TlsArgs {
    fn files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key, client_authorities: self.tls_client_authorities.clone() })
    }
}

pub(super) fn run(args: &Serve, open: OpenOptions) -> Outcome<ExitCode> {
    if !args.create && !args.dir.exists() {
        return Err(Failure::new(format!(
            "{dir} does not exist; give --create to start with an empty directory of collections, or make a \
             collection with `lexivec create {dir}`",
            dir = args.dir.display()
        )));
    }
    let mut config = Config::new(&args.dir);
    config.open = open;
    config.bind = args.bind;
    if let Some(port) = args.port {
        config.bind.set_port(port);
    }
    config.hosts = args.host_names.iter().map(|h| h.to_ascii_lowercase()).collect();
    config.tls = args.tls.files();
    config.embedder = args.models.vectors.embedder()?;
    config.reranker = args.models.reranker()?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    args.log.begin();
    let served = Server::run_blocking(config, |server| {
        let (address, collections) = (server.address()?, server.collections());
        let unopened = server.unopened();
        for Unopened { reason, .. } in &unopened {
            output::note(&format!("not served: {reason}"));
        }
        if args.json {
            // The server runs even if stdout is closed.
            let mut ready = json!({ "address": address.to_string(), "collections": collections });
            if !unopened.is_empty() {
                ready["unopened"] = json!(unopened);
            }
            let _ = output::json(&ready);
        } else {
            output::note(&format!("serving {collections:?} on {scheme}://{address}"));
        }
        Ok(())
    });
    served.map_err(|e| Failure::new(e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
