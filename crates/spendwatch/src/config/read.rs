//! From TOML tables to a [`Config`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use azure_cost::Cloud;
use budget_engine::{
    Budget, Budgets, BudgetsError, Calendar, CostBasis, Currency, Dimension, Filter,
    LARGEST_AMOUNT, Lag, Planned, Severity, Statistic, TagName, Threshold, TimeGrain, When,
};
use ipnet::IpNet;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use toml::de::DeTable;

use super::reader::{Page, Place, Problem, Table, Value};
use super::{Channel, ChannelKind, Config, Delivery, Email, Secret, Source, SourceKind};

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
        }
    }
}

pub(super) fn config(files: &[(PathBuf, String)]) -> Result<Config, Vec<Problem>> {
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
    let mut parsed = Vec::new();
    for ((page, (table, errors)), (path, _)) in pages.iter().zip(&tables).zip(files) {
        for error in errors {
            page.note(&error.span().unwrap_or(0..0), "", error.message().trim());
        }
        let root = Table::new(page, table.get_ref(), 0..0, String::new());
        parsed.push((root, path.parent().unwrap_or(Path::new(""))));
    }
    // What budgets fall back to comes first, whichever file it is in.
    for (root, folder) in &parsed {
        read_settings(root, folder, &mut draft);
    }
    let defaults = draft.defaults.clone().unwrap_or_default();
    for (root, _) in &parsed {
        read_budgets(root, &defaults, &mut draft);
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
                "no source: add a [source] table with kind = \"files\" or \"usage-details\"",
            ),
            ("budget", "no budget: add a [[budget]] table"),
        ] {
            if !draft.seen.contains(key) {
                first.note(&(0..0), "", message);
            }
        }
    }
    problems.extend(pages.into_iter().flat_map(Page::into_problems));
    let is_broken = draft.channel_names.len() > draft.channels.len();
    let emails: Vec<&str> = draft
        .channels
        .iter()
        .filter(|(_, channel)| matches!(channel.kind, ChannelKind::Email(_)))
        .map(|(name, _)| name.as_str())
        .collect();
    let to_owners = draft.named.iter().find(|(name, ..)| name == OWNERS);
    if let Some((_, place, path)) = to_owners
        && emails.len() > 1
    {
        let message = format!(
            "the mail of \"owners\" needs exactly one channel of kind \"email\", found {}: keep one, \
             or name channels instead of \"owners\"",
            emails.join(", ")
        );
        problems.push(place.problem(path.clone(), message));
    }
    if let Some((name, place)) = &draft.fallback
        && let Some(ChannelKind::Email(email)) = draft.channels.get(name).map(|one| &one.kind)
        && email.to.is_empty()
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
                let message =
                    "\"owners\" are told by mail, but there is no channel of kind \"email\"";
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
        fallback: draft.fallback.map(|(name, _)| name),
        delivery: draft.delivery.unwrap_or_default(),
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
    table.finish();
    defaults
}

