//! A receiver of OpenTelemetry: OTLP over HTTP with protobuf bodies, decoded by the published schema.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// What a receiver on a free port of this machine was sent.
#[derive(Clone)]
pub struct Otlp {
    /// What the product is told as `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    services: Vec<String>,
}

impl Otlp {
    /// Starts a receiver.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start() -> Otlp {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let otlp = Otlp {
            endpoint: format!("http://{}", listener.local_addr().expect("an address")),
            received: Arc::default(),
        };
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(otlp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        otlp
    }

    /// All spans so far.
    ///
    /// # Panics
    /// After a panic while something was received.
    pub fn spans(&self) -> Vec<Span> {
        self.received.lock().expect("no panic before").spans.clone()
    }

    /// The names of the services that sent spans.
    ///
    /// # Panics
    /// After a panic while something was received.
    pub fn services(&self) -> Vec<String> {
        self.received
            .lock()
            .expect("no panic before")
            .services
            .clone()
    }

    /// The last figure of a metric whose attributes include these; of a histogram its count.
    ///
    /// # Panics
    /// After a panic while something was received.
    pub fn figure(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        let received = self.received.lock().expect("no panic before");
        let of_name = received.metrics.iter().rev().filter(|one| one.name == name);
        of_name
            .filter_map(|metric| figure(metric, attributes))
            .next()
    }

    /// Waits for a figure, for ten seconds at most.
    pub async fn wait_for(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        let begun = Instant::now();
        loop {
            let figure = self.figure(name, attributes);
            if figure.is_some() || begun.elapsed() > Duration::from_secs(10) {
                return figure;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn figure(metric: &Metric, wanted: &[(&str, &str)]) -> Option<f64> {
    let is_wanted = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
        wanted.iter().all(|(key, value)| {
            let mut found = attributes.iter().filter(|one| one.key == *key);
            found.any(|one| format!("{:?}", one.value).contains(&format!("\"{value}\"")))
        })
    };
    let points = match metric.data.as_ref()? {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        Data::Histogram(histogram) => {
            let mut points = histogram.data_points.iter();
            let point = points.find(|point| is_wanted(&point.attributes))?;
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            return Some(point.count as f64);
        }
        _ => return None,
    };
    let point = points.iter().find(|point| is_wanted(&point.attributes))?;
    match point.value? {
        Value::AsDouble(value) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        Value::AsInt(value) => Some(value as f64),
    }
}

async fn traces(State(otlp): State<Otlp>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("the published schema");
    let mut received = otlp.received.lock().expect("no panic before");
    for resource in request.resource_spans {
        let attributes = resource.resource.into_iter().flat_map(|one| one.attributes);
        let names = attributes.filter(|one| one.key == "service.name");
        received
            .services
            .extend(names.map(|one| format!("{:?}", one.value)));
        for scope in resource.scope_spans {
            received.spans.extend(scope.spans);
        }
    }
    ([(CONTENT_TYPE, "application/x-protobuf")], Vec::new()).into_response()
}

async fn metrics(State(otlp): State<Otlp>, body: Bytes) -> Response {
    let request = ExportMetricsServiceRequest::decode(body).expect("the published schema");
    let mut received = otlp.received.lock().expect("no panic before");
    for resource in request.resource_metrics {
        for scope in resource.scope_metrics {
            received.metrics.extend(scope.metrics);
        }
    }
    ([(CONTENT_TYPE, "application/x-protobuf")], Vec::new()).into_response()
}
