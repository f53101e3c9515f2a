//! `health`: asks a server if it is ready, as the checks of container engines do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ureq::http::{Uri, header};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::serve::ServeOptions;
use crate::exit::{Failure, Outcome};
use crate::output;

/// Route that is asked where the URL has no path.
const ROUTE: &str = "/readyz";
/// Seconds until a server that does not answer counts as not ready: less than the pause between checks of engines.
const DEFAULT_SECONDS: u64 = 5;
/// Most seconds to wait: that of the longest deadline of a request.
const MAX_SECONDS: u64 = 600;
/// Bytes of a file of certificates: the bundles of all public authorities have a quarter of them.
const MAX_PEM_BYTES: u64 = 1 << 20;

#[derive(clap::Args)]
pub(crate) struct Health {
    /// Address of the server, such as https://search.example:8009; /readyz is asked if it has no path. Without one, it is
    /// the address on this machine that the options of `serve`, the environment and the configuration file name.
    url: Option<String>,
    /// Authorities as PEM, one of which has to have signed the certificate of the server, instead of the public ones.
    /// Without it, the certificate of a server on this machine is not checked.
    #[arg(long, value_name = "FILE", env = "LEXIVEC_HEALTH_CA")]
    ca: Option<PathBuf>,
    /// Certificate chain as PEM to show to a server that takes clients with certificates only.
    #[arg(long, value_name = "FILE", requires = "client_key", env = "LEXIVEC_HEALTH_CERTIFICATE")]
    client_certificate: Option<PathBuf>,
    /// Private key of the client's certificate as PEM.
    #[arg(long, value_name = "FILE", requires = "client_certificate", env = "LEXIVEC_HEALTH_KEY")]
    client_key: Option<PathBuf>,
    /// Seconds until a server that does not answer counts as not ready.
    #[arg(long, value_name = "SECONDS", env = "LEXIVEC_HEALTH_TIMEOUT", default_value_t = DEFAULT_SECONDS,
        value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    timeout: u64,
    #[command(flatten)]
    options: ServeOptions,
}

/// A server to ask.
struct Target {
    url: String,
    /// True if the server is on this machine: its certificate is for its public name, and nothing secret is sent.
    local: bool,
    /// The Host header, if it is another one than that of the URL.
    host: Option<&'static str>,
}

pub(super) fn run(args: &Health) -> Outcome<ExitCode> {
    let target = match &args.url {
        Some(url) => Target::of_url(url)?,
        None => Target::of_server(args.options.address(), args.options.is_encrypted()?)?,
    };
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A proxy of the environment is for other machines.
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(args.timeout)))
        .user_agent(concat!("lexivec/", env!("CARGO_PKG_VERSION")))
        .tls_config(args.tls(target.local)?)
        .build()
        .new_agent();
    let request = agent.get(&target.url);
    let request = match target.host {
        Some(host) => request.header(header::HOST, host),
        None => request,
    };
    let unready = |detail: String| Failure::new(format!("{}: {detail}", target.url));
    let answer = request.call().map_err(|e| unready(format!("not ready: no answer ({e})")))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(unready(format!("not ready: it answered {status}")));
    }
    output::line(&format!("{}: ready", target.url))?;
    Ok(ExitCode::SUCCESS)
}

impl Target {
    fn of_url(url: &str) -> Outcome<Self> {
        let fault = |detail: &str| {
            Failure::usage(format!(
                "the URL {url:?} {detail}; give one such as http://127.0.0.1:8009"
            ))
        };
        let parsed: Uri = url.parse().map_err(|e| fault(&format!("cannot be read: {e}")))?;
        let host = parsed.host().filter(|host| !host.is_empty());
        let (Some("http" | "https"), Some(host)) = (parsed.scheme_str(), host) else {
            return Err(fault("is not one of http or https with a host"));
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        let url = match parsed.path_and_query().is_none_or(|path| path == "/") {
            true => format!("{}{ROUTE}", url.trim_end_matches('/')),
            false => url.to_owned(),
        };
        Ok(Self { url, local, host: None })
    }

    /// The server that listens on an address of this machine.
    fn of_server(mut address: SocketAddr, encrypted: bool) -> Outcome<Self> {
        if address.port() == 0 {
            return Err(Failure::usage(
                "a server on port 0 has a port that is not known; give its URL",
            ));
        }
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let scheme = if encrypted { "https" } else { "http" };
        let url = format!("{scheme}://{address}{ROUTE}");
        // A server takes this name from every address.
        Ok(Self { url, local: true, host: Some("localhost") })
    }
}

impl Health {
    fn tls(&self, local: bool) -> Outcome<TlsConfig> {
        let mut tls = TlsConfig::builder();
        tls = match &self.ca {
            Some(file) => tls.root_certs(RootCerts::new_with_certs(&certificates(file)?)),
            None => tls.disable_verification(local),
        };
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            let own = ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?);
            tls = tls.client_cert(Some(own));
        }
        Ok(tls.build())
    }
}

fn certificates(file: &Path) -> Outcome<Vec<Certificate<'static>>> {
    let items = read(file)?.into_iter();
    let found: Vec<_> = items
        .filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None })
        .collect();
    match found.is_empty() {
        true => Err(Failure::usage(format!("{}: it has no certificate as PEM", file.display()))),
        false => Ok(found),
    }
}

fn private_key(file: &Path) -> Outcome<PrivateKey<'static>> {
    let items = read(file)?.into_iter();
    let mut found = items
        .filter_map(|item| if let PemItem::PrivateKey(found) = item { Some(found) } else { None });
    let fault = || Failure::usage(format!("{}: it has no private key as PEM", file.display()));
    found.next().ok_or_else(fault)
}

/// The items of a file of PEM text. A file that cannot be used is a fault of the call, not of the server.
fn read(file: &Path) -> Outcome<Vec<PemItem<'static>>> {
    let fault = |detail: String| Failure::usage(format!("{}: {detail}", file.display()));
    let length = file.metadata().map_err(|e| fault(e.to_string()))?.len();
    if length > MAX_PEM_BYTES {
        return Err(fault(format!("it has {length} bytes, and {MAX_PEM_BYTES} at most are read")));
    }
    let text = std::fs::read(file).map_err(|e| fault(e.to_string()))?;
    parse_pem(&text).collect::<Result<_, _>>().map_err(|e| fault(e.to_string()))
}
