//! Requests and throttles by API, for whoever operates the process. Without a receiver they cost next to
//! nothing.

use std::sync::LazyLock;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use url::Url;

struct Instruments {
    requests: Counter<u64>,
    throttles: Counter<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter = global::meter("azure-cost");
    Instruments {
        requests: meter
            .u64_counter("spendwatch.azure.requests")
            .with_description("Requests to Azure's APIs, by API and status; 0 is no answer")
            .build(),
        throttles: meter
            .u64_counter("spendwatch.azure.throttles")
            .with_description("Requests that Azure asked to repeat later (429), by API")
            .build(),
    }
});

/// A request was answered with this status, or, by 0, was not.
pub(crate) fn answered(url: &Url, status: u16) {
    let api = KeyValue::new("api", api(url));
    if status == 429 {
        INSTRUMENTS.throttles.add(1, std::slice::from_ref(&api));
    }
    let status = KeyValue::new("status", i64::from(status));
    INSTRUMENTS.requests.add(1, &[api, status]);
}

/// The API that a URL is of: the last provider in its path and the kind of thing asked for, such as
/// `Microsoft.CostManagement/query`; of a path without a provider its host. No names of anybody's things.
fn api(url: &Url) -> String {
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let provider = segments
        .iter()
        .rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let named = provider.and_then(|at| Some((segments.get(at + 1)?, segments.get(at + 2)?)));
    match named {
        Some((provider, kind)) => format!("{provider}/{kind}"),
        None => url.host_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_named_by_provider_and_kind() {
        for (url, expected) in [
            (
                "https://management.azure.com/subscriptions/s/providers/Microsoft.CostManagement/query?api-version=1",
                "Microsoft.CostManagement/query",
            ),
            (
                "https://management.azure.com/providers/Microsoft.Billing/billingAccounts/1/providers/Microsoft.Consumption/budgets/b",
                "Microsoft.Consumption/budgets",
            ),
            (
                "https://prices.azure.com/api/retail/prices",
                "prices.azure.com",
            ),
            (
                "https://management.azure.com/subscriptions/s/providers",
                "management.azure.com",
            ),
        ] {
            assert_eq!(api(&url.parse().unwrap()), expected);
        }
    }
}
