//! `serve`: a collection, or a directory of them, over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use lexivec::{OpenOptions, Unopened};
use lexivec_server::access::Limits;
use lexivec_server::{Config, Server, TlsFiles};
use sd_notify::NotifyState;
use serde_json::json;

use super::Command;
use crate::admission::AdmissionArgs;
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
    #[command(flatten)]
    options: ServeOptions,
    /// Print the address as JSON once the server listens.
    #[arg(long, display_order = 1_000)]
    json: bool,
}

/// Options of a server. Each may be in the environment, and in the configuration file.
#[derive(clap::Args)]
pub(crate) struct ServeOptions {
    /// TOML file with values for these options, by their names without dashes. A flag or a variable of the environment
    /// comes before it.
    #[arg(id = crate::config::OPTION, long, value_name = "FILE", env = "LEXIVEC_CONFIG")]
    _config: Option<PathBuf>,
    /// Address to listen on. One that other machines reach takes keys, and TLS or --behind-proxy.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8009")]
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
    admission: AdmissionArgs,
    #[command(flatten)]
    log: LogArgs,
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    traces: crate::telemetry::TraceArgs,
    #[command(flatten)]
    models: Models,
}

/// Options of TLS.
#[derive(clap::Args)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// Certificate chain of the server as PEM, its own certificate first. Files that change are read again.
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate as PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Certificates of authorities as PEM; a client needs a certificate that one of them has signed.
    #[arg(long, value_name = "FILE")]
    tls_client_authorities: Option<PathBuf>,
}

impl TlsArgs {
    fn files(&self) -> Outcome<Option<TlsFiles>> {
        let client_authorities = self.tls_client_authorities.clone();
        match (self.tls_certificate.clone(), self.tls_key.clone()) {
            (Some(certificate), Some(key)) => {
                Ok(Some(TlsFiles { certificate, key, client_authorities }))
            }
            (None, None) if client_authorities.is_none() => Ok(None),
            _ => Err(Failure::usage("TLS takes both --tls-certificate and --tls-key")),
        }
    }
}

impl ServeOptions {
    /// Settings of a server of a directory, with its models opened.
    pub(super) fn config(&self, dir: &Path, open: OpenOptions) -> Outcome<Config> {
        let mut config = Config::new(dir);
        config.open = open;
        config.bind = self.address();
        config.hosts = self.host_names.iter().map(|h| h.to_ascii_lowercase()).collect();
        config.tls = self.tls.files()?;
        config.behind_proxy = self.admission.behind_proxy();
        config.access = self.admission.options()?;
        self.log.set(&mut config);
        config.embedder = self.models.vectors.embedder()?;
        config.reranker = self.models.reranker()?;
        Ok(config)
    }

    /// Checks options that depend on each other.
    pub(crate) fn check(&self) -> Outcome<()> {
        self.tls.files()?;
        self.admission.options().map(drop)
    }

    /// True if connections are encrypted.
    pub(super) fn is_encrypted(&self) -> Outcome<bool> {
        Ok(self.tls.files()?.is_some())
    }

    /// The address to listen on.
    pub(super) fn address(&self) -> SocketAddr {
        let mut address = self.bind;
        if let Some(port) = self.port {
            address.set_port(port);
        }
        address
    }
}

/// The limits of keys and tenants by the arguments of this process, its environment and the configuration file as it is
/// now.
fn limits_now() -> Outcome<Limits> {
    let arguments = super::arguments()?.map_err(|fault| Failure::usage(fault.to_string()))?;
    match arguments.cli.command {
        Command::Serve(serve) => Ok(serve.options.admission.options()?.limits),
        _ => Err(Failure::usage("the arguments are not those of `serve`")),
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
    let mut config = args.options.config(&args.dir, open)?;
    #[cfg(feature = "otlp")]
    let _traces = args.options.traces.begin(&mut config)?;
    config.limits = Some(Arc::new(|| limits_now().map_err(|fault| fault.to_string())));
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    args.options.log.begin();
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
        // A service manager that waits for the server learns that it listens; without one there is none to notify.
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        Ok(())
    });
    served.map_err(|e| Failure::new(e.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