fn read_source(table: Table<'_>, folder: &Path) -> Option<Source> {
    let scopes = table
        .get("scopes")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let mut lag = Lag::default();
    if let Some(days) = table
        .get("settles_after_days")
        .and_then(|value| value.whole(0..=30))
    {
        lag.settles_after_days = days;
    }
    if let Some(days) = table
        .get("stale_after_days")
        .and_then(|value| value.whole(1..=60))
    {
        lag.stale_after_days = days;
    }
    let kind = table.require("kind", "kind = \"files\"")?;
    let kind = match kind.text()? {
        "files" => {
            let paths = table.require("paths", "paths = [\"exports/*.csv.gz\"]");
            let cost_basis = table.get("cost_basis").and_then(|value| read_basis(&value));
            let paths: Vec<PathBuf> = paths
                .map(|list| list.list())
                .unwrap_or_default()
                .iter()
                .filter_map(|value| Some(folder.join(value.text()?)))
                .collect();
            if paths.is_empty() {
                table.note("`paths` names no file");
            }
            Some(SourceKind::Files {
                paths,
                cost_basis: cost_basis.unwrap_or(CostBasis::Actual),
            })
        }
        "usage-details" => {
            let endpoint = table
                .get("endpoint")
                .and_then(|value| value.parse::<url::Url>());
            let cloud = table.get("cloud").and_then(|value| value.parse());
            let auth = table.get("auth").and_then(|value| read_auth(&value));
            let history_days = table
                .get("history_days")
                .and_then(|value| value.whole(0..=800));
            Some(SourceKind::UsageDetails {
                endpoint,
                cloud: cloud.unwrap_or(Cloud::Public),
                auth: auth.unwrap_or("auto").to_owned(),
                history_days: history_days.unwrap_or(120),
            })
        }
        other @ ("exports" | "query" | "usage-aggregates" | "enterprise-reporting") => {
            kind.note(format!(
                "the source `{other}` does not exist yet; use \"files\" or \"usage-details\""
            ));
            return None;
        }
        other => {
            kind.note(format!(
                "`{other}` is not a source; expected \"files\" or \"usage-details\""
            ));
            return None;
        }
    };
    table.finish();
    Some(Source {
        kind: kind?,
        scopes: scopes.unwrap_or_default(),
        lag,
    })
}

/// The words of [`azure_cost::credentials::Auth::parse`], and `none`.
const AUTH_WORDS: [&str; 7] = [
    "auto",
    "managed-identity",
    "workload-identity",
    "client-secret",
    "azure-cli",
    "developer-tools",
    "none",
];

