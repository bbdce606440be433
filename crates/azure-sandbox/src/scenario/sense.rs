//! What no single key of a scenario file tells: whether they make sense together.

use std::fmt::Display;
use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use toml::Spanned;

use super::ScenarioError;
use super::file::{Day, File, Reservation, Subscription};
use crate::world::Agreement;

/// Series of virtual machines; a size is a series, a number of processors and what is special.
const SERIES: [&str; 15] = [
    "A", "B", "D", "DC", "E", "EC", "F", "FX", "H", "HB", "HC", "L", "M", "NC", "NV",
];

/// Refuses what would count nothing, or would count something else than it seems to say.
pub(super) fn check(file: &File, text: &str) -> Result<(), ScenarioError> {
    let checks = Checks { text };
    let today = file.today.0;
    if let Some(first) = &file.first_day {
        checks.order("first_day", first, "today", today, |first, today| {
            first <= today
        })?;
    }
    let year_ago = today.saturating_sub(1.year()).first_of_month();
    let first_day = file.first_day.as_ref();
    let first_day = first_day.map_or(year_ago, |day| day.get_ref().0);
    if let Some(tenant) = &file.tenant {
        checks.guid("tenant", tenant)?;
    }
    checks.each_once(
        "subscription.name",
        file.subscription.iter().map(|each| &each.name),
    )?;
    checks.each_once(
        "subscription.id",
        file.subscription.iter().filter_map(|each| each.id.as_ref()),
    )?;
    for subscription in &file.subscription {
        checks.subscription(subscription, first_day)?;
        checks.currency(subscription, file)?;
    }
    checks.each_once(
        "reservation.name",
        file.reservation.iter().map(|each| &each.name),
    )?;
    for reservation in &file.reservation {
        checks.reservation(reservation)?;
    }
    for each in &file.marketplace {
        checks.life("marketplace", each.launched, each.stopped.as_ref())?;
    }
    for each in &file.refund {
        let key = "refund.day";
        checks.order(key, &each.day, "first_day", first_day, |day, first| {
            day >= first
        })?;
    }
    for each in &file.restatement {
        let (last, first) = (&each.last, each.first.0);
        let after = |day, other| day >= other;
        checks.order("restatement.last", last, "restatement.first", first, after)?;
        // A cost is corrected once it is known.
        let last = last.get_ref().0;
        checks.order(
            "restatement.seen",
            &each.seen,
            "restatement.last",
            last,
            |seen, last| seen > last,
        )?;
    }
    for each in &file.lot {
        let (key, start) = ("lot.expiration", each.start.0);
        checks.order(key, &each.expiration, "lot.start", start, |end, start| {
            end >= start
        })?;
    }
    Ok(())
}

struct Checks<'t> {
    text: &'t str,
}

