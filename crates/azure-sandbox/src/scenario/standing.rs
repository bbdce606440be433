//! The documents of a scenario that are there from the start, and what they look like in its file.

use std::collections::BTreeMap;

use jiff::ToSpan;
use serde::Deserialize;
use toml::Spanned;

use super::ScenarioError;
use super::file::{Amount, Day};
use crate::server::{self, Exact, Object, Put, Standing, Trial};
use crate::world::{Agreement, Named, Subscription, World};

/// The tables of documents.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    #[serde(default)]
    pub(super) action_group: Vec<ActionGroup>,
    #[serde(default)]
    pub(super) budget: Vec<Budget>,
    #[serde(default)]
    pub(super) anomaly_rule: Vec<AnomalyRule>,
    #[serde(default)]
    pub(super) export: Vec<Export>,
}

/// An action group; without a url it posts nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionGroup {
    name: Spanned<String>,
    /// Where it is: a subscription and a resource group, `Shop/shop-prod`.
    resource_group: Spanned<String>,
    url: Option<String>,
    #[serde(default)]
    common_schema: bool,
    /// Whom it mails.
    #[serde(default)]
    emails: Vec<String>,
    /// A group that is switched off tells nobody.
    #[serde(default = "yes")]
    enabled: bool,
}

/// A budget of Azure. Where the product has names, they are Azure's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    name: Spanned<String>,
    at: Spanned<Place>,
    #[serde(default = "cost")]
    category: String,
    amount: Option<Amount>,
    #[serde(default = "monthly")]
    grain: String,
    start: Day,
    end: Option<Day>,
    filter: Option<Filter>,
    #[serde(default)]
    notifications: BTreeMap<String, Notification>,
}

fn cost() -> String {
    "Cost".to_owned()
}

fn monthly() -> String {
    "Monthly".to_owned()
}

/// A scope, by the names that the scenario has for its parts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Account,
    ManagementGroup,
    Subscription(String),
    /// `Shop/shop-prod`.
    ResourceGroup(String),
    Department(String),
    EnrollmentAccount(String),
    Profile(String),
    Section(String),
    Customer(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    dimension: Option<Values>,
    tag: Option<Values>,
    and: Option<Vec<Filter>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notification {
    /// Percent of the amount, or of the reserved hours.
    threshold: Amount,
    operator: Option<String>,
    #[serde(default)]
    forecast: bool,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    emails: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    /// Names of action groups of the scenario.
    #[serde(default)]
    action_groups: Vec<Spanned<String>>,
    locale: Option<String>,
    frequency: Option<String>,
}

fn yes() -> bool {
    true
}

/// A rule that mails anomalies of a subscription.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnomalyRule {
    name: Spanned<String>,
    subscription: Spanned<String>,
    emails: Vec<String>,
    start: Day,
    end: Day,
}

/// An export that runs every day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    name: Spanned<String>,
    at: Spanned<Place>,
    container: String,
    #[serde(default)]
    folder: String,
    #[serde(default = "actual_cost")]
    kind: String,
    start: Day,
}

fn actual_cost() -> String {
    "ActualCost".to_owned()
}

/// Builds the documents and tries each on the world.
pub(super) fn standing(
    tables: &Tables,
    world: &World,
    text: &str,
) -> Result<Standing, ScenarioError> {
    let mut standing = Standing::default();
    if (tables.action_group.is_empty() && tables.budget.is_empty())
        && (tables.anomaly_rule.is_empty() && tables.export.is_empty())
    {
        return Ok(standing);
    }
    let mut desk = Desk {
        world,
        text,
        trial: Trial::new(world),
        groups: BTreeMap::new(),
        seen: Vec::new(),
    };
    for each in &tables.action_group {
        let id = desk.group_id(each)?;
        let group = server::ActionGroup {
            url: each.url.clone().unwrap_or_default(),
            common_schema: each.common_schema,
            emails: each.emails.clone(),
            enabled: each.enabled,
        };
        let tried = desk.trial.group(&id, &group);
        tried.map_err(|problem| desk.wrong("action_group", &each.name, &problem))?;
        standing.group(id.clone(), group);
        let before = desk.groups.insert(each.name.get_ref().clone(), id);
        if before.is_some() {
            return Err(desk.wrong("action_group", &each.name, "is there twice"));
        }
    }
    for each in &tables.budget {
        let put = desk.budget(each)?;
        standing.put(desk.tried("budget", &each.name, put)?);
    }
    for each in &tables.anomaly_rule {
        let put = desk.anomaly_rule(each)?;
        standing.put(desk.tried("anomaly_rule", &each.name, put)?);
    }
    for each in &tables.export {
        let put = desk.export(each)?;
        standing.put(desk.tried("export", &each.name, put)?);
    }
    Ok(standing)
}

