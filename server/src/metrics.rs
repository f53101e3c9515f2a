//! Counters of one server, in Prometheus' text form.

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

/// Upper edges of the latency buckets, in seconds: from a warm search to a long write.
const LATENCY_BUCKETS: [f64; 11] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// What is counted. Metrics that cannot be made (two of one name, our own mistake) are left out.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Option<IntCounterVec>,
    latency: Option<HistogramVec>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("lexivec_requests_total", "Requests answered, by route and status."),
            &["route", "status"],
        )
        .ok()
        .filter(|m| registry.register(Box::new(m.clone())).is_ok());
        let latency = HistogramVec::new(
            HistogramOpts::new(
                "lexivec_request_seconds",
                "Time from the head of a request to the head of its answer, by route.",
            )
            .buckets(LATENCY_BUCKETS.to_vec()),
            &["route"],
        )
        .ok()
        .filter(|m| registry.register(Box::new(m.clone())).is_ok());
        Self { registry, requests, latency }
    }

    /// Counts one answered request. `route` is the pattern, never a caller's text.
    pub(crate) fn count(&self, route: &str, status: u16, seconds: f64) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[route, &status.to_string()]).inc();
        }
        if let Some(latency) = &self.latency {
            latency.with_label_values(&[route]).observe(seconds);
        }
    }

    /// The counters, and each collection's documents, segments and bytes as they are now.
    pub(crate) fn render(&self, collections: &[lexivec::Stats]) -> String {
        let mut out = Vec::new();
        // Writing to memory does not fail; an unencodable metric is left out.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        let mut text = String::from_utf8_lossy(&out).into_owned();
        for (name, help, value) in [
            ("documents", "Documents that searches can return.", (|s| s.documents) as Gauge),
            ("segments", "Segments searched.", |s| s.segments.len() as u64),
            ("bytes", "Bytes of segment files.", |s| s.bytes),
        ] {
            let name = format!("lexivec_collection_{name}");
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
            for stats in collections {
                // Names are of a-z, 0-9, '_' and '-' only, so nothing needs escaping.
                text.push_str(&format!(
                    "{name}{{collection=\"{}\"}} {}\n",
                    stats.name,
                    value(stats)
                ));
            }
        }
        text
    }
}

type Gauge = fn(&lexivec::Stats) -> u64;