fn read_auth(value: &Value<'_>) -> Option<&'static str> {
    let text = value.text()?;
    let word = AUTH_WORDS.into_iter().find(|word| *word == text);
    if word.is_none() {
        let words = AUTH_WORDS.join(", ");
        value.note(format!(
            "`{text}` is not a way to sign in; expected one of {words}"
        ));
    }
    word
}

fn read_channel(table: Table<'_>, folder: &Path) -> Option<Channel> {
    let kind = table.require("kind", "kind = \"email\"")?;
    let networks = table.get("allow_networks");
    let allow_networks = networks.map(|list| {
        list.list()
            .iter()
            .filter_map(|value| read_network(value))
            .collect()
    });
    let url = || -> Option<Secret> {
        read_secret(
            &table.require("url", "url = { secret = \"TEAMS_WEBHOOK_URL\" }")?,
            folder,
        )
    };
    let kind = match kind.text()? {
        "email" => {
            let smtp = table.require("smtp", "smtp = \"smtp://relay.contoso.example:587\"");
            let smtp = smtp.and_then(|value| value.parse());
            let from = table
                .require("from", "from = \"Cost alerts <cost@contoso.example>\"")
                .and_then(|value| read_mailbox(&value));
            let to = table
                .get("to")
                .map(|list| list.list().iter().filter_map(read_mailbox).collect());
            let secret =
                |value: Option<Value<'_>>| value.and_then(|value| read_secret(&value, folder));
            let username = secret(table.get("username"));
            let password = secret(table.get("password"));
            let ca_file = table
                .get("ca_file")
                .and_then(|value| Some(folder.join(value.text()?)));
            let owner_domains = table.get("owner_domains").map(|list| {
                list.list()
                    .iter()
                    .filter_map(|value| Some(value.text()?.to_lowercase()))
                    .collect()
            });
            ChannelKind::Email(Email {
                smtp: smtp?,
                from: from?,
                to: to.unwrap_or_default(),
                username,
                password,
                ca_file,
                owner_domains: owner_domains.unwrap_or_default(),
            })
        }
        "teams" => ChannelKind::Teams { url: url()? },
        "slack" => ChannelKind::Slack { url: url()? },
        "webhook" => {
            let example = "signing = { secret = \"WEBHOOK_SIGNING_SECRET\" }";
            let signing = table.require("signing", example).map(|value| {
                if value.is_table() {
                    read_secret(&value, folder).into_iter().collect::<Vec<_>>()
                } else {
                    value
                        .list()
                        .iter()
                        .filter_map(|value| read_secret(value, folder))
                        .collect()
                }
            });
            ChannelKind::Webhook {
                url: url()?,
                signing: signing?,
            }
        }
        other => {
            kind.note(format!(
                "`{other}` is not a channel; expected email, teams, slack or webhook"
            ));
            return None;
        }
    };
    table.finish();
    Some(Channel {
        kind,
        allow_networks: allow_networks.unwrap_or_default(),
    })
}

fn read_secret(value: &Value<'_>, folder: &Path) -> Option<Secret> {
    if value.is_text() {
        value.note("a secret is a reference, never a value: write { secret = \"NAME\" } for an environment variable or { secret_file = \"path\" }");
        return None;
    }
    let table = value.table()?;
    let name = table.get("secret").and_then(|value| value.text());
    let file = table.get("secret_file").and_then(|value| value.text());
    let secret = match (name, file) {
        (Some(name), None) => Some(Secret::Env(name.to_owned())),
        (None, Some(file)) => Some(Secret::File(folder.join(file))),
        _ => {
            table.note("write either { secret = \"NAME\" } or { secret_file = \"path\" }");
            None
        }
    };
    table.finish();
    secret
}

fn read_network(value: &Value<'_>) -> Option<IpNet> {
    let text = value.text()?;
    let network = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = network else {
        value.note(format!(
            "`{text}` is not a network; expected for example 10.1.2.0/24"
        ));
        return None;
    };
    let holds = |address: [u8; 4]| network.contains(&IpAddr::from(address));
    let is_single = network.prefix_len() == network.max_prefix_len();
    let problem = if network.prefix_len() == 0 {
        "that is every address there is; name the network of the destination"
    } else if holds([127, 0, 0, 1]) && !is_single {
        "loopback is allowed by single addresses only, and meant for tests: 127.0.0.1/32"
    } else if holds([169, 254, 169, 254]) || holds([168, 63, 129, 16]) {
        "link-local and platform addresses are never allowed"
    } else {
        return Some(network);
    };
    value.note(format!("`{text}`: {problem}"));
    None
}

fn read_mailbox(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if alert_channels::email::is_mailbox(text) {
        return Some(text.to_owned());
    }
    value.note(format!(
        "`{text}` is not a mail address; expected `name@domain` or `Name <name@domain>`"
    ));
    None
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

fn read_budgets(root: &Table<'_>, defaults: &Defaults, draft: &mut Draft) {
    let Some(list) = root.get("budget") else {
        return;
    };
    if list.is_table() {
        list.note("budgets are a list: write [[budget]] with two brackets");
        return;
    }
    for value in list.list() {
        let Some(mut table) = value.table() else {
            continue;
        };
        if let Some(budget) = read_budget(&mut table, defaults, draft) {
            draft.budgets.push((budget, table.place()));
        }
        table.finish();
    }
}

fn read_budget(table: &mut Table<'_>, defaults: &Defaults, draft: &mut Draft) -> Option<Budget> {
    let id = table
        .require("id", "id = \"payments-prod\"")
        .and_then(|value| {
            let id = value.text()?;
            if !is_id(id) {
                value.note(format!("an id has {ID_RULE}"));
                return None;
            }
            Some(id.to_owned())
        });
    if let Some(id) = &id {
        table.path = format!("budget.{id}");
    }
    let name = table
        .get("name")
        .and_then(|value| value.text())
        .map(str::to_owned);
    let scopes = table
        .get("scopes")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let currency = table
        .get("currency")
        .map_or(draft.currency, |value| value.parse());
    let grain = table
        .get("grain")
        .map_or(Some(defaults.grain), |value| value.parse());
    let starts = table.get("starts").map(|value| value.date());
    let ends = table.get("ends").and_then(|value| value.date());
    let cost_basis = table
        .get("cost_basis")
        .map_or(Some(defaults.cost_basis), |value| read_basis(&value));
    let exclude = table
        .get("exclude")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let filter = table.get("filter").map(|value| read_filter(&value));
    let parent = table
        .get("parent")
        .and_then(|value| value.text())
        .map(str::to_owned);
    let owners = table
        .get("owners")
        .map_or_else(|| defaults.owners.clone(), |list| read_owners(&list));
    let notify = match table.get("notify") {
        Some(list) => read_notify(&list, table, draft),
        None => {
            // The defaults' own names are checked where they stand; built-in ones here.
            draft.named.extend(
                defaults
                    .notify
                    .iter()
                    .map(|name| (name.clone(), table.place(), table.path.clone())),
            );
            defaults.notify.clone()
        }
    };
    // An anchor in 2024 begins weeks on Mondays, and quarters and years in January.
    let anchor = starts.flatten().unwrap_or(date(2024, 1, 1));
    let calendar = grain.map(|grain| Calendar::new(grain, anchor));
    let planned = table
        .require("amount", "amount = 10_000")
        .and_then(|value| read_planned(&value, calendar.as_ref()));
    let thresholds = read_thresholds(table, defaults, &notify, draft);
    if let (Some(Some(starts)), Some(ends)) = (starts, ends)
        && ends < starts
    {
        table.note(format!("`ends` {ends} lies before `starts` {starts}"));
    }
    for threshold in &thresholds {
        let told = threshold.notify.iter().any(|name| name == OWNERS);
        if told && owners.is_empty() {
            table.note("\"owners\" are to be told, but the budget has no `owners`");
            break;
        }
    }
    let id = id?;
    Some(Budget {
        name: name.unwrap_or_else(|| id.clone()),
        scopes: scopes.unwrap_or_default(),
        filter: match filter {
            Some(filter) => Some(filter?),
            None => None,
        },
        exclude: exclude.unwrap_or_default(),
        cost_basis: cost_basis?,
        currency: currency?,
        calendar: calendar?,
        starts: starts.flatten(),
        ends,
        planned: planned?,
        parent,
        thresholds,
        owners,
        id,
    })
}

fn read_thresholds(
    table: &Table<'_>,
    defaults: &Defaults,
    notify: &[String],
    draft: &mut Draft,
) -> Vec<Threshold> {
    let plain = |when: When| Threshold {
        id: when.default_id(),
        when,
        probability: defaults.probability,
        severity: default_severity(&when),
        notify: notify.to_vec(),
    };
    let mut thresholds = Vec::new();
    let list = table.get("thresholds");
    let own = table.get("threshold");
    if let Some(list) = &list {
        thresholds.extend(list.list().iter().filter_map(Value::parse).map(plain));
    }
    if let Some(own) = &own {
        for value in own.list() {
            let Some(line) = value.table() else { continue };
            let when = line
                .require("when", "when = \"actual 80%\"")
                .and_then(|value| value.parse::<When>());
            let id = line.get("id").and_then(|value| {
                let id = value.text()?;
                if !is_id(id) {
                    value.note(format!("an id has {ID_RULE}"));
                    return None;
                }
                Some(id.to_owned())
            });
            let probability = line
                .get("probability")
                .and_then(|value| read_probability(&value));
            let severity = line.get("severity").and_then(|value| {
                let text = value.text()?;
                let found = Severity::ALL
                    .into_iter()
                    .find(|severity| severity.as_str() == text);
                if found.is_none() {
                    value.note(format!(
                        "`{text}` is not a severity; expected info, warning or critical"
                    ));
                }
                found
            });
            let own_notify = line
                .get("notify")
                .map(|list| read_notify(&list, &line, draft));
            line.finish();
            let Some(when) = when else { continue };
            thresholds.push(Threshold {
                id: id.unwrap_or_else(|| when.default_id()),
                when,
                probability: probability.unwrap_or(defaults.probability),
                severity: severity.unwrap_or(default_severity(&when)),
                notify: own_notify.unwrap_or_else(|| notify.to_vec()),
            });
        }
    }
    if list.is_none() && own.is_none() {
        thresholds.extend(defaults.thresholds.iter().copied().map(plain));
    }
    let mut seen = BTreeSet::new();
    for threshold in &thresholds {
        if !seen.insert(&threshold.id) {
            table.note(format!("two thresholds have the id `{}`", threshold.id));
        }
        if threshold.notify.is_empty() {
            table.note(format!(
                "the threshold `{}` would tell nobody: `notify` is empty",
                threshold.id
            ));
        }
    }
    thresholds
}

/// A planned amount that is passed is critical; everything before it is a warning.
fn default_severity(when: &When) -> Severity {
    use budget_engine::Level;
    match when {
        When::Actual(Level::Percent(percent)) if *percent >= Decimal::ONE_HUNDRED => {
            Severity::Critical
        }
        _ => Severity::Warning,
    }
}

fn read_planned(value: &Value<'_>, calendar: Option<&Calendar>) -> Option<Planned> {
    let positive = |value: &Value<'_>| {
        let amount = value.decimal()?;
        if amount <= Decimal::ZERO {
            value.note(format!(
                "a planned amount must be greater than zero, found {amount}"
            ));
            return None;
        }
        if amount > LARGEST_AMOUNT {
            value.note(format!(
                "a planned amount is at most {LARGEST_AMOUNT}, found {amount}"
            ));
            return None;
        }
        Some(amount)
    };
    if !value.is_table() {
        return positive(value).map(Planned::Flat);
    }
    let table = value.table()?;
    if let Some(history) = table.get("history") {
        let plus_percent = table
            .get("plus_percent")
            .map_or(Some(Decimal::ZERO), |value| read_plus_percent(&value));
        let parsed = history.text().and_then(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let statistic = match *words.first()? {
                "median" => Statistic::Median,
                "mean" => Statistic::Mean,
                "max" => Statistic::Max,
                _ => return None,
            };
            let periods = words
                .get(1)?
                .parse()
                .ok()
                .filter(|count| (1..=36).contains(count))?;
            (words.len() == 3 && words[2].starts_with("period")).then_some((statistic, periods))
        });
        table.finish();
        let Some((statistic, periods)) = parsed else {
            history.note(
                "expected for example \"median 3 periods\": median, mean or max of 1 to 36 periods",
            );
            return None;
        };
        return Some(Planned::History {
            statistic,
            periods,
            plus_percent: plus_percent?,
        });
    }
    let mut amounts = BTreeMap::new();
    for (key, _, value) in table.entries() {
        let Some((first, last)) = days_named(key) else {
            value.note(format!(
                "`{key}` is not a period; expected 2026-01, 2026-Q1, 2026 or 2026-01-31"
            ));
            continue;
        };
        let amount = positive(&value);
        let Some(calendar) = calendar else { continue };
        let Some(period) = calendar.period_of(last) else {
            continue;
        };
        // A month, quarter or year names the one period that begins in it; a day the one it lies in.
        let begins = first == last || period.start() >= first;
        let alone = calendar
            .previous(&period)
            .is_none_or(|before| before.start() < first);
        if !begins || !alone {
            let many = if begins { "several" } else { "no" };
            value.note(format!(
                "{many} {} periods begin in {key}; name each by a month or day in which it begins",
                calendar.grain()
            ));
            continue;
        }
        if let Some(amount) = amount
            && amounts.insert(period.start(), amount).is_some()
        {
            value.note(format!("the period {period} has two amounts"));
        }
    }
    (!amounts.is_empty()).then_some(Planned::PerPeriod(amounts))
}

