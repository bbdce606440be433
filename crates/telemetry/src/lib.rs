//! What the process tells about itself: spans and metrics by OpenTelemetry, and metrics as text for
//! Prometheus.
//!
//! Nothing is exported unless the environment names a receiver, by the names that OpenTelemetry gives:
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and
//! `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, with `…_HEADERS`, `…_TIMEOUT`, `OTEL_SERVICE_NAME` and
//! `OTEL_RESOURCE_ATTRIBUTES` beside them. The protocol is OTLP over HTTP with protobuf bodies
//! (opentelemetry.io/docs/specs/otlp). Endpoints of Azure Monitor are signed in to with Microsoft Entra ID.
//!
//! Other crates record by the API of the crate `opentelemetry` and know nothing of this one. A process
//! starts [`Telemetry`] first thing, puts [`Telemetry::layer`] under its log subscriber, joins the trace of
//! its caller with [`join`], and calls [`Telemetry::flush`] before it may be frozen or killed.

mod sender;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use azure_core::credentials::TokenCredential;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider};
use prometheus::{Encoder, TextEncoder};
use tracing::Span;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use sender::Sender;

/// The variables that name a receiver of both signals, of spans, and of metrics.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

/// The longest that one flush keeps its caller waiting.
const FLUSH_FOR: Duration = Duration::from_secs(5);
/// How long nobody waits for a receiver that did not answer in time.
const REST_FOR: Duration = Duration::from_secs(60);
/// How often metrics are sent by a process that does not flush.
const METRICS_EVERY: Duration = Duration::from_secs(60);

/// Who tells, and how.
#[derive(Default)]
pub struct Setup<'a> {
    /// The name of the service, unless `OTEL_SERVICE_NAME` gives another.
    pub service: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Whether metrics are kept for [`Telemetry::prometheus`].
    pub prometheus: bool,
    /// How to sign in to Azure Monitor; without it no endpoint of it can be used.
    pub credential: Option<Arc<dyn TokenCredential>>,
}

/// Spans and metrics of this process. Dropping it stops nothing: providers are global.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    meter: Option<SdkMeterProvider>,
    registry: Option<prometheus::Registry>,
    /// Milliseconds since `began` until which nobody waits for a flush.
    rests_until: Arc<AtomicU64>,
    began: Option<Instant>,
}

impl Telemetry {
    /// Starts what the environment and the setup ask for. Call it within the runtime of tokio that will do
    /// the sending, before anything is recorded.
    ///
    /// # Errors
    /// When a setting of OpenTelemetry cannot be used. The message names it.
    pub fn start(
        setup: Setup<'_>,
        environment: &BTreeMap<String, String>,
    ) -> anyhow::Result<Telemetry> {
        let is_set = |name: &str| {
            let value = environment.get(name);
            value.is_some_and(|value| !value.trim().is_empty())
        };
        let is_off = environment
            .get("OTEL_SDK_DISABLED")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let sends = |own: &str| !is_off && (is_set(ENDPOINT) || is_set(own));
        let mut resource = Resource::builder();
        if !is_set("OTEL_SERVICE_NAME") {
            resource = resource.with_service_name(setup.service.to_owned());
        }
        let version = KeyValue::new("service.version", setup.version.to_owned());
        let resource = resource.with_attribute(version).build();
        let mut telemetry = Telemetry {
            began: Some(Instant::now()),
            ..Default::default()
        };
        let credential = setup.credential;
        let sender = || Sender::new(credential.clone());
        if sends(TRACES_ENDPOINT) {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(sender()?)
                .build()
                .context("export of spans")?;
            let mut provider = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_span_processor(BatchSpanProcessor::builder(exporter).build());
            // The Functions host marks traces as not sampled that it samples itself later; whoever names a
            // receiver wants spans.
            if !is_set("OTEL_TRACES_SAMPLER") {
                provider = provider.with_sampler(Sampler::AlwaysOn);
            }
            let provider = provider.build();
            global::set_tracer_provider(provider.clone());
            telemetry.tracer = Some(provider);
        }
        let sends_metrics = sends(METRICS_ENDPOINT);
        if sends_metrics || setup.prometheus {
            let mut provider = SdkMeterProvider::builder().with_resource(resource);
            if sends_metrics {
                let exporter = MetricExporter::builder()
                    .with_http()
                    .with_http_client(sender()?)
                    .build()
                    .context("export of metrics")?;
                let reader = PeriodicReader::builder(exporter)
                    .with_interval(METRICS_EVERY)
                    .build();
                provider = provider.with_reader(reader);
            }
            if setup.prometheus {
                let registry = prometheus::Registry::new();
                let exporter = opentelemetry_prometheus::exporter()
                    .with_registry(registry.clone())
                    .scope_info_enabled(false)
                    .build()
                    .context("metrics for Prometheus")?;
                provider = provider.with_reader(exporter);
                telemetry.registry = Some(registry);
            }
            let provider = provider.build();
            global::set_meter_provider(provider.clone());
            telemetry.meter = Some(provider);
        }
        Ok(telemetry)
    }

    /// Turns spans of `tracing` into spans of OpenTelemetry, if they are exported.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.tracer.as_ref()?.tracer("spendwatch");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        Some(layer.with_location(false).with_threads(false))
    }

    /// Sends what was recorded so far, and waits until it is there; five seconds at most, and not at all for
    /// a minute after a receiver did not answer in time.
    pub async fn flush(&self) {
        let (tracer, meter) = (self.tracer.clone(), self.meter.clone());
        let Some(began) = self.began.filter(|_| self.exports()) else {
            return;
        };
        let now = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now() < self.rests_until.load(Ordering::Relaxed) {
            return;
        }
        // Both wait for threads of their own, which in turn wait for this runtime.
        let flushed = tokio::task::spawn_blocking(move || {
            let spans = tracer.map_or(Ok(()), |tracer| tracer.force_flush());
            let metrics = meter.map_or(Ok(()), |meter| meter.force_flush());
            spans.and(metrics)
        });
        let problem = match tokio::time::timeout(FLUSH_FOR, flushed).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        let rest = u64::try_from(REST_FOR.as_millis()).unwrap_or(u64::MAX);
        self.rests_until
            .store(now().saturating_add(rest), Ordering::Relaxed);
        tracing::warn!(error = problem, "telemetry could not be sent");
    }

    /// Whether anything leaves the process.
    fn exports(&self) -> bool {
        // A meter that only Prometheus reads has nothing to flush, and doing it is free.
        self.tracer.is_some() || self.meter.is_some()
    }

    /// All metrics in the text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats,
    /// version 0.0.4); `None` if they are not kept.
    pub fn prometheus(&self) -> Option<String> {
        let mut text = Vec::new();
        let families = self.registry.as_ref()?.gather();
        TextEncoder::new().encode(&families, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

/// Makes a span part of its caller's trace, as the headers `traceparent` and `tracestate` say
/// (w3.org/TR/trace-context). Headers that cannot be read change nothing.
pub fn join(span: &Span, headers: &http::HeaderMap) {
    let extractor = opentelemetry_http::HeaderExtractor(headers);
    let parent = TraceContextPropagator::new().extract(&extractor);
    // Without a layer there is no trace to be part of.
    let _ = span.set_parent(parent);
}
