//! From TOML tables to a [`Config`]: settings here, each kind of table in a module of its own.

mod actions;
mod anomaly_alerts;
mod attention;
mod budgets;
mod channels;
mod described;
mod forecast;
mod hook;
mod links;
mod native;
mod recipients;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use budget_engine::{
    Budget, Budgets, BudgetsError, CostBasis, Currency, FollowUp, TimeGrain, When,
};
use rust_decimal::Decimal;
use toml::de::DeTable;

use self::actions::{ActionsDraft, read_actions};
use self::attention::read_attention;
pub(crate) use self::budgets::default_severity;
use self::budgets::{read_budgets, read_follow_up, read_margin, read_notify, read_owners};
use self::channels::read_channel;
use self::described::check_described;
use self::forecast::read_forecast;
use self::links::read_links;
pub(super) use self::native::ANY_LOCALE;
use self::native::{NativeDraft, read_native};
use self::recipients::read_recipients;
pub use self::sources::AUTH_WORDS;
use self::sources::read_source;
use super::reader::{Page, Place, Problem, Table, Value};
use super::{
    Attention, Channel, Completeness, Config, Delivery, Forecasting, Inherited, Links, Recipient,
    Source,
};

/// The word that stands for a budget's owners in `notify`.
pub(crate) const OWNERS: &str = "owners";

/// What one or several files say, before it is checked as a whole.
#[derive(Default)]
struct Draft {
    currency: Option<Currency>,
    defaults: Option<Defaults>,
    sources: Vec<Source>,
    channels: BTreeMap<String, Channel>,
    budgets: Vec<(Budget, Place)>,
    fallback: Option<(String, Place)>,
    delivery: Option<Delivery>,
    native: NativeDraft,
    actions: ActionsDraft,
    links: Option<Links>,
    attention: Attention,
    forecast: Forecasting,
    recipients: BTreeMap<String, Recipient>,
    /// What is there, though it may be broken: its absence is not to be reported as well.
    seen: BTreeSet<&'static str>,
    /// The names of all channels, the broken ones too.
    channel_names: BTreeSet<String>,
    /// Where a destination is named, to check the name once all channels are known.
    named: Vec<(String, Place, String)>,
}

#[derive(Clone)]
struct Defaults {
    thresholds: Vec<When>,
    notify: Vec<String>,
    cost_basis: CostBasis,
    grain: TimeGrain,
    probability: Decimal,
    owners: Vec<String>,
    margin: Decimal,
    follow_up: FollowUp,
}

impl Default for Defaults {
    fn default() -> Self {
        let when = |text: &str| {
            text.parse()
                .expect("the built-in thresholds are well formed")
        };
        Defaults {
            thresholds: vec![
                when("actual 80%"),
                when("actual 100%"),
                when("forecast 100%"),
            ],
            notify: vec![OWNERS.to_owned()],
            cost_basis: CostBasis::Actual,
            grain: TimeGrain::Monthly,
            probability: Decimal::from(80),
            owners: Vec::new(),
            margin: Budget::MARGIN,
            follow_up: FollowUp::default(),
        }
    }
}

