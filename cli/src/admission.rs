//! Options of a server about its callers: tokens, and the rates of keys and tenants.

use std::path::PathBuf;

use lexivec_server::access::{AccessOptions, JwtAlgorithm, JwtOptions, RateLimits};

use crate::exit::{Failure, Outcome};

/// Options about callers. Keys are made with `lexivec key`.
#[derive(clap::Args)]
#[command(next_help_heading = "Keys, tokens and rates")]
pub(crate) struct AdmissionArgs {
    /// Serve behind a proxy that encrypts, and names the client as the last one in X-Forwarded-For.
    #[arg(long)]
    behind_proxy: bool,
    /// Accept tokens (JWT) besides keys, signed with this algorithm. Their claims are sub, exp and role, and scope, or
    /// tenant and collections.
    #[arg(long, value_name = "ALGORITHM")]
    jwt_algorithm: Option<Algorithm>,
    /// File of the key of tokens: a public key as PEM, or for HS256 a secret of 32 bytes or more that its owner alone may
    /// read.
    #[arg(long, value_name = "FILE")]
    jwt_key: Option<PathBuf>,
    /// Issuer that tokens have to name.
    #[arg(long, value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// Audience that tokens have to name.
    #[arg(long, value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// Requests of each key in a second, over time.
    #[arg(long, value_name = "N", default_value_t = lexivec_server::access::DEFAULT_REQUESTS_PER_SECOND)]
    requests_per_second: f64,
    /// Requests of each key at once, before its rate holds.
    #[arg(long, value_name = "N", default_value_t = lexivec_server::access::DEFAULT_BURST)]
    burst: u32,
    /// Searches of each key that run at the same time; no limit by default.
    #[arg(long, value_name = "N")]
    searches_at_once: Option<u32>,
    /// Rows that each key may write and ask for in a second; no limit by default.
    #[arg(long, value_name = "N")]
    rows_per_second: Option<f64>,
    /// Bytes that each key may send in a second; no limit by default.
    #[arg(long, value_name = "N")]
    bytes_per_second: Option<f64>,
    /// Requests of each tenant in a second, over time; no limit by default.
    #[arg(long, value_name = "N")]
    tenant_requests_per_second: Option<f64>,
    /// Requests of each tenant at once, before its rate holds.
    #[arg(long, value_name = "N", default_value_t = lexivec_server::access::DEFAULT_BURST)]
    tenant_burst: u32,
    /// Searches of each tenant that run at the same time; no limit by default.
    #[arg(long, value_name = "N")]
    tenant_searches_at_once: Option<u32>,
    /// Rows that each tenant may write and ask for in a second; no limit by default.
    #[arg(long, value_name = "N")]
    tenant_rows_per_second: Option<f64>,
    /// Bytes that each tenant may send in a second; no limit by default.
    #[arg(long, value_name = "N")]
    tenant_bytes_per_second: Option<f64>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Algorithm {
    /// A shared secret.
    #[value(name = "HS256")]
    Hs256,
    /// An RSA key.
    #[value(name = "RS256")]
    Rs256,
    /// An Ed25519 key.
    #[value(name = "EdDSA")]
    EdDsa,
}

impl AdmissionArgs {
    /// True behind a proxy that encrypts.
    pub(crate) fn behind_proxy(&self) -> bool {
        self.behind_proxy
    }

    /// The options of access.
    pub(crate) fn options(&self) -> Outcome<AccessOptions> {
        let mut options = AccessOptions::default();
        options.tokens = self.tokens()?;
        options.limits.per_key = RateLimits {
            requests_per_second: Some(self.requests_per_second),
            burst: self.burst,
            searches_at_once: self.searches_at_once,
            rows_per_second: self.rows_per_second,
            bytes_per_second: self.bytes_per_second,
        };
        options.limits.per_tenant = RateLimits {
            requests_per_second: self.tenant_requests_per_second,
            burst: self.tenant_burst,
            searches_at_once: self.tenant_searches_at_once,
            rows_per_second: self.tenant_rows_per_second,
            bytes_per_second: self.tenant_bytes_per_second,
        };
        let checked = options.limits.check();
        checked.map_err(|fault| Failure::usage(fault.replace('_', "-")))?;
        Ok(options)
    }

    fn tokens(&self) -> Outcome<Option<JwtOptions>> {
        let (algorithm, key) = match (self.jwt_algorithm, &self.jwt_key) {
            (Some(algorithm), Some(key)) => (algorithm, key),
            (None, None) if self.jwt_issuer.is_none() && self.jwt_audience.is_none() => {
                return Ok(None);
            }
            _ => return Err(Failure::usage("tokens take both --jwt-algorithm and --jwt-key")),
        };
        let algorithm = match algorithm {
            Algorithm::Hs256 => JwtAlgorithm::HS256,
            Algorithm::Rs256 => JwtAlgorithm::RS256,
            Algorithm::EdDsa => JwtAlgorithm::EdDSA,
        };
        let mut tokens = JwtOptions::new(algorithm, key);
        tokens.issuer.clone_from(&self.jwt_issuer);
        tokens.audience.clone_from(&self.jwt_audience);
        Ok(Some(tokens))
    }
}