fn read_plus_percent(value: &Value<'_>) -> Option<Decimal> {
    let percent = value.decimal()?;
    if (Decimal::from(-99)..=Decimal::from(10_000)).contains(&percent) {
        return Some(percent);
    }
    value.note(format!(
        "expected a percentage from -99 to 10000, found {percent}"
    ));
    None
}

/// The first and last day of a month, quarter or year, or the day itself.
fn days_named(key: &str) -> Option<(Date, Date)> {
    if let Ok(day) = key.parse::<Date>()
        && key.len() == 10
    {
        return Some((day, day));
    }
    let months = |year: &str, first: i8, last: i8| {
        let year = year.parse().ok().filter(|_| year.len() == 4)?;
        Some((
            Date::new(year, first, 1).ok()?,
            Date::new(year, last, 1).ok()?.last_of_month(),
        ))
    };
    match key.split_once('-') {
        None => months(key, 1, 12),
        Some((year, quarter)) if quarter.starts_with(['Q', 'q']) => {
            let quarter: i8 = quarter[1..]
                .parse()
                .ok()
                .filter(|quarter| (1..=4).contains(quarter))?;
            months(year, quarter * 3 - 2, quarter * 3)
        }
        Some((year, number)) => {
            let month = number.parse().ok().filter(|_| number.len() == 2)?;
            months(year, month, month)
        }
    }
}

