//! Exports: files of cost rows that Azure writes into a storage account again and again.

use budget_engine::Scope;
use futures::Stream;
use serde::Serialize;

use super::API_VERSION;
use super::definition::TimePeriod;
use super::export::{Export, ExportRun, read_export, read_run};
use crate::client::{Client, scope_path};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

const TAIL: &str = "/providers/Microsoft.CostManagement/exports";

/// The body of a run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    time_period: TimePeriod,
}

impl Client {
    /// The exports of a scope, each with its last run.
    pub fn exports(
        &self,
        scope: &Scope,
    ) -> impl Stream<Item = Result<Export, Error>> + Send + use<> {
        let operation = format!("read exports of {scope}");
        lazily(scope_path(&operation, scope).map(|path| {
            let query = format!("{API_VERSION}&$expand=runHistory");
            let request = Request::get(operation, self.url(&path, TAIL, &query));
            items(self.transport.clone(), request, |item| {
                read_export(&Fields::of(item)?)
            })
        }))
    }

    /// One export, with its last runs.
    pub async fn export(&self, scope: &Scope, name: &str) -> Result<Export, Error> {
        let operation = format!("read export `{name}` of {scope}");
        let mut url = self.named_url(&operation, scope, TAIL, "the export", name)?;
        url.set_query(Some(&format!("{API_VERSION}&$expand=runHistory")));
        let request = Request::get(operation, url);
        self.read_required(&request, read_export).await
    }

    /// Creates an export, or replaces it: then its eTag has to be that of the export as it was
    /// read, and one that was changed meanwhile is refused. Says what Azure made of it.
    ///
    /// The caller needs write access to the storage account as well.
    pub async fn put_export(
        &self,
        scope: &Scope,
        name: &str,
        export: &Export,
    ) -> Result<Export, Error> {
        let operation = format!("write export `{name}` of {scope}");
        let url = self.named_url(&operation, scope, TAIL, "the export", name)?;
        let request = Request::put(operation, url, export);
        self.read_required(&request, read_export).await
    }

    /// Deletes an export; the files that it wrote stay.
    pub async fn delete_export(&self, scope: &Scope, name: &str) -> Result<(), Error> {
        let operation = format!("delete export `{name}` of {scope}");
        let url = self.named_url(&operation, scope, TAIL, "the export", name)?;
        self.tell(&Request::delete(operation, url)).await
    }

    /// Starts an export now, for its own period or, at most a calendar month long, another one.
    /// [`Client::export_runs`] says what becomes of it.
    pub async fn run_export(
        &self,
        scope: &Scope,
        name: &str,
        period: Option<TimePeriod>,
    ) -> Result<(), Error> {
        let operation = format!("run export `{name}` of {scope}");
        let tail = format!(
            "{TAIL}/{}/run",
            crate::client::part(&operation, "the export", name)?
        );
        let url = self.url(&scope_path(&operation, scope)?, &tail, API_VERSION);
        let mut request = Request::start(operation, url);
        if let Some(time_period) = period {
            request = request.with_json(&Run { time_period });
        }
        self.tell(&request).await
    }

    /// The runs of an export that Azure still knows.
    pub fn export_runs(
        &self,
        scope: &Scope,
        name: &str,
    ) -> impl Stream<Item = Result<ExportRun, Error>> + Send + use<> {
        let operation = format!("read runs of export `{name}` of {scope}");
        let tail = crate::client::part(&operation, "the export", name)
            .map(|name| format!("{TAIL}/{name}/runHistory"));
        let path = scope_path(&operation, scope);
        lazily(path.and_then(|path| Ok((path, tail?))).map(|(path, tail)| {
            let request = Request::get(operation, self.url(&path, &tail, API_VERSION));
            items(self.transport.clone(), request, |item| {
                read_run(&Fields::of(item)?)
            })
        }))
    }
}
