//! From the budgets that Azure has to configuration that wants just these.
//!
//! A cost budget becomes a budget of ours if compiling that gives Azure's budget again; anything else
//! is described as it is. What neither can say is left out with the reason, so that a plan after an
//! import has nothing to do.

mod as_it_is;
mod as_ours;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use azure_cost::{Budget as AzureBudget, BudgetNotification};
use budget_engine::{Budget, Currency, Scope};
use jiff::civil::Date;
use serde::Serialize;

use crate::desired::{Desired, LOCALES, Settings, is_name};
use crate::plan::Live;

/// What an import takes for granted.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Currency of budgets whose spend Azure does not show: budgets carry none of their own.
    pub currency: Currency,
    /// The day of the plan that is to have nothing to do.
    pub today: Date,
    /// Destinations of our own notices: names of channels, or `owners` for the addresses that Azure
    /// tells. If empty, all budgets are described as they are.
    pub notify: Vec<String>,
    /// Ids that budgets of the configuration have already.
    pub taken: BTreeSet<String>,
    /// Whether the configuration takes a text as a mail address.
    pub is_address: fn(&str) -> bool,
}

/// What became of the budgets that Azure has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Budgets of ours that compile into those of Azure, with how they are kept there.
    pub budgets: Vec<(Budget, Settings)>,
    /// Budgets of Azure that only a description says.
    pub described: Vec<Desired>,
    /// What a reader of the configuration would not see.
    pub notes: Vec<ImportNote>,
}

/// Something to know about one budget that Azure has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportNote {
    /// Where it is.
    #[serde(serialize_with = "as_text")]
    pub scope: Scope,
    /// Its name in Azure.
    pub name: String,
    /// What became of it.
    pub effect: ImportEffect,
    /// Why, or what is different.
    pub message: String,
}

/// What became of a budget that a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportEffect {
    /// It is there, and something of it is worth knowing.
    Imported,
    /// It is described as it is, and we do not evaluate it.
    Described,
    /// It is left as it is in Azure; the configuration does not have it.
    LeftOut,
}

impl fmt::Display for ImportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            ImportEffect::Imported => "",
            ImportEffect::Described => "described as it is: ",
            ImportEffect::LeftOut => "not imported: ",
        };
        let (name, scope) = (&self.name, &self.scope);
        write!(f, "{name} at {scope}: {effect}{}", self.message)
    }
}

fn as_text<S: serde::Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(scope)
}

/// What configuration wants the budgets that Azure has, in the order of scopes and names. One that both APIs
/// show is taken once.
pub fn import(live: &[Live], options: &ImportOptions) -> Imported {
    // The order of the enum puts Consumption first, where budgets of costs are at home.
    let mut once: BTreeMap<(&Scope, String), &Live> = BTreeMap::new();
    for each in live {
        let place = (&each.scope, each.budget.name.to_ascii_lowercase());
        let known = once.entry(place).or_insert(each);
        if each.provider < known.provider {
            *known = each;
        }
    }
    let mut imported = Imported::default();
    let mut ids = Ids::new(once.values().copied(), &options.taken);
    for each in once.into_values() {
        let mut notes = Notes::of(each);
        match check(each, options) {
            Err(why) => notes.add(ImportEffect::LeftOut, why),
            Ok(()) => match as_ours::of(each, &ids.free(each), options) {
                Ok(ours) => {
                    ids.take(&ours.0.id);
                    imported.budgets.push(ours);
                }
                Err(why) => match as_it_is::of(each) {
                    Ok(described) => {
                        notes.add(ImportEffect::Described, why);
                        imported.described.push(described);
                    }
                    Err(why) => notes.add(ImportEffect::LeftOut, why),
                },
            },
        }
        notes.remarks(&each.budget);
        imported.notes.extend(notes.found);
    }
    imported
}

/// The notes of one budget.
struct Notes<'a> {
    live: &'a Live,
    found: Vec<ImportNote>,
}

impl<'a> Notes<'a> {
    fn of(live: &'a Live) -> Notes<'a> {
        let found = Vec::new();
        Notes { live, found }
    }

    fn add(&mut self, effect: ImportEffect, message: impl Into<String>) {
        self.found.push(ImportNote {
            scope: self.live.scope.clone(),
            name: self.live.budget.name.clone(),
            effect,
            message: message.into(),
        });
    }

    /// What no table says.
    fn remarks(&mut self, budget: &AzureBudget) {
        let left_out = |note: &ImportNote| note.effect == ImportEffect::LeftOut;
        if self.found.iter().any(left_out) {
            return;
        }
        for (key, notification) in &budget.notifications {
            if !notification.enabled {
                let message = format!(
                    "its notification `{key}` is switched off, which configuration does not say; it \
                     stays in Azure as long as there is room"
                );
                self.add(ImportEffect::Imported, message);
            } else if !notification.locale.is_empty() && locale(notification).is_none() {
                let message = format!(
                    "the language `{}` of its notification `{key}` is not one that Azure documents; \
                     it is left to Azure",
                    notification.locale
                );
                self.add(ImportEffect::Imported, message);
            }
        }
    }
}

/// Ids of budgets: their names where these are free, else with the end of their scope.
struct Ids {
    taken: BTreeSet<String>,
    /// Names that several scopes have: all of them get longer ids, so that none is "the" budget.
    shared: BTreeSet<String>,
}

impl Ids {
    fn new<'a>(live: impl Iterator<Item = &'a Live>, taken: &BTreeSet<String>) -> Ids {
        let mut seen = BTreeSet::new();
        let mut shared = BTreeSet::new();
        for each in live {
            let name = each.budget.name.to_ascii_lowercase();
            if !seen.insert(name.clone()) {
                shared.insert(name);
            }
        }
        let taken = taken.iter().map(|id| id.to_ascii_lowercase()).collect();
        Ids { taken, shared }
    }

