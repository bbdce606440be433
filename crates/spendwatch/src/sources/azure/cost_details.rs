//! The cost details report as a month reader: started, waited for, and folded file by file.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use azure_cost::{
    Client, CostDetails as State, CostDetailsPeriod, CostDetailsQuery, CostDetailsReport, Error,
    Pending, Waits,
};
use budget_engine::{CostBasis, FactsBuilder, Projection, Scope, plus_days};
use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::sources::files::remarks;
use crate::sources::months::{Begun, Costs, MonthReader, Save};
use crate::sources::stream::fold_and_report;

/// How long one try waits for a report. Then the read is postponed, and goes on waiting later: a
/// function must end in time, and Azure takes minutes for some reports.
const PATIENCE: Duration = Duration::from_secs(150);

/// Not to be asked all the time, whatever Azure says.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

pub(super) struct CostDetails<'a> {
    pub(super) client: &'a Client,
    pub(super) scope: &'a Scope,
    pub(super) basis: CostBasis,
    pub(super) projection: &'a Projection,
    pub(super) waits: Waits,
}

/// Where a read stopped: the report, and the first file of it that is not in the sums.
#[derive(Serialize, Deserialize)]
struct Place {
    report: Pending,
    next_file: usize,
}

#[async_trait]
impl MonthReader for CostDetails<'_> {
    fn identity(&self) -> String {
        format!("cost details of {}", self.scope)
    }

    async fn read(
        &self,
        days: Range<Date>,
        begun: Option<Begun>,
        save: &Save<'_>,
    ) -> anyhow::Result<Costs> {
        let as_of = Timestamp::now();
        let mut facts = FactsBuilder::new(self.projection.clone());
        let (mut next_file, mut notes) = (0, Vec::new());
        let (state, mut place) = match begun {
            Some(begun) => {
                let place: Place = serde_json::from_value(begun.rest)?;
                facts.absorb(&begun.costs.facts)?;
                (next_file, notes) = (place.next_file, begun.costs.notes);
                let state = self
                    .client
                    .cost_details_again(self.scope, &place.report)
                    .await?;
                (state, Some(place.report))
            }
            None => {
                let query = CostDetailsQuery {
                    metric: self.basis,
                    period: CostDetailsPeriod::Days(days.start, plus_days(days.end, -1)),
                };
                let state = self.client.start_cost_details(self.scope, &query).await?;
                (state, None)
            }
        };
        let mut report = self
            .wait(state, &mut place, (&facts, &notes), next_file, save)
            .await?;
        let mut links_renewed = false;
        while let Some(file) = report.files.get(next_file) {
            let mut options = cost_data::Options::new(self.basis);
            options.read_at = Some(self.scope.clone());
            let mut came = 0;
            let bytes = self.client.download(&file.link);
            let bytes = bytes.inspect_ok(|piece| came += piece.len() as u64);
            let folded = fold_and_report(bytes, options, self.projection.clone()).await;
            let of_file = match folded {
                Ok((folded, rows)) => {
                    if let Some(announced) = report.bytes_to_come(file) {
                        // What ends early at the end of a line is a smaller bill.
                        ensure!(
                            came == announced,
                            "file {} of the report has {came} of {announced} bytes",
                            next_file + 1
                        );
                    }
                    let name = format!("cost details of {}, {}", self.scope, days.start);
                    notes.extend(remarks(&name, &rows));
                    folded
                }
                Err(error) => {
                    let is_expired =
                        matches!(error.downcast_ref(), Some(Error::LinkExpired { .. }));
                    let Some(pending) = place.clone().filter(|_| is_expired && !links_renewed)
                    else {
                        return Err(error.context(format!("file {} of the report", next_file + 1)));
                    };
                    links_renewed = true;
                    let state = self.client.cost_details_again(self.scope, &pending).await?;
                    report = self
                        .wait(state, &mut place, (&facts, &notes), next_file, save)
                        .await?;
                    continue;
                }
            };
            facts.absorb(&of_file.only(&days))?;
            next_file += 1;
            if let Some(report) = &place {
                let place = Place {
                    report: report.clone(),
                    next_file,
                };
                save.keep(&facts, &notes, &place).await;
            }
        }
        let facts = facts.finish(as_of);
        Ok(Costs {
            notes,
            ..facts.into()
        })
    }
}

impl CostDetails<'_> {
    /// Waits for the report, and keeps where to ask for it.
    async fn wait(
        &self,
        mut state: State,
        place: &mut Option<Pending>,
        (facts, notes): (&FactsBuilder, &[String]),
        next_file: usize,
        save: &Save<'_>,
    ) -> anyhow::Result<CostDetailsReport> {
        let end = self.waits.end(Instant::now() + PATIENCE);
        loop {
            let pending = match state {
                State::Ready(report) => return Ok(report),
                State::Pending(pending) => pending,
            };
            *place = Some(pending.clone());
            let kept = Place {
                report: pending.clone(),
                next_file,
            };
            save.keep(facts, notes, &kept).await;
            let wait = pending.ask_at.duration_since(Timestamp::now());
            let wait = Duration::try_from(wait).unwrap_or_default();
            let again = Instant::now() + wait.max(SHORTEST_WAIT);
            if again > end {
                return Err(Error::NotReady {
                    operation: self.identity(),
                    pending: Box::new(pending),
                })
                .context("the report is still being prepared");
            }
            let reason = "Azure is preparing the report";
            self.waits.wait(&self.identity(), again, reason).await;
            state = self.client.cost_details_again(self.scope, &pending).await?;
        }
    }
}