fn read_filter(value: &Value<'_>) -> Option<Filter> {
    let table = value.table()?;
    let parts = |value: Value<'_>| -> Option<Vec<Filter>> {
        let items = value.list();
        let filters: Vec<Filter> = items.iter().filter_map(read_filter).collect();
        (filters.len() == items.len()).then_some(filters)
    };
    let all = table.get("all");
    let any = table.get("any");
    let not = table.get("not");
    let dimension = table.get("dimension");
    let tag = table.get("tag");
    let values = table.get("in").map(|list| {
        list.list()
            .iter()
            .filter_map(|value| value.any_text())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let given = [&all, &any, &not, &dimension, &tag]
        .into_iter()
        .filter(|part| part.is_some())
        .count();
    if given != 1 || (values.is_some() != (dimension.is_some() || tag.is_some())) {
        table.note(
            "a condition is one of { all = [..] }, { any = [..] }, { not = {..} }, \
             { dimension = \"ServiceName\", in = [..] } or { tag = \"env\", in = [..] }",
        );
        return None;
    }
    table.finish();
    match (all, any, not, dimension, tag, values) {
        (Some(list), ..) => Some(Filter::All(parts(list)?)),
        (_, Some(list), ..) => Some(Filter::Any(parts(list)?)),
        (_, _, Some(part), ..) => Some(Filter::Not(Box::new(read_filter(&part)?))),
        (_, _, _, Some(name), _, Some(values)) => Some(Filter::Dimension {
            name: name.parse::<Dimension>()?,
            values,
        }),
        (_, _, _, _, Some(name), Some(values)) => Some(Filter::Tag {
            name: TagName::new(name.text()?),
            values,
        }),
        _ => None,
    }
}

fn read_owners(list: &Value<'_>) -> Vec<String> {
    let read = |value: &Value<'_>| {
        if value.text()?.starts_with("tag:") {
            return Some(value.text()?.to_owned());
        }
        read_mailbox(value)
    };
    list.list().iter().filter_map(read).collect()
}

fn read_notify(list: &Value<'_>, table: &Table<'_>, draft: &mut Draft) -> Vec<String> {
    let mut names = Vec::new();
    for value in list.list() {
        let Some(name) = value.text() else { continue };
        draft
            .named
            .push((name.to_owned(), table.place(), value.path.clone()));
        names.push(name.to_owned());
    }
    names
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
