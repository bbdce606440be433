//! Long reads, month by month: what was read is kept, so that a restart goes on where it stopped,
//! and months that no longer change are not asked for again.
//!
//! A kept month holds its sums and, while it is unfinished, the place where its rest begins. Both
//! are one document, written at once, which is why no row counts twice.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use budget_engine::{CostBasis, CostFacts, FactsBuilder, Projection, plus_days};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use state_store::{Documents, json};

use crate::clock::day_of;

/// A month that was over for this long when it was read is settled: Azure closes a billing period
/// up to three days after its end and corrects it until the fifth day.
const SETTLED_AFTER_DAYS: i32 = 10;

/// A settled month is read again after this time, because late credits and refunds do occur.
const REUSE_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An unfinished read is taken up within this time; later its pages are another answer.
const RESUME_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// For so long a month may have no rows because Azure is late with them.
const FIRST_ROWS_AFTER_DAYS: i32 = 3;

/// Changes when what is kept of a month changes its meaning: older ones are read anew then.
const FORMAT: &[u8] = b"months 2\0";

/// Where kept months live in the store.
pub(crate) const READS: &str = "reads/";

/// The kept months of one read. Cheap to clone.
#[derive(Clone)]
pub struct KeptMonths {
    documents: Arc<dyn Documents>,
    prefix: String,
    origin: String,
}

impl KeptMonths {
    /// The kept months of the read with this key, from a source that these words describe: what
    /// another one gave is not used.
    pub fn new(documents: Arc<dyn Documents>, read: &str, origin: &str) -> KeptMonths {
        KeptMonths {
            documents,
            prefix: format!("{READS}{read}/"),
            origin: origin.to_owned(),
        }
    }

    /// What is kept under a key; nothing if it cannot be read, for then it is read from Azure.
    async fn get(&self, key: &str) -> Option<Month> {
        match json::get(&*self.documents, key).await {
            Ok(stored) => stored.map(|(month, _)| month),
            Err(error) => {
                tracing::warn!(key, %error, "a kept month cannot be read");
                None
            }
        }
    }

    /// Keeps a month. Without it the next read takes longer, so a failure is only logged.
    async fn put(&self, key: &str, month: &Month) {
        let written = json::update::<Month, state_store::Error>(&*self.documents, key, |_| {
            Ok(Some(month.clone()))
        });
        if let Err(error) = written.await {
            tracing::warn!(key, %error, "a month cannot be kept");
        }
    }

    async fn remove(&self, key: &str) {
        let removed = async {
            if let Some(document) = self.documents.get(key).await? {
                self.documents.delete(key, &document.version).await?;
            }
            Ok::<_, state_store::Error>(())
        };
        if let Err(error) = removed.await {
            tracing::debug!(key, %error, "a kept month cannot be removed");
        }
    }

    /// Removes what is kept and was not used.
    async fn keep_only(&self, used: &[String]) {
        match self.documents.list(&self.prefix).await {
            Ok(keys) => {
                for key in keys.iter().filter(|key| !used.contains(key)) {
                    self.remove(key).await;
                }
            }
            Err(error) => tracing::debug!(%error, "kept months cannot be listed"),
        }
    }
}

/// Removes what is kept for reads that are not configured any more.
pub(crate) async fn forget_reads_except(
    documents: &Arc<dyn Documents>,
    reads: &[String],
) -> anyhow::Result<()> {
    let keys = documents.list(READS).await.context("list kept months")?;
    for key in keys {
        let read = key[READS.len()..].split('/').next().unwrap_or_default();
        if !reads.iter().any(|known| known == read) {
            KeptMonths::new(Arc::clone(documents), read, "")
                .remove(&key)
                .await;
        }
    }
    Ok(())
}

/// A month as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Month {
    /// When it was read.
    at: Timestamp,
    /// Its first day.
    from: Date,
    /// The day after its last one.
    to: Date,
    /// Where the rest begins; absent when it is whole.
    rest: Option<Value>,
    costs: Costs,
}

/// What was read of a month.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Costs {
    /// The sums.
    pub(crate) facts: CostFacts,
    /// What people should know about them.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// Whether there are only charges from beside the rows that were asked for. Such a month is not
    /// kept as a whole one.
    #[serde(skip)]
    pub(crate) lacks_usage: bool,
}

impl Costs {
    /// Whether Azure had rows of these days. An answer without any is not told from costs of zero.
    fn has_rows(&self) -> bool {
        !self.facts.series().is_empty() && !self.lacks_usage
    }
}