pub(super) fn config(
    files: &[(PathBuf, String)],
    completeness: Completeness,
) -> Result<Config, Vec<Problem>> {
    let names: Vec<String> = files
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    let mut problems = Vec::new();
    let mut draft = Draft::default();
    let pages: Vec<Page<'_>> = files
        .iter()
        .zip(&names)
        .map(|((_, text), name)| Page::new(name, text))
        .collect();
    let tables: Vec<_> = files
        .iter()
        .map(|(_, text)| DeTable::parse_recoverable(text))
        .collect();
    // What cannot be read as TOML says nothing of the settings around it.
    if tables.iter().any(|(_, errors)| !errors.is_empty()) {
        for (page, (_, errors)) in pages.iter().zip(&tables) {
            for error in errors {
                page.note(&error.span().unwrap_or(0..0), "", error.message().trim());
            }
        }
        return Err(pages.into_iter().flat_map(Page::into_problems).collect());
    }
    let mut parsed = Vec::new();
    for ((page, (table, _)), (path, _)) in pages.iter().zip(&tables).zip(files) {
        let root = Table::new(page, table.get_ref(), 0..0, String::new());
        parsed.push((root, path.parent().unwrap_or(Path::new(""))));
    }
    // What budgets fall back to comes first, whichever file it is in.
    for (root, folder) in &parsed {
        read_settings(root, folder, &mut draft);
        read_actions(root, folder, &mut draft);
        read_links(root, folder, &mut draft);
        read_attention(root, &mut draft);
        read_forecast(root, folder, &mut draft);
        read_recipients(root, &mut draft.recipients);
    }
    let defaults = draft.defaults.clone().unwrap_or_default();
    for (root, _) in &parsed {
        read_budgets(root, &defaults, &mut draft);
        read_native(root, &mut draft);
    }
    for (root, _) in parsed {
        root.finish();
    }
    if let Some(first) = pages.first() {
        for (key, message) in [
            (
                "currency",
                "`currency` is missing, for example currency = \"EUR\"",
            ),
            (
                "source",
                "no source: add a [source] table with kind = \"files\" or \"azure\"",
            ),
            ("budget", "no budget: add a [[budget]] table"),
        ] {
            // Azure's own budgets and rules may be all that is kept here.
            let is_whole = completeness == Completeness::Whole && !draft.native.describes_any();
            let is_needed = key != "budget" || is_whole;
            if is_needed && !draft.seen.contains(key) {
                first.note(&(0..0), "", message);
            }
        }
    }
    let pages_first = pages.first().map(|page| page.place(&(0..0)));
    problems.extend(pages.into_iter().flat_map(Page::into_problems));
    let is_broken = draft.channel_names.len() > draft.channels.len();
    let emails: Vec<&str> = draft
        .channels
        .iter()
        .filter(|(_, channel)| channel.kind.mailing().is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    let to_owners = draft.named.iter().find(|(name, ..)| name == OWNERS);
    if let Some((_, place, path)) = to_owners
        && emails.len() > 1
    {
        let message = format!(
            "the mail of \"owners\" needs exactly one channel of kind \"email\" or \"acs-email\", found \
             {}: keep one, or name channels instead of \"owners\"",
            emails.join(", ")
        );
        problems.push(place.problem(path.clone(), message));
    }
    if let Some((name, place)) = &draft.fallback
        && let Some(mailing) = draft.channels.get(name).and_then(|one| one.kind.mailing())
        && mailing.to.is_empty()
    {
        let message = format!(
            "the fallback [channel.{name}] has no recipients of its own, so it would reach nobody: \
             give it `to`"
        );
        problems.push(place.problem("fallback".to_owned(), message));
    }
    for (name, place, path) in &draft.named {
        if name == OWNERS {
            if emails.is_empty() && !is_broken {
                let message = "\"owners\" are told by mail, but there is no channel of kind \"email\" or \"acs-email\"";
                problems.push(place.problem(path.clone(), message.to_owned()));
            }
        } else if !draft.channel_names.contains(name) {
            let channels: Vec<&str> = draft.channel_names.iter().map(String::as_str).collect();
            let message = format!(
                "there is no [channel.{name}]; known are: {OWNERS}, {}",
                channels.join(", ")
            );
            problems.push(place.problem(path.clone(), message));
        }
    }
    let places: BTreeMap<String, Place> = draft
        .budgets
        .iter()
        .map(|(budget, place)| (budget.id.clone(), place.clone()))
        .collect();
    let budgets = match Budgets::new(
        draft
            .budgets
            .into_iter()
            .map(|(budget, _)| budget)
            .collect(),
    ) {
        Ok(budgets) => budgets,
        Err(errors) => {
            for error in errors {
                let (BudgetsError::DuplicateId(id)
                | BudgetsError::UnknownParent { budget: id, .. }
                | BudgetsError::Cycle(id)
                | BudgetsError::CountsNothing(id)
                | BudgetsError::ConditionWithoutScopes(id)
                | BudgetsError::MixedCurrencies { child: id, .. }) = &error;
                if let Some(place) = places.get(id) {
                    problems.push(place.problem(format!("budget.{id}"), error.to_string()));
                }
            }
            Budgets::default()
        }
    };
    let native = draft.native.settle(&budgets, &draft.channels);
    if let Some(first) = pages_first {
        problems.extend(check_described(&native, &first));
    }
    let actions = draft.actions.settle(&budgets, &mut problems);
    problems.sort();
    problems.dedup();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Config {
        currency: draft
            .currency
            .expect("a missing currency is a problem that was noted"),
        sources: draft.sources,
        channels: draft.channels,
        budgets,
        inherited: Inherited {
            margin: defaults.margin,
            follow_up: defaults.follow_up,
        },
        fallback: draft.fallback.map(|(name, _)| name),
        delivery: draft.delivery.unwrap_or_default(),
        native,
        actions,
        links: draft.links,
        attention: draft.attention,
        forecast: draft.forecast,
        recipients: draft.recipients,
    })
}

