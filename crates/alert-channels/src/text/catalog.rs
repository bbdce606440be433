//! The sentences of one language.
//!
//! Each language implements [`Catalog`], so a sentence that is missing in one of them does not compile.
//! The pieces that are handed in are finished: names are clean, amounts and days are written in the
//! language's own way. What is said when, and in which order, is decided elsewhere.

use budget_engine::{AnomalyKind, Aspect, Change, Side, When};
use jiff::civil::Date;

use super::language::Style;
use super::{Tone, label::Label};
use crate::notice::{Because, FollowUp, LinkKind, Standing};

/// What happened to the threshold of a crossing, in finished pieces.
pub(super) struct Told<'a> {
    /// Name of the budget.
    pub(super) name: &'a str,
    /// The period.
    pub(super) period: &'a str,
    /// The condition of the threshold.
    pub(super) when: &'a str,
    /// Last day with data.
    pub(super) data_to: &'a str,
}

/// An event of unusual cost.
pub(super) struct Unusual<'a> {
    pub(super) kind: AnomalyKind,
    pub(super) side: Side,
    /// [`Catalog::span`] of its days.
    pub(super) span: &'a str,
    /// What it cost more than expected, or less; without a sign.
    pub(super) impact: &'a str,
    /// The same without digits after the point.
    pub(super) whole: &'a str,
    pub(super) cost: &'a str,
    pub(super) expected: &'a str,
}

/// The days of an event.
pub(super) enum Days<'a> {
    /// One, so far.
    One(&'a str),
    /// From this day on; it goes on.
    Since(&'a str),
    /// From one day to the other.
    FromTo(&'a str, &'a str),
}

/// Spend against what was planned by now.
pub(super) struct Paced<'a> {
    pub(super) spent: &'a str,
    pub(super) expected: &'a str,
    pub(super) percent: &'a str,
}

/// How likely a level is reached.
pub(super) struct Likely<'a> {
    pub(super) level: &'a str,
    /// [`Catalog::likelihood`] of the chance.
    pub(super) chance: &'a str,
    /// From which chance on it is told.
    pub(super) required: &'a str,
}

/// Where in the forecast a period ends.
pub(super) struct Expected<'a> {
    pub(super) mean: &'a str,
    pub(super) low: &'a str,
    pub(super) high: &'a str,
}

/// Why there is no forecast.
pub(super) enum NoForecast<'a> {
    /// The data are stale.
    Stale,
    /// The period is over.
    Over,
    /// In the words of the forecaster, which are English: too little history, unusable costs.
    Other(&'a str),
}

/// How much of a percentage is certain.
pub(super) enum Bound {
    Over,
    Under,
    Near,
}

/// One thing to do.
pub(super) struct Ask<'a> {
    /// Whom to ask; nobody is known otherwise.
    pub(super) owner: Option<&'a str>,
    /// What to ask about.
    pub(super) about: Option<About<'a>>,
}

/// What cost more.
pub(super) struct About<'a> {
    pub(super) service: &'a str,
    pub(super) by: &'a str,
    /// Whether it cost nothing before.
    pub(super) is_new: bool,
}

/// A budget of a digest.
pub(super) struct DigestLine<'a> {
    pub(super) name: &'a str,
    pub(super) percent: &'a str,
    /// An arrow and the expected percentage, after a space; empty without a forecast.
    pub(super) forecast: &'a str,
    pub(super) planned: &'a str,
    pub(super) period: &'a str,
    pub(super) standing: Standing,
}

/// When a notice comes again.
pub(super) enum Again<'a> {
    /// If the threshold is crossed once more.
    OnCrossing,
    /// It only changes what is shown of an alert.
    OnEveryChange,
    /// Until somebody acknowledges it.
    UntilAcknowledged,
    /// Not at all.
    Once,
    /// While nobody acknowledges it, and if data stop once more.
    OnStop(FollowUp),
    /// While nobody acknowledges it, when it is over, and at the next event.
    OncePerEvent(FollowUp),
    /// While nobody acknowledges it, at the next step, and in the next period, which begins on this day.
    AtNextStep(FollowUp, &'a str),
    /// While nobody acknowledges it, at a higher threshold, and in the next period, which begins on this
    /// day.
    AtHigherThreshold(FollowUp, &'a str),
}

/// What a change of a driver was.
#[derive(Clone, Copy)]
pub(super) enum Moved {
    New,
    Stopped,
    Rose,
    Fell,
    Unchanged,
}

/// What the chart shows.
pub(super) struct Charted<'a> {
    pub(super) name: &'a str,
    pub(super) period: &'a str,
    pub(super) spent: &'a str,
    pub(super) data_to: &'a str,
    pub(super) planned: &'a str,
    /// Expected end and range, if there is a forecast.
    pub(super) expected: Option<Expected<'a>>,
}