impl From<CostFacts> for Costs {
    fn from(facts: CostFacts) -> Costs {
        Costs {
            facts,
            notes: Vec::new(),
            lacks_usage: false,
        }
    }
}

/// What was read of a month before the process stopped.
pub(crate) struct Begun {
    /// What there is so far.
    pub(crate) costs: Costs,
    /// Where the rest begins, in the reader's own words.
    pub(crate) rest: Value,
}

/// One way to read the days of one scope.
#[async_trait]
pub(crate) trait MonthReader: Send + Sync {
    /// Names way and scope. Kept months are only used for the same words.
    fn identity(&self) -> String;

    /// Reads some days, at most a month, going on after `begun` if it can.
    async fn read(
        &self,
        days: Range<Date>,
        begun: Option<Begun>,
        save: &Save<'_>,
    ) -> anyhow::Result<Costs>;
}

/// Keeps what was read of a month so far.
pub(crate) struct Save<'a> {
    kept: Option<&'a KeptMonths>,
    key: &'a str,
    days: &'a Range<Date>,
    at: Timestamp,
}

impl Save<'_> {
    /// Keeps the sums and notes so far and where the rest begins.
    pub(crate) async fn keep(&self, facts: &FactsBuilder, notes: &[String], rest: &impl Serialize) {
        let Some(kept) = self.kept else { return };
        let Ok(rest) = serde_json::to_value(rest) else {
            return;
        };
        let month = Month {
            at: self.at,
            from: self.days.start,
            to: self.days.end,
            rest: Some(rest),
            costs: Costs {
                facts: facts.clone().finish(self.at),
                notes: notes.to_vec(),
                lacks_usage: false,
            },
        };
        kept.put(self.key, &month).await;
    }
}

/// What a read of several months has in common.
pub(crate) struct Reading<'a> {
    pub(crate) kept: Option<&'a KeptMonths>,
    pub(crate) basis: CostBasis,
    /// From the first day until before the second one.
    pub(crate) days: Range<Date>,
    pub(crate) now: Timestamp,
    /// Keys that were used, to tell them from those that can go.
    pub(crate) used: Vec<String>,
    /// What people should know about the costs, as it is found.
    pub(crate) notes: Vec<String>,
}

impl Reading<'_> {
    /// Reads the days month by month into `facts`.
    pub(crate) async fn read(
        &mut self,
        reader: &dyn MonthReader,
        facts: &mut FactsBuilder,
    ) -> anyhow::Result<()> {
        let words = reader.identity();
        let mut had_rows = false;
        for month in months(&self.days) {
            let key = self.key(&words, facts.projection(), &month);
            let read = self.month(reader, &key, month.clone()).await;
            let read =
                read.with_context(|| format!("{words}, {} until {}", month.start, month.end))?;
            facts.absorb(&read.facts)?;
            // Before the first rows an estate may not have been there.
            if had_rows && !read.has_rows() && self.is_due(&month) {
                let name = month.start.strftime("%Y-%m");
                let what = if read.lacks_usage {
                    "usage rows"
                } else {
                    "rows"
                };
                let note = format!("{words}: Azure answers, but has no {what} for {name}");
                self.notes.push(note);
            }
            had_rows |= read.has_rows();
            self.notes.extend(read.notes);
            self.used.extend(key);
        }
        Ok(())
    }

    /// Whether some days have begun long enough ago that Azure has rows of them.
    fn is_due(&self, days: &Range<Date>) -> bool {
        plus_days(days.start, FIRST_ROWS_AFTER_DAYS) <= day_of(self.now)
    }

    /// Removes kept months that this read had no use for.
    pub(crate) async fn tidy(&self) {
        if let Some(kept) = self.kept {
            kept.keep_only(&self.used).await;
        }
    }

    async fn month(
        &self,
        reader: &dyn MonthReader,
        key: &Option<String>,
        days: Range<Date>,
    ) -> anyhow::Result<Costs> {
        let (Some(kept), Some(key)) = (self.kept, key) else {
            let save = Save {
                kept: None,
                key: "",
                days: &days,
                at: self.now,
            };
            return reader.read(days.clone(), None, &save).await;
        };
        let mut begun = None;
        if let Some(month) = kept.get(key).await
            && (month.from, month.to) == (days.start, days.end)
        {
            let age = self.now.duration_since(month.at);
            match month.rest {
                // Earlier versions kept months without rows, too.
                None if is_settled(&days, month.at)
                    && age < REUSE_FOR
                    && month.costs.has_rows() =>
                {
                    return Ok(month.costs);
                }
                Some(rest) if age < RESUME_WITHIN => {
                    let costs = month.costs;
                    begun = Some(Begun { costs, rest });
                }
                _ => {}
            }
        }
        let was_begun = begun.is_some();
        let save = Save {
            kept: Some(kept),
            key,
            days: &days,
            at: self.now,
        };
        let costs = match reader.read(days.clone(), begun, &save).await {
            Ok(costs) => costs,
            // A kept place may have run out. A throttled or unfinished read has not: it goes on
            // there next time.
            Err(error) if was_begun && !is_to_be_continued(&error) => {
                tracing::info!(
                    key,
                    error = format!("{error:#}"),
                    "read again from its beginning"
                );
                reader.read(days.clone(), None, &save).await?
            }
            Err(error) => return Err(error),
        };
        // One empty answer beside full ones may be a mistake, which must not last.
        if is_settled(&days, self.now) && costs.has_rows() {
            let month = Month {
                at: self.now,
                from: days.start,
                to: days.end,
                rest: None,
                costs: costs.clone(),
            };
            kept.put(key, &month).await;
        } else {
            kept.remove(key).await;
        }
        Ok(costs)
    }

    fn key(&self, words: &str, projection: &Projection, month: &Range<Date>) -> Option<String> {
        let kept = self.kept?;
        let mut hash = Sha256::new();
        hash.update(FORMAT);
        hash.update(kept.origin.as_bytes());
        hash.update([0]);
        hash.update(words.as_bytes());
        hash.update(format!("\0{}\0", self.basis));
        hash.update(serde_json::to_vec(projection).unwrap_or_default());
        let digest = hash.finalize();
        let digest: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let month = month.start.strftime("%Y-%m");
        Some(format!("{}{digest}-{month}", kept.prefix))
    }
}

