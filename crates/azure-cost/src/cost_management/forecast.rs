//! Forecasts by Azure's own model.

use budget_engine::Scope;
use futures::{TryStreamExt, pin_mut};

use super::API_VERSION;
use super::definition::ForecastDefinition;
use super::query::{QueryRow, Rows, read_page};
use crate::client::{Client, scope_path};
use crate::error::{Error, ErrorBody};
use crate::paging::{Page, pages};
use crate::quotas::Meters;
use crate::request::Request;

/// What Azure forecasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// The expected costs, after the costs so far where they were asked for. Today may come twice:
    /// see [`QueryRow::cost_status`].
    Rows(Vec<QueryRow>),
    /// There are no costs, or too few days of them: Azure wants about four weeks.
    NoHistory,
    /// Azure's model cannot be made, for example because there are costs in several currencies;
    /// asking again does not help.
    NotPossible {
        /// Azure's code, mostly `FailedDependency`.
        code: String,
        /// Azure's words.
        message: String,
    },
}

/// What Azure says where its model cannot be made.
const FAILED_DEPENDENCY: u16 = 424;

enum Part {
    Rows(Vec<QueryRow>),
    NotPossible(ErrorBody),
}

impl Client {
    /// Azure's forecast for a scope.
    ///
    /// Azure gives about forty rows, so ask for two or three weeks of days, or for months. It
    /// draws on the same quotas as [`Client::query`].
    pub async fn forecast(
        &self,
        scope: &Scope,
        definition: &ForecastDefinition,
    ) -> Result<Forecast, Error> {
        let operation = format!("forecast costs of {scope}");
        let path = scope_path(&operation, scope)?;
        let tail = "/providers/Microsoft.CostManagement/forecast";
        let url = self.url(&path, tail, API_VERSION);
        let meters = Meters::query(scope.folded(), definition.query.months());
        let request = Request::ask(operation, url, definition)
            .with_meters(meters)
            .accepting(FAILED_DEPENDENCY);
        let dataset = definition.query.dataset.clone();
        let parts = pages(
            self.transport.clone(),
            request,
            None,
            move |answer, page, repeats| {
                if answer.status == FAILED_DEPENDENCY {
                    return Ok(Page {
                        content: Part::NotPossible(ErrorBody::parse(answer.status, &answer.body)),
                        next: None,
                    });
                }
                let rows = read_page(&answer.body, page, &dataset, Rows::Optional, repeats)?;
                let Page { content, next } = rows;
                let content = Part::Rows(content);
                Ok(Page { content, next })
            },
        );
        pin_mut!(parts);
        let mut rows = Vec::new();
        while let Some((part, _)) = parts.try_next().await? {
            match part {
                Part::Rows(more) => rows.extend(more),
                Part::NotPossible(ErrorBody { code, message }) => {
                    return Ok(Forecast::NotPossible { code, message });
                }
            }
        }
        Ok(if rows.is_empty() {
            Forecast::NoHistory
        } else {
            Forecast::Rows(rows)
        })
    }
}