/// Where documents are written and tried.
struct Desk<'a> {
    world: &'a World,
    text: &'a str,
    trial: Trial,
    /// Ids of action groups by name.
    groups: BTreeMap<String, String>,
    /// Paths that are taken.
    seen: Vec<String>,
}

impl Desk<'_> {
    fn wrong(&self, table: &str, name: &Spanned<String>, problem: &str) -> ScenarioError {
        let message = format!("{table} \"{}\": {problem}", name.get_ref());
        ScenarioError::at(self.text, name.span(), message)
    }

    /// The document, if Azure takes it and has none by that name yet.
    fn tried(
        &mut self,
        table: &str,
        name: &Spanned<String>,
        put: Put,
    ) -> Result<Put, ScenarioError> {
        let path = put.path.to_lowercase();
        if self.seen.contains(&path) {
            return Err(self.wrong(table, name, "is there twice at the same place"));
        }
        self.seen.push(path);
        let tried = self.trial.put(&put);
        tried.map_err(|problem| self.wrong(table, name, &problem))?;
        Ok(put)
    }

    fn subscription(&self, name: &str) -> Result<&Subscription, String> {
        let known = &self.world.subscriptions;
        let mut found = known.iter();
        found
            .find(|each| each.name == name || each.id == name)
            .ok_or_else(|| {
                let names = known.iter().map(|each| each.name.as_str());
                unknown("subscription", name, names)
            })
    }

    fn resource_group(&self, name: &str) -> Result<String, String> {
        let Some((subscription, group)) = name.split_once('/') else {
            return Err(format!(
                "\"{name}\" is no resource group; it is written \"subscription/group\""
            ));
        };
        let subscription = self.subscription(subscription)?;
        let mut groups = subscription.groups.iter();
        if groups.any(|each| each.name == group) {
            return Ok(format!(
                "/subscriptions/{}/resourceGroups/{group}",
                subscription.id
            ));
        }
        let names = subscription.groups.iter().map(|each| each.name.as_str());
        Err(unknown("resource group", group, names))
    }

    /// The path of a place.
    fn scope(&self, place: &Spanned<Place>) -> Result<String, ScenarioError> {
        let world = self.world;
        let account = format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            world.billing_account
        );
        let part = |what: &str, below: &str, known: Vec<&Named>, name: &str, fits: bool| {
            if !fits {
                let agreement = world.agreement;
                return Err(format!("the agreement {agreement} has no {what}s"));
            }
            let mut found = known.iter();
            found
                .find(|each| each.name == *name || each.id == *name)
                .map(|each| format!("{account}/{below}/{}", each.id))
                .ok_or_else(|| unknown(what, name, known.iter().map(|each| each.name.as_str())))
        };
        let enterprise = world.agreement == Agreement::Enterprise;
        let modern = world.agreement.is_modern();
        let parts = || world.sections().iter().map(|each| &each.part).collect();
        let path = match place.get_ref() {
            Place::Account => Ok(account.clone()),
            Place::ManagementGroup => Ok(format!(
                "/providers/Microsoft.Management/managementGroups/{}",
                world.management_group
            )),
            Place::Subscription(name) => (self.subscription(name))
                .map(|subscription| format!("/subscriptions/{}", subscription.id)),
            Place::ResourceGroup(name) => self.resource_group(name),
            Place::Department(name) => part(
                "department",
                "departments",
                world.parents(),
                name,
                enterprise,
            ),
            Place::EnrollmentAccount(name) => part(
                "enrollment account",
                "enrollmentAccounts",
                parts(),
                name,
                enterprise,
            ),
            Place::Profile(name) => part(
                "billing profile",
                "billingProfiles",
                world.parents(),
                name,
                modern,
            ),
            Place::Section(name) => {
                part("invoice section", "invoiceSections", parts(), name, modern)
            }
            Place::Customer(name) => {
                let fits = world.agreement == Agreement::Partner;
                part("customer", "customers", world.customers(), name, fits)
            }
        };
        path.map_err(|problem| ScenarioError::at(self.text, place.span(), format!("at: {problem}")))
    }

    fn group_id(&self, each: &ActionGroup) -> Result<String, ScenarioError> {
        let group = self.resource_group(each.resource_group.get_ref());
        let group = group.map_err(|problem| {
            let place = each.resource_group.span();
            ScenarioError::at(self.text, place, format!("resource_group: {problem}"))
        })?;
        Ok(format!(
            "{group}/providers/microsoft.insights/actionGroups/{}",
            each.name.get_ref()
        ))
    }

    fn budget(&self, each: &Budget) -> Result<Put, ScenarioError> {
        let scope = self.scope(&each.at)?;
        // Utilization and customers are of the newer provider; it shows the older one's budgets.
        let is_newer = each.category != "Cost" || matches!(each.at.get_ref(), Place::Customer(_));
        let provider = if is_newer {
            ("Microsoft.CostManagement", "2025-03-01")
        } else {
            ("Microsoft.Consumption", "2024-08-01")
        };
        let start = each.start.0;
        let mut period = Object::new().with("startDate", instant(each.start));
        if let Some(end) = each.end {
            period = period.with("endDate", instant(end));
        }
        let mut notifications = Object::new();
        for (key, told) in &each.notifications {
            notifications = notifications.with(key, self.notification(each, told)?);
        }
        let mut properties = Object::new()
            .with("category", &each.category)
            .with("timeGrain", &each.grain)
            .with("timePeriod", period)
            .with("notifications", notifications);
        if let Some(amount) = each.amount {
            properties = properties.with("amount", Exact(amount.0));
        }
        if let Some(filter) = &each.filter {
            properties = properties.with("filter", filter.body());
        }
        Ok(Put {
            path: format!(
                "{scope}/providers/{}/budgets/{}?api-version={}",
                provider.0,
                each.name.get_ref(),
                provider.1
            ),
            body: text(Object::new().with("properties", properties)),
            // Azure takes a start in the past within the current period only.
            on: start.min(self.world.today),
        })
    }

    fn notification(&self, budget: &Budget, each: &Notification) -> Result<Object, ScenarioError> {
        let usual = if budget.category == "Cost" {
            "GreaterThan"
        } else {
            "LessThan"
        };
        let mut groups = Vec::new();
        for name in &each.action_groups {
            let id = self.groups.get(name.get_ref()).ok_or_else(|| {
                let names = self.groups.keys().map(String::as_str);
                let problem = unknown("action group", name.get_ref(), names);
                ScenarioError::at(self.text, name.span(), problem)
            })?;
            groups.push(id);
        }
        let kind = if each.forecast {
            "Forecasted"
        } else {
            "Actual"
        };
        let mut told = Object::new()
            .with("enabled", each.enabled)
            .with("operator", each.operator.as_deref().unwrap_or(usual))
            .with("threshold", Exact(each.threshold.0))
            .with("thresholdType", kind)
            .with("contactEmails", &each.emails)
            .with("contactRoles", &each.roles)
            .with("contactGroups", groups);
        if let Some(locale) = &each.locale {
            told = told.with("locale", locale);
        }
        if let Some(frequency) = &each.frequency {
            told = told.with("frequency", frequency);
        }
        Ok(told)
    }

    fn anomaly_rule(&self, each: &AnomalyRule) -> Result<Put, ScenarioError> {
        let subscription = self.subscription(each.subscription.get_ref());
        let subscription = subscription
            .map_err(|problem| ScenarioError::at(self.text, each.subscription.span(), problem))?;
        let scope = format!("/subscriptions/{}", subscription.id);
        let view = format!(
            "{scope}/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup"
        );
        let notification = Object::new()
            .with("to", &each.emails)
            .with("subject", format!("Costs of {}", subscription.name));
        let schedule = Object::new()
            .with("frequency", "Daily")
            .with("startDate", instant(each.start))
            .with("endDate", instant(each.end));
        let properties = Object::new()
            .with("displayName", each.name.get_ref())
            .with("notification", notification)
            .with("schedule", schedule)
            .with("status", "Enabled")
            .with("viewId", view);
        Ok(Put {
            path: format!(
                "{scope}/providers/Microsoft.CostManagement/scheduledActions/{}\
                 ?api-version=2025-03-01",
                each.name.get_ref()
            ),
            body: text(
                Object::new()
                    .with("kind", "InsightAlert")
                    .with("properties", properties),
            ),
            on: each.start.0.min(self.world.today),
        })
    }

    fn export(&self, each: &Export) -> Result<Put, ScenarioError> {
        let scope = self.scope(&each.at)?;
        let storage = (self.world.subscriptions.first()).map_or_else(String::new, |first| {
            let group = first.groups.first().map_or("costs", |group| &group.name);
            format!(
                "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Storage\
                 /storageAccounts/contosocosts",
                first.id
            )
        });
        let destination = Object::new()
            .with("resourceId", storage)
            .with("container", &each.container)
            .with("rootFolderPath", &each.folder);
        let definition = Object::new()
            .with("type", &each.kind)
            .with("timeframe", "MonthToDate")
            .with("dataSet", Object::new().with("granularity", "Daily"));
        let years = Day(each.start.0.saturating_add(5.years()));
        let period = Object::new()
            .with("from", instant(each.start))
            .with("to", instant(years));
        let schedule = Object::new()
            .with("status", "Active")
            .with("recurrence", "Daily")
            .with("recurrencePeriod", period);
        let properties = Object::new()
            .with("format", "Csv")
            .with("partitionData", true)
            .with(
                "deliveryInfo",
                Object::new().with("destination", destination),
            )
            .with("definition", definition)
            .with("schedule", schedule);
        Ok(Put {
            path: format!(
                "{scope}/providers/Microsoft.CostManagement/exports/{}?api-version=2025-03-01",
                each.name.get_ref()
            ),
            body: text(Object::new().with("properties", properties)),
            on: each.start.0.min(self.world.today),
        })
    }
}