fn read_settings(root: &Table<'_>, folder: &Path, draft: &mut Draft) {
    if let Some(version) = root.require("version", "version = 1") {
        version.whole(1..=1);
    }
    for key in ["currency", "source", "budget"] {
        if root.get(key).is_some() {
            draft.seen.insert(key);
        }
    }
    if root.get("native_budget").is_some() {
        draft.seen.insert("budget");
    }
    if let Some(value) = root.get("currency")
        && let Some(currency) = value.parse()
    {
        if draft.currency.is_some_and(|known| known != currency) {
            value.note("another file sets another currency; keep one, and set `currency` in the budgets that differ");
        }
        draft.currency = Some(currency);
    }
    if let Some(value) = root.get("defaults")
        && let Some(table) = value.table()
    {
        if draft.defaults.is_some() {
            value.note("[defaults] is set in another file already");
        }
        draft.defaults = Some(read_defaults(table, draft));
    }
    if let Some(value) = root.get("source") {
        let tables = if value.is_table() {
            value.table().into_iter().collect()
        } else {
            value
                .list()
                .iter()
                .filter_map(Value::table)
                .collect::<Vec<_>>()
        };
        draft.sources.extend(
            tables
                .into_iter()
                .filter_map(|table| read_source(table, folder)),
        );
    }
    if let Some(table) = root.get("channel").and_then(|value| value.table()) {
        for (name, _, value) in table.entries() {
            if !is_id(name) || name == OWNERS {
                value.note(format!(
                    "a channel's name has {ID_RULE}, and is not `owners`"
                ));
            }
            let Some(table) = value.table() else { continue };
            if !draft.channel_names.insert(name.to_owned()) {
                value.note("another file has a channel of this name");
            }
            if let Some(channel) = read_channel(table, folder) {
                draft.channels.insert(name.to_owned(), channel);
            }
        }
    }
    if let Some(value) = root.get("fallback")
        && let Some(name) = value.text()
    {
        if name == OWNERS {
            value.note(
                "\"owners\" differ from budget to budget and may be nobody; the fallback is one channel",
            );
        } else {
            let place = root.place();
            draft
                .named
                .push((name.to_owned(), place.clone(), "fallback".to_owned()));
            draft.fallback = Some((name.to_owned(), place));
        }
    }
    if let Some(table) = root.get("delivery").and_then(|value| value.table()) {
        draft.delivery = Some(read_delivery(table));
    }
}

fn read_defaults(table: Table<'_>, draft: &mut Draft) -> Defaults {
    let mut defaults = Defaults::default();
    if let Some(list) = table.get("thresholds") {
        defaults.thresholds = list.list().iter().filter_map(Value::parse).collect();
    }
    if let Some(list) = table.get("notify") {
        defaults.notify = read_notify(&list, &table, draft);
    }
    if let Some(value) = table.get("cost_basis") {
        defaults.cost_basis = read_basis(&value).unwrap_or(CostBasis::Actual);
    }
    if let Some(grain) = table.get("grain").and_then(|value| value.parse()) {
        defaults.grain = grain;
    }
    if let Some(probability) = table
        .get("probability")
        .and_then(|value| read_probability(&value))
    {
        defaults.probability = probability;
    }
    if let Some(list) = table.get("owners") {
        defaults.owners = read_owners(&list);
    }
    if let Some(margin) = table
        .get("margin_percent")
        .and_then(|value| read_margin(&value))
    {
        defaults.margin = margin;
    }
    defaults.follow_up = read_follow_up(&table, &FollowUp::default(), draft);
    table.finish();
    defaults
}

fn read_delivery(table: Table<'_>) -> Delivery {
    let mut delivery = Delivery::default();
    let seconds = |key, range| {
        let value: Option<Value<'_>> = table.get(key);
        value
            .and_then(|value| value.whole(range))
            .map(|seconds| Duration::from_secs(seconds.into()))
    };
    if let Some(timeout) = seconds("send_timeout_seconds", 1..=240) {
        delivery.send_timeout = timeout;
    }
    if let Some(lease) = seconds("lease_seconds", 2..=3600) {
        delivery.lease = lease;
    }
    delivery.unknown_wait = seconds("unknown_wait_seconds", 0..=3600);
    if let Some(list) = table.get("retry_seconds") {
        delivery.retry = list
            .list()
            .iter()
            .filter_map(|value| value.whole(0..=86_400))
            .map(|seconds| Duration::from_secs(seconds.into()))
            .collect();
    }
    if delivery.lease <= delivery.send_timeout {
        table.note("`lease_seconds` must be greater than `send_timeout_seconds`, or two workers could send at once");
    }
    table.finish();
    delivery
}

fn read_basis(value: &Value<'_>) -> Option<CostBasis> {
    match value.text()? {
        "actual" => Some(CostBasis::Actual),
        "amortized" => Some(CostBasis::Amortized),
        other => {
            value.note(format!(
                "`{other}` is not a cost basis; expected actual or amortized"
            ));
            None
        }
    }
}

fn read_probability(value: &Value<'_>) -> Option<Decimal> {
    let percent = value.decimal()?;
    if (Decimal::ONE..=Decimal::from(99)).contains(&percent) {
        return Some(percent);
    }
    value.note(format!(
        "a probability is a percentage from 1 to 99, found {percent}"
    ));
    None
}

const ID_RULE: &str = "at most 64 letters, digits, `-`, `_` and `.`, begins with a letter or digit \
                       and does not end with a dot";

/// Ids become parts of keys in the store, which refuses what ends with a dot.
fn is_id(text: &str) -> bool {
    text.len() <= 64
        && !text.ends_with('.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