impl Checks<'_> {
    fn wrong(&self, at: Range<usize>, message: impl Display) -> ScenarioError {
        ScenarioError::at(self.text, at, message)
    }

    /// Refuses a day that does not stand in the right order to another one.
    fn order(
        &self,
        key: &str,
        day: &Spanned<Day>,
        other_key: &str,
        other: Date,
        is_right: impl Fn(Date, Date) -> bool,
    ) -> Result<(), ScenarioError> {
        let date = day.get_ref().0;
        if is_right(date, other) {
            return Ok(());
        }
        // What it must not be tells what it has to be.
        let right = match (is_right(other, other), date < other) {
            (true, true) => "the same day or later",
            (true, false) => "the same day or before",
            (false, _) => "a later day",
        };
        let relation = match date.cmp(&other) {
            std::cmp::Ordering::Less => "before",
            std::cmp::Ordering::Equal => "the same day as",
            std::cmp::Ordering::Greater => "after",
        };
        let message =
            format!("{key} = {date} is {relation} {other_key} = {other}; it has to be {right}");
        Err(self.wrong(day.span(), message))
    }

    fn life(
        &self,
        table: &str,
        launched: Option<Day>,
        stopped: Option<&Spanned<Day>>,
    ) -> Result<(), ScenarioError> {
        let (Some(launched), Some(stopped)) = (launched, stopped) else {
            return Ok(());
        };
        self.order(
            &format!("{table}.stopped"),
            stopped,
            &format!("{table}.launched"),
            launched.0,
            |stopped, launched| stopped > launched,
        )
    }

    fn each_once<'s>(
        &self,
        key: &str,
        names: impl Iterator<Item = &'s Spanned<String>>,
    ) -> Result<(), ScenarioError> {
        let mut seen: Vec<&str> = Vec::new();
        for name in names {
            let text = name.get_ref();
            let problem = if text.trim().is_empty() {
                "is empty; each needs its own"
            } else if seen.iter().any(|known| known.eq_ignore_ascii_case(text)) {
                "is there twice; each needs its own"
            } else {
                seen.push(text);
                continue;
            };
            return Err(self.wrong(name.span(), format!("{key} = \"{text}\" {problem}")));
        }
        Ok(())
    }

    fn guid(&self, key: &str, value: &Spanned<String>) -> Result<(), ScenarioError> {
        let text = value.get_ref();
        let mut lengths = text.split('-').map(str::len);
        let has_shape = [8, 4, 4, 4, 12]
            .iter()
            .all(|length| lengths.next() == Some(*length));
        let is_hex = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        if has_shape && is_hex && lengths.next().is_none() {
            return Ok(());
        }
        let message = format!(
            "{key} = \"{text}\" is no GUID; one is 8, 4, 4, 4 and 12 hexadecimal digits with \
             hyphens between"
        );
        Err(self.wrong(value.span(), message))
    }

    fn subscription(&self, each: &Subscription, first_day: Date) -> Result<(), ScenarioError> {
        if let Some(id) = &each.id {
            self.guid("subscription.id", id)?;
        }
        if let Some(until) = &each.until {
            let key = "subscription.until";
            self.order(key, until, "first_day", first_day, |until, first| {
                until >= first
            })?;
        }
        if let (Some(resources), None) = (&each.resources, &each.monthly) {
            let message = format!(
                "subscription.resources = {} is without monthly, whose resources it counts; a \
                 charge has resources of its own",
                resources.get_ref().0
            );
            return Err(self.wrong(resources.span(), message));
        }
        self.life("subscription", each.launched, each.stopped.as_ref())?;
        self.each_once(
            "subscription.group.name",
            each.group.iter().map(|group| &group.name),
        )?;
        for charge in each.group.iter().flat_map(|group| &group.charge) {
            let table = "subscription.group.charge";
            self.life(table, charge.launched, charge.stopped.as_ref())?;
        }
        Ok(())
    }

    /// Rows have the currency of the invoice that they are on, or they would not add up to it.
    fn currency(&self, each: &Subscription, file: &File) -> Result<(), ScenarioError> {
        let agreement = Agreement::from(file.agreement);
        let (Some(currency), false) = (&each.currency, agreement == Agreement::PayAsYouGo) else {
            return Ok(());
        };
        let own = &currency.get_ref().0;
        let account = file.currency.as_ref().map_or("EUR", |each| &*each.0);
        if own == account {
            return Ok(());
        }
        let message = format!(
            "subscription.currency = \"{own}\" is not the account's, {account}, which the invoices \
             of agreement = \"{agreement}\" are in; only with pay-as-you-go each subscription has \
             its own"
        );
        Err(self.wrong(currency.span(), message))
    }

    fn reservation(&self, each: &Reservation) -> Result<(), ScenarioError> {
        if let Some(returned) = &each.returned {
            self.order(
                "reservation.returned",
                returned,
                "reservation.purchased",
                each.purchased.0,
                |returned, purchased| returned > purchased,
            )?;
        }
        let sku = each.sku.get_ref();
        if is_size(sku) {
            return Ok(());
        }
        let message = format!(
            "reservation.sku = \"{sku}\" is no size of a virtual machine; sizes are written as \
             Standard_D4s_v5, with one of the series {}",
            SERIES.join(", ")
        );
        Err(self.wrong(each.sku.span(), message))
    }
}