    fn free(&self, live: &Live) -> String {
        let name = &live.budget.name;
        let is_free = |id: &String| !self.taken.contains(&id.to_ascii_lowercase());
        let plain = id_of(name);
        if is_free(&plain) && !self.shared.contains(&name.to_ascii_lowercase()) {
            return plain;
        }
        let longer = id_of(&format!("{name}-{}", live.scope.id()));
        let numbered = (2..).map(|number| {
            let tail = format!("-{number}");
            let head = longer.len().min(LONGEST_ID - tail.len());
            format!("{}{tail}", &longer[..head])
        });
        let mut all = std::iter::once(longer.clone()).chain(numbered);
        // Numbers do not end, so that one is free.
        all.find(is_free).unwrap_or(plain)
    }

    fn take(&mut self, id: &str) {
        self.taken.insert(id.to_ascii_lowercase());
    }
}

const LONGEST_ID: usize = 64;

/// A text in the characters of an id of a budget: at most 64 letters, digits, `-` and `_`, a letter or
/// digit first.
pub fn id_of(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain: String = text
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(LONGEST_ID)
        .collect();
    match plain.is_empty() {
        true => "budget".to_owned(),
        false => plain,
    }
}

/// What every form of configuration has to be able to say; else the reason.
fn check(live: &Live, options: &ImportOptions) -> Result<(), String> {
    let budget = &live.budget;
    if !is_name(&budget.name) {
        return Err("its name is not made of 1 to 63 letters, digits, `-` and `_`".to_owned());
    }
    if !budget.filter.unknown.is_empty() {
        let parts = budget.filter.unknown.join(", ");
        return Err(format!("its filter has parts that are not known: {parts}"));
    }
    if budget.filter.not.is_some() {
        let why = "its filter has a `not`, which Azure takes from old budgets only";
        return Err(why.to_owned());
    }
    for condition in &budget.filter.all {
        let comparison = condition.comparison();
        let name = &comparison.name;
        if !comparison.operator.eq_ignore_ascii_case("In") {
            let operator = &comparison.operator;
            return Err(format!(
                "its filter compares {name} by `{operator}`, not by `In`"
            ));
        }
        let blank = |text: &String| text.trim().is_empty();
        if comparison.values.is_empty() || comparison.values.iter().any(blank) || blank(name) {
            return Err(format!("its filter on `{name}` has an empty value or none"));
        }
    }
    for (key, notification) in told(budget) {
        check_contacts(notification, options).map_err(|why| {
            format!("its notification `{key}` {why}, so that configuration cannot say it")
        })?;
    }
    Ok(())
}

fn check_contacts(
    notification: &BudgetNotification,
    options: &ImportOptions,
) -> Result<(), String> {
    let is_plain = |address: &str| (options.is_address)(address) && !address.contains('<');
    let mut emails = notification.contact_emails.iter();
    if let Some(bad) = emails.find(|address| !is_plain(address.trim())) {
        return Err(format!("mails `{bad}`, which is no mail address"));
    }
    if notification
        .contact_roles
        .iter()
        .any(|role| role.trim().is_empty())
    {
        return Err("tells a role without a name".to_owned());
    }
    let mut groups = notification.contact_groups.iter();
    if let Some(bad) = groups.find(|group| !crate::desired::is_action_group(group.trim())) {
        return Err(format!("tells `{bad}`, which is no id of an action group"));
    }
    if notification.contact_emails.is_empty() && notification.contact_groups.is_empty() {
        return Err("tells neither a mail address nor an action group".to_owned());
    }
    Ok(())
}

/// The notifications that are on, in the order in which they would fire.
fn told(budget: &AzureBudget) -> Vec<(&String, &BudgetNotification)> {
    let all = budget.notifications.iter();
    let mut told: Vec<_> = all.filter(|(_, one)| one.enabled).collect();
    told.sort_by_key(|(_, one)| (is_forecast(one), one.threshold));
    told
}

/// The language of a notification, if it is one that Azure documents.
fn locale(notification: &BudgetNotification) -> Option<&'static str> {
    let mut known = LOCALES.iter().copied();
    known.find(|locale| locale.eq_ignore_ascii_case(notification.locale.trim()))
}

fn is_forecast(notification: &BudgetNotification) -> bool {
    let kind = &notification.threshold_type;
    kind.eq_ignore_ascii_case("Forecasted")
}

fn trimmed(list: &[String]) -> Vec<String> {
    list.iter().map(|each| each.trim().to_owned()).collect()
}

/// Whether a day can be written: the years of configuration have four digits.
fn is_writable(day: Date) -> bool {
    (1..=9999).contains(&day.year())
}
