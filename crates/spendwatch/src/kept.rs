//! Documents in which evaluations keep something of each budget for the forecasts to come. Without one a
//! forecast is only less sure of itself, so what cannot be read is as good as not there.

use std::collections::BTreeMap;

use budget_engine::Budget;
use futures::future::join_all;
use serde::de::DeserializeOwned;
use state_store::{Documents, Version, json};

/// How many documents are fetched at a time.
const AT_ONCE: usize = 16;

/// The documents of budgets, by the budgets' ids: `<folder>/<budget>`. A failure is logged.
pub(crate) async fn load<T: DeserializeOwned>(
    documents: &dyn Documents,
    folder: &str,
    budgets: &[&Budget],
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    for some in budgets.chunks(AT_ONCE) {
        let keys: Vec<String> = some.iter().map(|one| key(folder, &one.id)).collect();
        let reads = keys.iter().map(|key| json::get(documents, key));
        let answers: Vec<state_store::Result<Option<(T, Version)>>> = join_all(reads).await;
        for ((budget, key), answer) in some.iter().zip(&keys).zip(answers) {
            match answer {
                Ok(kept) => all.extend(kept.map(|(kept, _)| (budget.id.clone(), kept))),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(key, error, "what was kept for forecasts could not be read");
                }
            }
        }
    }
    all
}

/// The key of a budget's document.
pub(crate) fn key(folder: &str, budget: &str) -> String {
    format!("{folder}/{budget}")
}

/// Logs that something could not be kept: the next evaluation makes up for it.
pub(crate) fn log(budget: &Budget, kept: state_store::Result<()>) {
    if let Err(error) = kept {
        let error = format!("{:#}", anyhow::Error::from(error));
        tracing::warn!(
            budget.id = budget.id,
            error,
            "what is kept for forecasts could not be written"
        );
    }
}