/// The sentences of one language.
pub(super) trait Catalog: Sync {
    /// How numbers and dates are written.
    fn style(&self) -> &'static Style;

    // Words.
    fn tone(&self, tone: Tone) -> &'static str;
    fn label(&self, label: Label) -> &'static str;
    fn link(&self, link: LinkKind) -> &'static str;
    fn moved(&self, moved: Moved) -> &'static str;
    fn everything_else(&self) -> &'static str;
    /// What a rise holds that was expected, and is no part of what is unusual.
    fn was_expected(&self) -> &'static str;
    fn no_name(&self) -> &'static str;
    /// What ends a list: ` and 3 more`.
    fn more(&self, count: usize) -> String;
    fn days(&self, count: u32) -> String;
    fn month(&self, year: i16, month: i8) -> String;
    fn quarter(&self, year: i16, quarter: i8) -> String;
    fn range(&self, first: Date, last: Date) -> String;
    fn bound(&self, bound: Bound, percent: &str) -> String;
    fn condition(&self, when: &When) -> String;
    fn span(&self, days: &Days<'_>) -> String;

    // Messages without a budget.
    fn bundle_subject(&self, count: usize) -> String;
    fn bundle_headline(&self, count: usize, allowance: u32, hours: u32) -> String;
    fn bundle_again(&self) -> &'static str;
    fn probe_subject(&self, from: &str) -> String;
    fn probe_headline(&self, from: &str) -> String;
    fn probe_why(&self) -> &'static str;

    // The digest.
    fn digest_subject(&self, day: &str) -> String;
    fn digest_headline(&self, count: usize) -> String;
    fn digest_row(&self, row: &DigestLine<'_>) -> String;
    /// Follows a row.
    fn digest_poor(&self) -> &'static str;
    fn digest_unevaluated(&self, name: &str, why: &str) -> String;
    fn digest_more(&self, count: u32) -> String;
    fn digest_moved(&self, service: &str, name: &str, change: &str, has_stopped: bool) -> String;
    /// An event, and whether it goes on.
    fn digest_unusual(&self, name: &str, unusual: &Unusual<'_>, is_open: bool) -> String;
    fn digest_more_unusual(&self, count: u32) -> String;
    /// That there was none, in so many budgets on so many days of each together.
    fn digest_nothing_unusual(&self, budgets: u32, days: &str) -> String;
    fn digest_fine(&self, count: u32) -> String;
    fn digest_again(&self) -> &'static str;

    // Remarks.
    fn maybe_duplicate(&self) -> &'static str;
    fn instead_of(&self, destination: &str) -> String;
    fn carried(&self, told: &Told<'_>, change: Change, at: &str, percent: &str) -> String;
    fn corrects(&self, when: &str) -> String;
    fn ends(&self, when: &str) -> String;
    fn reminder(&self, since: &str, hours: u32) -> String;
    fn escalation(&self, since: &str, hours: u32) -> String;
    fn known_by(&self, by: &str, note: &str) -> String;
    fn period_over(&self, end: &str) -> String;
    fn configured_anew(&self) -> &'static str;
    fn stale_figures(&self, days: &str) -> String;
    fn forecast_held(&self) -> &'static str;
    fn also_crossed(&self, list: &str) -> String;
    fn same_for(&self, list: &str) -> String;
    fn parts(&self, list: &str) -> String;
    fn events(&self, list: &str) -> String;
    /// What made up an event by something else than services.
    fn made_up_by(&self, by: &Aspect, list: &str) -> String;
    fn not_judged_after(&self, day: &str) -> String;

    // Subjects without their prefix, and headlines.
    fn subject_of(&self, change: Change, subject: &str) -> String;
    fn used_subject(&self, told: &Told<'_>, percent: &str, planned: &str) -> String;
    fn used(&self, told: &Told<'_>, spent: &str, planned: &str, percent: &str) -> String;
    fn heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String;
    fn heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String;
    fn ahead_subject(&self, told: &Told<'_>, percent: &str) -> String;
    fn ahead(&self, told: &Told<'_>, paced: &Paced<'_>) -> String;
    fn unusual_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String;
    fn unusual(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String;
    fn unusual_over_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String;
    fn unusual_over(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String;
    fn not_unusual_subject(&self, told: &Told<'_>, first: &str) -> String;
    /// `left` is what is left of the event, if anything.
    fn not_unusual(&self, told: &Told<'_>, first: &str, level: &str, left: Option<&str>) -> String;
    fn no_data_subject(&self, told: &Told<'_>) -> String;
    fn no_data(&self, told: &Told<'_>, age: &str, allowed: &str) -> String;
    fn correction_subject(&self, told: &Told<'_>, level: &str) -> String;
    fn restated(&self, told: &Told<'_>, level: &str, spent: &str) -> String;
    fn plan_changed(&self, told: &Told<'_>, level: &str, before: &str, now: &str) -> String;
    fn no_longer_heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String;
    fn no_longer_heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String;
    fn on_plan_subject(&self, told: &Told<'_>) -> String;
    fn on_plan(&self, told: &Told<'_>, paced: &Paced<'_>) -> String;
    fn data_again_subject(&self, told: &Told<'_>) -> String;
    fn data_again(&self, told: &Told<'_>) -> String;
    /// Headlines of what follows a notice of a forecast.
    fn still_heading_subject(&self, told: &Told<'_>, mean: &str, planned: &str) -> String;
    fn still_heading(&self, told: &Told<'_>, mean: &str, planned: &str) -> String;

    // Figures.
    fn of_planned(&self, spent: &str, planned: &str, percent: &str) -> String;
    fn not_known(&self, planned: &str) -> String;
    fn over_by(&self, amount: &str) -> String;
    fn keeps_on_budget(&self, remaining: &str, allowance: &str) -> String;
    fn day_of(&self, period: &str, day: u32, days: u32) -> String;
    fn pace(&self, percent: &str, expected: &str) -> String;
    fn unusual_days(&self, days: &str, unusual: &Unusual<'_>) -> String;
    fn expected(&self, expected: &Expected<'_>) -> String;
    fn chance(&self, chance: &str) -> String;
    fn most_likely_on(&self, day: &str, range: Option<(&str, &str)>) -> String;
    fn reached_on(&self, day: &str) -> String;
    /// After what is expected: on how few settled days that rests, at least 1, and from which budget
    /// their weekdays are, if not their own.
    fn few_days(&self, days: u32, weekdays_of: Option<&str>) -> String;
    /// How far earlier forecasts were off, and in how many periods the range held the total: follows
    /// what is expected.
    fn scored(&self, periods: u32, error: &str, covered: u32) -> String;
    fn no_forecast(&self, why: &NoForecast<'_>) -> String;
    fn up_to(&self, day: &str) -> String;
    fn all_may_change(&self) -> &'static str;
    fn may_change_after(&self, day: &str) -> String;
    fn settled(&self) -> &'static str;
    fn stale(&self, days: &str) -> String;
    fn written(&self, at: &str) -> String;
    fn skipped_rows(&self, rows: u64) -> String;

    // Drivers.
    fn moved_title(&self, total: &str, earlier: &str) -> String;
    fn spent_on_title(&self, total: &str) -> String;
    fn made_up_title(&self, impact: &str) -> String;

    // What to do, and why this came.
    fn check_source(&self) -> &'static str;
    fn ask(&self, ask: &Ask<'_>) -> String;
    /// What to do about an event; `service` made up most of it.
    fn ask_unusual(&self, owner: Option<&str>, service: Option<&str>, command: &str) -> String;
    fn again(&self, again: &Again<'_>) -> String;
    fn because(&self, because: &Because) -> String;
    fn footer(&self, delivery: &str) -> String;

    // The chart.
    fn chart_title(&self) -> &'static str;
    fn chart_alt(&self, charted: &Charted<'_>) -> String;
    fn legend_spent(&self, spent: &str) -> String;
    fn legend_planned(&self, planned: &str) -> String;
    fn legend_forecast(&self, expected: &str) -> String;
    /// Of the bars, each of which stands for so many days.
    fn legend_bars(&self, days: u32) -> String;
}
