//! Traces of requests for a collector of OpenTelemetry, in builds with the feature `otlp`.

use std::collections::HashMap;
use std::sync::Arc;

use lexivec_server::{Answered, Config};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::exit::{Failure, Outcome};
use crate::output;

/// Options of traces.
#[derive(clap::Args)]
#[command(next_help_heading = "Traces")]
pub(crate) struct TraceArgs {
    /// Address to which traces of requests are sent as OTLP over HTTP, as http://localhost:4318/v1/traces. They have the
    /// route, the collection, the status and the time of each stage.
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,
}

/// Sends the last traces when it is dropped.
pub(crate) struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(fault) = self.0.shutdown() {
            output::note(&format!("the last traces were not sent: {fault}"));
        }
    }
}

impl TraceArgs {
    /// Observes the requests of a server, if there is an address to which traces are sent.
    pub(crate) fn begin(&self, config: &mut Config) -> Outcome<Option<Traces>> {
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build();
        let exporter = exporter.map_err(|e| Failure::usage(format!("--otlp-endpoint: {e}")))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name("lexivec").build())
            .build();
        let tracer = provider.tracer("lexivec");
        config.observer = Some(Arc::new(move |answered| send(&tracer, answered)));
        Ok(Some(Traces(provider)))
    }
}

/// Hands the span of a request, with a span of each of its stages below it, to the exporter.
fn send(tracer: &SdkTracer, answered: &Answered<'_>) {
    let headers: HashMap<String, String> = answered
        .traceparent
        .map(|parent| ("traceparent".to_owned(), parent.to_owned()))
        .into_iter()
        .collect();
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    let attributes = [
        KeyValue::new("http.request.method", answered.method.to_owned()),
        KeyValue::new("http.route", answered.route.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(answered.status)),
        KeyValue::new("lexivec.collection", answered.collection.to_owned()),
        KeyValue::new("lexivec.request_id", answered.id.to_owned()),
    ];
    let request = tracer
        .span_builder(format!("{} {}", answered.method, answered.route))
        .with_kind(SpanKind::Server)
        .with_start_time(answered.began)
        .with_attributes(attributes)
        .start_with_context(tracer, &parent);
    let request = parent.with_span(request);
    for stage in answered.stages {
        let start = answered.began + stage.start;
        let span = tracer.span_builder(stage.name).with_start_time(start);
        span.start_with_context(tracer, &request).end_with_timestamp(start + stage.took);
    }
    request.span().end_with_timestamp(answered.began + answered.took);
}