/// Whether this is written as a size is: `Standard_`, series, processors, letters, accelerator,
/// version.
fn is_size(sku: &str) -> bool {
    let Some(size) = sku.strip_prefix("Standard_") else {
        return false;
    };
    let mut parts = size.split('_');
    let first = parts.next().unwrap_or_default();
    let digits = first.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (series, rest) = first.split_at(digits);
    let letters = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    SERIES.contains(&series)
        && letters.chars().all(|c| c.is_ascii_lowercase())
        && parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn sizes_are_told_from_other_words() {
        for size in [
            "Standard_D4s_v5",
            "Standard_B2ms",
            "Standard_E16-8ds_v5",
            "Standard_NC24ads_A100_v4",
        ] {
            assert!(is_size(size), "{size}");
        }
        for word in [
            "",
            "D4s_v5",
            "Standard_",
            "Standard_Q4s_v5",
            "Standard_D4s_",
            "Standard_Ds_v5",
            "standard_D4s_v5",
        ] {
            assert!(!is_size(word), "{word}");
        }
    }

    #[test]
    fn keys_that_contradict_each_other_are_told_with_their_line() {
        let base = "today = 2026-11-18\n[[subscription]]\nname = \"Shop\"\nmonthly = 100\n";
        let reservation = "[[reservation]]\nname = \"r\"\nsubscription = \"Shop\"\nquantity = 1\npurchased = 2026-03-01\n";
        let restated = "[[restatement]]\nfirst = 2026-06-05\npercent = 5\n";
        for (more, line, words) in [
            (
                format!("{restated}last = 2026-06-04\nseen = 2026-06-10"),
                8,
                "restatement.last = 2026-06-04 is before restatement.first = 2026-06-05; it has to be the same day or later",
            ),
            (
                format!("{restated}last = 2026-06-07\nseen = 2026-06-07"),
                9,
                "restatement.seen = 2026-06-07 is the same day as restatement.last = 2026-06-07; it has to be a later day",
            ),
            (
                format!("{reservation}sku = \"Standard_Q4s_v5\""),
                10,
                "reservation.sku = \"Standard_Q4s_v5\" is no size",
            ),
            (
                format!("{reservation}sku = \"Standard_D4s_v5\"\nreturned = 2026-02-01"),
                11,
                "reservation.returned = 2026-02-01 is before reservation.purchased = 2026-03-01",
            ),
            (
                "launched = 2026-06-01\nstopped = 2026-05-01".to_owned(),
                6,
                "subscription.stopped = 2026-05-01 is before subscription.launched = 2026-06-01; it has to be a later day",
            ),
            (
                "until = 2024-01-01".to_owned(),
                5,
                "subscription.until = 2024-01-01 is before first_day = 2025-11-01",
            ),
            ("id = \"shop\"".to_owned(), 5, "subscription.id = \"shop\" is no GUID"),
            (
                "currency = \"USD\"".to_owned(),
                5,
                "subscription.currency = \"USD\" is not the account's, EUR",
            ),
            (
                "[[subscription]]\nname = \"SHOP\"\nmonthly = 1".to_owned(),
                6,
                "subscription.name = \"SHOP\" is there twice",
            ),
            (
                "[[subscription.group]]\nname = \"a\"\n[[subscription.group]]\nname = \"A\"".to_owned(),
                8,
                "subscription.group.name = \"A\" is there twice",
            ),
            (
                "[[subscription]]\nname = \" \"\nmonthly = 1".to_owned(),
                6,
                "is empty",
            ),
            (
                "[[subscription]]\nname = \"B\"\nresources = 3".to_owned(),
                7,
                "subscription.resources = 3 is without monthly",
            ),
            (
                "[[refund]]\nsubscription = \"Shop\"\namount = 1\nday = 2025-10-31".to_owned(),
                8,
                "refund.day = 2025-10-31 is before first_day = 2025-11-01",
            ),
            (
                "[[lot]]\nsource = \"purchased\"\namount = 1\nstart = 2026-05-01\nexpiration = 2026-04-30".to_owned(),
                9,
                "lot.expiration = 2026-04-30 is before lot.start = 2026-05-01",
            ),
            (
                "[[faults]]\nwhat = \"cut_off\"\noperation = \"Query_Usages\"".to_owned(),
                7,
                "the nearest are `Query_Usage`",
            ),
            (
                "[[faults]]\nwhat = { html = { status = 600 } }".to_owned(),
                6,
                "status = 600",
            ),
            (
                "[[faults]]\nwhat = { throttled = { \"Retry After\" = 3 } }".to_owned(),
                6,
                "`Retry After` is no name of a header",
            ),
        ] {
            let error = Scenario::parse(&format!("{base}{more}\n")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(words), "{more}: {error}");
            assert!(error.contains(&format!("line {line}")), "{more}: {error}");
        }
        let late = Scenario::parse("today = 2026-11-18\nfirst_day = 2026-12-01").unwrap_err();
        assert_eq!(
            late.to_string(),
            "line 2: first_day = 2026-12-01 is after today = 2026-11-18; it has to be the same day or before"
        );
    }
}
