//! Counters of one server, in Prometheus' text form.

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::observer::StageTime;

/// Upper edges of the latency buckets, in seconds: from a warm search to a long write.
const LATENCY_BUCKETS: [f64; 11] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// The counters. A metric that cannot be made, as for a name that is taken, is left out.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Option<IntCounterVec>,
    latency: Option<HistogramVec>,
    stages: Option<HistogramVec>,
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
        let histogram = |name: &str, help: &str, label: &str| {
            let options = HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec());
            let histogram = HistogramVec::new(options, &[label]).ok()?;
            registry.register(Box::new(histogram.clone())).is_ok().then_some(histogram)
        };
        let latency = histogram(
            "lexivec_request_duration_seconds",
            "Time from the head of a request to the head of its answer, by route.",
            "route",
        );
        let stages = histogram(
            "lexivec_stage_duration_seconds",
            "Time that a stage took of a request that had it, by stage.",
            "stage",
        );
        Self { registry, requests, latency, stages }
    }

    /// Counts one answered request and its stages. `route` is the pattern, never a caller's text.
    pub(crate) fn count(&self, route: &str, status: u16, seconds: f64, stages: &[StageTime]) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[route, &status.to_string()]).inc();
        }
        if let Some(latency) = &self.latency {
            latency.with_label_values(&[route]).observe(seconds);
        }
        if let Some(histogram) = &self.stages {
            for stage in stages {
                histogram.with_label_values(&[stage.name]).observe(stage.took.as_secs_f64());
            }
        }
    }

    /// The counters; the calls that run and wait for each sort of work; the open cursors; and the documents, segments and
    /// bytes of each collection as they are now. Of one that cannot be counted, `failed` has the name.
    pub(crate) fn render(
        &self,
        collections: &[lexivec::Stats],
        failed: &[String],
        loads: &[(&'static str, usize, usize)],
        cursors: usize,
    ) -> String {
        let mut families = self.registry.gather();
        families.extend(gauges(collections, failed).gather());
        families.extend(of_work(loads, cursors).gather());
        let mut out = Vec::new();
        // Writing to memory does not fail; a metric that cannot be encoded is left out.
        let _ = TextEncoder::new().encode(&families, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// A registry of gauges of work, made for one answer.
fn of_work(loads: &[(&'static str, usize, usize)], cursors: usize) -> Registry {
    let registry = Registry::new();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let of_load = |name: &str, help: &str, count: fn(&(&'static str, usize, usize)) -> usize| {
        let Ok(gauge) = IntGaugeVec::new(Opts::new(name, help), &["work"]) else { return };
        for load in loads {
            gauge.with_label_values(&[load.0]).set(number(count(load)));
        }
        // The names differ, so none is refused.
        let _ = registry.register(Box::new(gauge));
    };
    of_load("lexivec_running_calls", "Calls that hold a permit, by sort of work.", |load| load.1);
    of_load("lexivec_waiting_calls", "Calls that wait for a permit, by sort of work.", |load| {
        load.2
    });
    if let Ok(gauge) = IntGauge::new("lexivec_open_cursors", "Cursors that are open.") {
        gauge.set(number(cursors));
        let _ = registry.register(Box::new(gauge));
    }
    registry
}

/// A registry of gauges, made for one answer, so that a dropped collection leaves none behind.
fn gauges(collections: &[lexivec::Stats], failed: &[String]) -> Registry {
    let registry = Registry::new();
    for (name, help, value) in [
        ("documents", "Documents that searches can return.", (|s| s.documents) as Gauge),
        ("segments", "Segments searched.", |s| s.segments.len() as u64),
        ("bytes", "Bytes of segment files.", |s| s.bytes),
        ("dead_rows", "Rows replaced or deleted whose space is not freed yet.", |s| s.dead_rows),
        ("logged_rows", "Rows that the log has and no segment file yet.", |s| s.recent_rows),
        (DAMAGED, "1 if something of the collection is damaged or refuses writes, else 0.", |s| {
            u64::from(s.damage.is_some())
        }),
    ] {
        let options = Opts::new(format!("lexivec_collection_{name}"), help);
        let Ok(gauge) = IntGaugeVec::new(options, &["collection"]) else { continue };
        for stats in collections {
            let value = i64::try_from(value(stats)).unwrap_or(i64::MAX);
            gauge.with_label_values(&[&stats.name]).set(value);
        }
        for collection in failed.iter().filter(|_| name == DAMAGED) {
            gauge.with_label_values(&[collection]).set(1);
        }
        // The names differ, so none is refused.
        let _ = registry.register(Box::new(gauge));
    }
    registry
}

/// The gauge of collections that are not whole.
const DAMAGED: &str = "damaged";

type Gauge = fn(&lexivec::Stats) -> u64;

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;
    use lexivec::{Collection, Document, Options};

    #[test]
    fn gauges_are_those_of_the_collections_that_are_there() {
        let metrics = Metrics::new();
        let collection = Collection::in_memory(Options::new().name("papers")).expect("made");
        collection.upsert(vec![Document::new("a").text("wing")]).expect("written");
        let text = metrics.render(
            &[collection.stats().expect("counted")],
            &["lost".to_owned()],
            &[("search", 2, 3)],
            1,
        );
        for line in [
            "# HELP lexivec_collection_documents Documents that searches can return.",
            "# TYPE lexivec_collection_documents gauge",
            "lexivec_collection_documents{collection=\"papers\"} 1",
            "# TYPE lexivec_collection_segments gauge",
            "# TYPE lexivec_collection_bytes gauge",
            "lexivec_collection_damaged{collection=\"papers\"} 0",
            "lexivec_collection_damaged{collection=\"lost\"} 1",
            "lexivec_collection_logged_rows{collection=\"papers\"} 1",
            "lexivec_running_calls{work=\"search\"} 2",
            "lexivec_waiting_calls{work=\"search\"} 3",
            "lexivec_open_cursors 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} is not in\n{text}");
        }
        assert!(
            !metrics.render(&[], &[], &[], 0).contains("papers"),
            "a dropped collection leaves nothing"
        );
    }
}