impl Filter {
    fn body(&self) -> Object {
        let values = |each: &Values| {
            Object::new()
                .with("name", &each.name)
                .with("operator", "In")
                .with("values", &each.values)
        };
        let mut body = Object::new();
        if let Some(dimension) = &self.dimension {
            body = body.with("dimensions", values(dimension));
        }
        if let Some(tag) = &self.tag {
            body = body.with("tags", values(tag));
        }
        if let Some(and) = &self.and {
            let parts: Vec<Object> = and.iter().map(Filter::body).collect();
            body = body.with("and", parts);
        }
        body
    }
}

fn instant(day: Day) -> String {
    format!("{}T00:00:00Z", day.0)
}

fn text(body: Object) -> String {
    serde_json::to_string(&body).expect("documents hold nothing that JSON cannot")
}

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<String> = known.map(|name| format!("\"{name}\"")).collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    format!("\"{name}\" is no {what} here; there is {known}")
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;

    #[test]
    fn documents_that_azure_would_refuse_are_told_with_their_line() {
        let base = "today = 2026-11-18\n[[subscription]]\nname = \"Shop\"\nmonthly = 100\n";
        let start = "[[budget]]\nname = \"b\"\nstart = 2026-11-01\nat = ";
        let shop = format!("{start}{{ subscription = \"Shop\" }}\n");
        let told = "[budget.notifications.n]\nthreshold = 80\n";
        for (more, line, words) in [
            (
                format!("{start}{{ subscription = \"Shops\" }}\namount = 1"),
                8,
                "at: \"Shops\" is no subscription here; there is \"Shop\"",
            ),
            (
                format!("{start}{{ resource_group = \"Shop/web\" }}\namount = 1"),
                8,
                "there is \"shop-prod\", \"shop-dev\"",
            ),
            (
                format!("{start}{{ resource_group = \"web\" }}\namount = 1"),
                8,
                "is written \"subscription/group\"",
            ),
            (
                format!("{start}{{ profile = \"Europe\" }}\namount = 1"),
                8,
                "the agreement enterprise has no billing profiles",
            ),
            (format!("{start}\"acount\"\namount = 1"), 8, "unknown variant `acount`"),
            (shop.clone(), 6, "budget \"b\": Invalid budget configuration: the amount"),
            (format!("{shop}amount = 1\ngrain = \"Weekly\""), 6, "the time grain must be one of"),
            (format!("{shop}amount = 1\ngrains = 1"), 10, "unknown field `grains`"),
            (
                format!("{shop}amount = 1\nfilter = {{ dimensions = 1 }}"),
                10,
                "unknown field `dimensions`",
            ),
            (
                format!("{shop}amount = 1\nfilter = {{ dimension = {{ name = \"Weather\", values = [\"x\"] }} }}"),
                6,
                "the dimension 'Weather' is unknown",
            ),
            (format!("{shop}amount = 1\n{told}"), 6, "nobody to tell"),
            (
                format!("{shop}amount = 1\n{told}action_groups = [\"ops\"]"),
                12,
                "\"ops\" is no action group here; there is none",
            ),
            (
                format!("{shop}amount = 1\n{}", shop.clone() + "amount = 2"),
                11,
                "is there twice",
            ),
            (
                "[[action_group]]\nname = \"a\"\nresource_group = \"Shop/shop-prod\"\nurl = \"http://contoso.example/\"".to_owned(),
                6,
                "no http:// address of this machine",
            ),
            (
                "[[anomaly_rule]]\nname = \"a\"\nsubscription = \"Shop\"\nemails = []\nstart = 2026-01-01\nend = 2026-12-31".to_owned(),
                6,
                "1 to 20 addresses",
            ),
            (
                "[[export]]\nname = \"e\"\nat = \"account\"\ncontainer = \"\"\nstart = 2026-01-01".to_owned(),
                6,
                "container is missing",
            ),
        ] {
            let error = Scenario::parse(&format!("{base}{more}\n")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(words), "{more}: {error}");
            assert!(error.contains(&format!("line {line}")), "{more}: {error}");
        }
    }
}