/// Whether an error says to come back later, with nothing lost.
fn is_to_be_continued(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(
                azure_cost::Error::Throttled { .. }
                    | azure_cost::Error::NotReady { .. }
                    | azure_cost::Error::Unavailable { .. }
            )
        )
    })
}

fn is_settled(days: &Range<Date>, read_at: Timestamp) -> bool {
    plus_days(days.end, SETTLED_AFTER_DAYS) <= day_of(read_at)
}

/// The calendar months of some days; the first and the last may be parts.
fn months(days: &Range<Date>) -> Vec<Range<Date>> {
    let mut months = Vec::new();
    let mut start = days.start;
    while start < days.end {
        let next = start.first_of_month().checked_add(1.month());
        let end = next.map_or(days.end, |next| next.min(days.end));
        months.push(start..end);
        start = end;
    }
    months
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use budget_engine::{ChargeCategory, Place, Scope, SeriesKey};
    use jiff::civil::date;
    use rust_decimal::Decimal;
    use state_store::Memory;

    use super::*;

    /// Costs 1 a day, in "pages" of ten days. Fails after a number of pages, if told so.
    #[derive(Default)]
    struct Paged {
        /// First days of the pages that were read.
        pages: Mutex<Vec<Date>>,
        fails_after: Mutex<Option<(usize, bool)>>,
    }

    impl Paged {
        fn failing(pages: usize, for_good: bool) -> Paged {
            Paged {
                fails_after: Mutex::new(Some((pages, for_good))),
                ..Paged::default()
            }
        }

        fn read_pages(&self) -> Vec<Date> {
            std::mem::take(&mut self.pages.lock().unwrap())
        }
    }

    #[async_trait]
    impl MonthReader for Paged {
        fn identity(&self) -> String {
            "a test".to_owned()
        }

        async fn read(
            &self,
            days: Range<Date>,
            begun: Option<Begun>,
            save: &Save<'_>,
        ) -> anyhow::Result<Costs> {
            let mut facts = FactsBuilder::new(Projection::default());
            let (mut day, mut notes) = (days.start, Vec::new());
            if let Some(begun) = begun {
                day = serde_json::from_value(begun.rest)?;
                facts.absorb(&begun.costs.facts)?;
                notes = begun.costs.notes;
            }
            let series = facts.series(SeriesKey {
                place: Arc::new(Place {
                    resource: Some(Scope::subscription("s").unwrap()),
                    ..Place::default()
                }),
                currency: "EUR".parse().unwrap(),
                category: ChargeCategory::Usage,
                dimensions: Vec::new(),
                tags: Vec::new(),
            });
            while day < days.end {
                {
                    let mut left = self.fails_after.lock().unwrap();
                    if let Some((pages, for_good)) = left.as_mut() {
                        if *pages == 0 {
                            let for_good = *for_good;
                            *left = None;
                            anyhow::ensure!(!for_good, "the place is unknown");
                            return Err(azure_cost::Error::Unavailable {
                                operation: "read".to_owned(),
                                tries: 3,
                                problem: "no connection".to_owned(),
                            }
                            .into());
                        }
                        *pages -= 1;
                    }
                }
                self.pages.lock().unwrap().push(day);
                notes.push(format!("page of {day}"));
                let end = plus_days(day, 10).min(days.end);
                while day < end {
                    facts.add(series, day, Some(Decimal::ONE), None)?;
                    day = plus_days(day, 1);
                }
                save.keep(&facts, &notes, &day).await;
            }
            let facts = facts.finish(Timestamp::UNIX_EPOCH);
            Ok(Costs {
                notes,
                ..facts.into()
            })
        }
    }

    fn kept() -> KeptMonths {
        KeptMonths::new(Arc::new(Memory::new()), "source-0", "")
    }

    /// Reads from 1 October until before 19 November; gives the sum.
    async fn read(reader: &Paged, kept: &KeptMonths, now: &str) -> anyhow::Result<Decimal> {
        let mut reading = Reading {
            kept: Some(kept),
            basis: CostBasis::Actual,
            days: date(2026, 10, 1)..date(2026, 11, 19),
            now: now.parse().unwrap(),
            used: Vec::new(),
            notes: Vec::new(),
        };
        let mut facts = FactsBuilder::new(Projection::default());
        reading.read(reader, &mut facts).await?;
        reading.tidy().await;
        // Whatever was read when, its notes are told each time.
        let starts = ["10-01", "10-11", "10-21", "10-31", "11-01", "11-11"];
        assert_eq!(
            reading.notes,
            starts.map(|day| format!("page of 2026-{day}"))
        );
        let facts = facts.finish(Timestamp::UNIX_EPOCH);
        let days = facts.series().iter().flat_map(|series| &series.days);
        Ok(days.map(|day| day.actual).sum())
    }

    #[test]
    fn days_are_cut_at_the_ends_of_months() {
        let days = date(2026, 11, 20)..date(2027, 1, 2);
        let expected = [
            date(2026, 11, 20)..date(2026, 12, 1),
            date(2026, 12, 1)..date(2027, 1, 1),
            date(2027, 1, 1)..date(2027, 1, 2),
        ];
        assert_eq!(months(&days), expected);
        assert_eq!(months(&(date(2026, 1, 1)..date(2026, 1, 1))), []);
    }

    #[tokio::test]
    async fn a_read_goes_on_where_it_stopped_and_counts_nothing_twice() {
        let kept = kept();
        // Four pages of October and one of November, then the connection is gone.
        let reader = Paged::failing(5, false);
        assert!(read(&reader, &kept, "2026-11-18T06:00:00Z").await.is_err());
        assert_eq!(reader.read_pages().len(), 5);
        let sum = read(&reader, &kept, "2026-11-18T06:20:00Z").await.unwrap();
        assert_eq!(sum, Decimal::from(31 + 18));
        // October is settled; of November only the second page was missing.
        assert_eq!(reader.read_pages(), [date(2026, 11, 11)]);
    }

    #[tokio::test]
    async fn what_stopped_long_ago_or_cannot_go_on_is_read_anew() {
        let kept = kept();
        let reader = Paged::failing(5, false);
        assert!(read(&reader, &kept, "2026-11-18T06:00:00Z").await.is_err());
        reader.read_pages();
        *reader.fails_after.lock().unwrap() = Some((0, true));
        let sum = read(&reader, &kept, "2026-11-18T06:20:00Z").await.unwrap();
        assert_eq!(sum, Decimal::from(49), "the kept place was refused");
        assert_eq!(reader.read_pages(), [date(2026, 11, 1), date(2026, 11, 11)]);

        *reader.fails_after.lock().unwrap() = Some((1, false));
        assert!(read(&reader, &kept, "2026-11-18T10:00:00Z").await.is_err());
        reader.read_pages();
        let sum = read(&reader, &kept, "2026-11-18T11:01:00Z").await.unwrap();
        assert_eq!(sum, Decimal::from(49));
        assert_eq!(reader.read_pages(), [date(2026, 11, 1), date(2026, 11, 11)]);
    }

    #[tokio::test]
    async fn settled_months_are_read_once_a_week_and_open_ones_each_time() {
        let kept = kept();
        let reader = Paged::default();
        let all = [
            date(2026, 10, 1),
            date(2026, 10, 11),
            date(2026, 10, 21),
            date(2026, 10, 31),
            date(2026, 11, 1),
            date(2026, 11, 11),
        ];
        // On 9 November October is not settled yet.
        for (now, expected) in [
            ("2026-11-09T06:00:00Z", &all[..]),
            ("2026-11-11T06:00:00Z", &all[..]),
            ("2026-11-18T05:00:00Z", &all[4..]),
            ("2026-11-18T06:00:00Z", &all[..]),
        ] {
            let sum = read(&reader, &kept, now).await.unwrap();
            assert_eq!(sum, Decimal::from(49));
            assert_eq!(reader.read_pages(), expected, "{now}");
        }
        let keys = kept.documents.list(READS).await.unwrap();
        assert_eq!(keys.len(), 1, "only October is kept: {keys:?}");
        let documents = Arc::clone(&kept.documents);
        forget_reads_except(&documents, &["source-1".to_owned()])
            .await
            .unwrap();
        assert!(documents.list(READS).await.unwrap().is_empty());
    }

    /// Costs 1 in each month, but has no rows of some months, or no usage rows.
    struct Gaps {
        empty: Vec<i8>,
        lacks_usage: bool,
        /// Months that were read.
        read: Mutex<Vec<i8>>,
    }

    impl Gaps {
        /// Reads from August until before 19 November; gives sum, notes and the months read.
        async fn read_all(&self, kept: &KeptMonths, now: &str) -> (Decimal, Vec<String>, Vec<i8>) {
            let mut reading = Reading {
                kept: Some(kept),
                basis: CostBasis::Actual,
                days: date(2026, 8, 1)..date(2026, 11, 19),
                now: now.parse().unwrap(),
                used: Vec::new(),
                notes: Vec::new(),
            };
            let mut facts = FactsBuilder::new(Projection::default());
            reading.read(self, &mut facts).await.unwrap();
            let facts = facts.finish(Timestamp::UNIX_EPOCH);
            let days = facts.series().iter().flat_map(|series| &series.days);
            let months = std::mem::take(&mut *self.read.lock().unwrap());
            (days.map(|day| day.actual).sum(), reading.notes, months)
        }
    }

    #[async_trait]
    impl MonthReader for Gaps {
        fn identity(&self) -> String {
            "a test".to_owned()
        }

        async fn read(
            &self,
            days: Range<Date>,
            _: Option<Begun>,
            _: &Save<'_>,
        ) -> anyhow::Result<Costs> {
            let month = days.start.month();
            self.read.lock().unwrap().push(month);
            let is_empty = self.empty.contains(&month);
            let mut facts = FactsBuilder::new(Projection::default());
            if !is_empty || self.lacks_usage {
                let series = facts.series(SeriesKey {
                    place: Arc::new(Place::default()),
                    currency: "EUR".parse().unwrap(),
                    category: ChargeCategory::Usage,
                    dimensions: Vec::new(),
                    tags: Vec::new(),
                });
                facts.add(series, days.start, Some(Decimal::ONE), None)?;
            }
            let costs = Costs::from(facts.finish(Timestamp::UNIX_EPOCH));
            Ok(Costs {
                lacks_usage: is_empty && self.lacks_usage,
                ..costs
            })
        }
    }

    #[tokio::test]
    async fn a_month_without_rows_is_told_of_and_asked_for_again() {
        for (lacks_usage, sum, what) in [(false, 2, "rows"), (true, 4, "usage rows")] {
            let kept = kept();
            let empty = vec![8, 10];
            let read = Mutex::default();
            let mut gaps = Gaps {
                empty,
                lacks_usage,
                read,
            };
            let note = format!("a test: Azure answers, but has no {what} for 2026-10");
            let found = gaps.read_all(&kept, "2026-11-18T06:00:00Z").await;
            assert_eq!(found, (sum.into(), vec![note], vec![8, 9, 10, 11]));
            gaps.empty.clear();
            let found = gaps.read_all(&kept, "2026-11-18T07:00:00Z").await;
            assert_eq!(found, (4.into(), vec![], vec![8, 10, 11]));
        }
    }

    #[tokio::test]
    async fn a_month_that_has_just_begun_may_have_no_rows_yet() {
        let gaps = Gaps {
            empty: vec![11],
            lacks_usage: false,
            read: Mutex::default(),
        };
        for (now, notes) in [("2026-11-03T23:00:00Z", 0), ("2026-11-04T01:00:00Z", 1)] {
            let found = gaps.read_all(&kept(), now).await;
            assert_eq!((found.0, found.1.len()), (3.into(), notes), "{now}");
        }
    }
}
