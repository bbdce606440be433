//! Budgets back into TOML, to be pasted into a configuration file.

mod native;

use std::fmt::Write;

use budget_engine::{Budget, Filter, Planned, Statistic, Threshold};
use jiff::civil::Date;
use native_budgets::Settings;
use rust_decimal::Decimal;

use super::Config;
use super::read::default_severity;

pub use native::imported_toml;

/// A budget as the `[[budget]]` table that reads as it beside the rest of its configuration, with all
/// that it has. What is as in `[defaults]` and may differ from threshold to threshold is left to it.
/// The settings `native` are no part of a budget and not in it.
pub fn budget_toml(budget: &Budget, config: &Config) -> String {
    table(budget, Origin::Configuration(config))
}

/// Where a budget that is written comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// A configuration, which knows more of it.
    Configuration(&'a Config),
    /// Azure, with how it is kept there. What Azure does not know is left to `[defaults]`.
    Azure(&'a Settings),
}

fn table(budget: &Budget, origin: Origin<'_>) -> String {
    let mut lines = vec!["[[budget]]".to_owned()];
    let mut add = |key: &str, value: String| lines.push(format!("{key} = {value}"));
    add("id", quoted(&budget.id));
    if budget.name != budget.id {
        add("name", quoted(&budget.name));
    }
    if let Some(parent) = &budget.parent {
        add("parent", quoted(parent));
    }
    if !budget.scopes.is_empty() {
        add(
            "scopes",
            list(budget.scopes.iter().map(ToString::to_string)),
        );
    }
    add("currency", quoted(budget.currency.code()));
    add("amount", planned(&budget.planned));
    add("grain", quoted(budget.calendar.grain().as_str()));
    let day = |day: Date| day.to_string();
    if let Some(starts) = budget.starts {
        add("starts", day(starts));
    }
    if let Some(ends) = budget.ends {
        add("ends", day(ends));
    }
    add("cost_basis", quoted(budget.cost_basis.as_str()));
    if !budget.exclude.is_empty() {
        let categories = budget.exclude.iter().map(|one| one.as_str().to_owned());
        add("exclude", list(categories));
    }
    if let Some(condition) = &budget.filter {
        add("filter", filter(condition));
    }
    if !budget.owners.is_empty() {
        add("owners", list(budget.owners.iter().cloned()));
    }
    match origin {
        Origin::Azure(settings) => add("native", native::of_budget(settings)),
        Origin::Configuration(config) if budget.margin != config.inherited.margin => {
            add("margin_percent", number(budget.margin));
        }
        Origin::Configuration(_) => {}
    }
    for threshold in &budget.thresholds {
        lines.push(String::new());
        lines.extend(threshold_lines(threshold));
        match origin {
            Origin::Azure(settings) => {
                let own = native::of_threshold(settings, &threshold.id);
                lines.extend(own.map(|own| format!("native = {own}")));
            }
            Origin::Configuration(config) => {
                lines.extend(own_lines(&budget.id, threshold, config));
            }
        }
    }
    lines.join("\n") + "\n"
}

/// What a threshold has of its own that Azure does not know.
fn own_lines(budget: &str, threshold: &Threshold, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if threshold.severity != default_severity(&threshold.when) {
        let severity = quoted(threshold.severity.as_str());
        lines.push(format!("severity = {severity}"));
    }
    let (own, base) = (&threshold.follow_up, &config.inherited.follow_up);
    // 0 switches off what is inherited.
    for (key, own, base) in [
        (
            "remind_every_hours",
            own.remind_every_hours,
            base.remind_every_hours,
        ),
        (
            "escalate_after_hours",
            own.escalate_after_hours,
            base.escalate_after_hours,
        ),
    ] {
        if own != base {
            lines.push(format!("{key} = {}", own.unwrap_or(0)));
        }
    }
    if own.escalate_to != base.escalate_to {
        let to = list(own.escalate_to.iter().cloned());
        lines.push(format!("escalate_to = {to}"));
    }
    let actions = config.actions.of(budget, &threshold.id);
    if !actions.is_empty() {
        lines.push(format!("actions = {}", list(actions.iter().cloned())));
    }
    lines
}

fn threshold_lines(threshold: &Threshold) -> Vec<String> {
    let mut lines = vec!["[[budget.threshold]]".to_owned()];
    let mut add = |key: &str, value: String| lines.push(format!("{key} = {value}"));
    if threshold.id != threshold.when.default_id() {
        add("id", quoted(&threshold.id));
    }
    add("when", quoted(&threshold.when.to_string()));
    if matches!(threshold.when, budget_engine::When::Forecast(_)) {
        add("probability", number(threshold.probability));
    }
    // Without any it is left to [defaults].
    if !threshold.notify.is_empty() {
        add("notify", list(threshold.notify.iter().cloned()));
    }
    lines
}

fn planned(planned: &Planned) -> String {
    match planned {
        Planned::Flat(amount) => number(*amount),
        Planned::PerPeriod(amounts) => {
            let amounts = amounts.iter();
            let amounts = amounts.map(|(day, amount)| format!("\"{day}\" = {}", number(*amount)));
            format!("{{ {} }}", amounts.collect::<Vec<_>>().join(", "))
        }
        Planned::History {
            statistic,
            periods,
            plus_percent,
        } => {
            let statistic = match statistic {
                Statistic::Median => "median",
                Statistic::Mean => "mean",
                Statistic::Max => "max",
            };
            let percent = number(*plus_percent);
            format!("{{ history = \"{statistic} {periods} periods\", plus_percent = {percent} }}")
        }
    }
}

fn filter(condition: &Filter) -> String {
    let parts = |parts: &[Filter]| parts.iter().map(filter).collect::<Vec<_>>().join(", ");
    match condition {
        Filter::All(all) => format!("{{ all = [{}] }}", parts(all)),
        Filter::Any(any) => format!("{{ any = [{}] }}", parts(any)),
        Filter::Not(part) => format!("{{ not = {} }}", filter(part)),
        Filter::Dimension { name, values } => {
            let values = list(values.iter().cloned());
            format!("{{ dimension = \"{name}\", in = {values} }}")
        }
        Filter::Tag { name, values } => {
            let (name, values) = (quoted(name.as_str()), list(values.iter().cloned()));
            format!("{{ tag = {name}, in = {values} }}")
        }
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.map(|value| quoted(&value)).collect();
    format!("[{}]", values.join(", "))
}

/// A number without needless digits.
fn number(number: Decimal) -> String {
    number.normalize().to_string()
}

/// A basic string of TOML. Characters that a reader would not see are escaped, and so are those that
/// turn the direction of writing: nothing hides from a review.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || is_unseen(c) => {
                // Writing to a text cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Config;

    const HEAD: &str = "version = 1\ncurrency = \"USD\"\n[source]\nkind = \"files\"\npaths = [\"costs.csv\"]\n\
                        [channel.mail]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example:587\"\n\
                        from = \"Cost <cost@contoso.example>\"\n";

    fn read(text: &str) -> Config {
        let text = format!("{HEAD}{text}");
        let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), text.clone())]);
        config.unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[track_caller]
    fn reads_as_the_same(before: &str, budgets: &str) {
        let config = read(&format!("{before}{budgets}"));
        let budgets = config.budgets.iter();
        let text: Vec<String> = budgets.map(|one| budget_toml(one, &config)).collect();
        let text = text.join("\n");
        let again = read(&format!("{before}{text}"));
        assert!(again.budgets.iter().eq(config.budgets.iter()), "{text}");
        assert_eq!(again.actions.asked, config.actions.asked, "{text}");
    }

    #[test]
    fn what_is_written_reads_as_the_same_budget() {
        reads_as_the_same(
            "",
            r#"
            [[budget]]
            id = "parent"
            amount = { "2026-01" = 100, "2026-02" = 120.50 }
            currency = "EUR"
            notify = ["mail"]
            [[budget]]
            id = "child"
            parent = "parent"
            name = "A \"name\"\twith \\ and \u007F"
            scopes = ["/subscriptions/a/resourceGroups/b"]
            currency = "EUR"
            amount = { history = "median 3 periods", plus_percent = 12.5 }
            grain = "quarterly"
            starts = 2026-02-01
            ends = 2027-01-31
            cost_basis = "amortized"
            exclude = ["Tax", "Purchase"]
            owners = ["tag:owner", "lead@contoso.example"]
            filter = { all = [{ tag = "env", in = ["prod", ""] }, { not = { dimension = "ServiceName", in = ["Bandwidth"] } }, { any = [] }] }
            [[budget.threshold]]
            id = "late"
            when = "actual every 5%"
            notify = ["mail"]
            [[budget.threshold]]
            when = "forecast 100%"
            probability = 65
            notify = ["mail"]
            "#,
        );
    }

    #[test]
    fn what_budgets_and_thresholds_say_of_their_own_is_written() {
        let budgets = r#"
            [[budget]]
            id = "web"
            scopes = ["/subscriptions/a"]
            amount = 100
            margin_percent = 3
            notify = ["mail"]
            remind_every_hours = 12
            [[budget.threshold]]
            id = "stop"
            when = "actual 90%"
            severity = "critical"
            actions = ["tag"]
            escalate_after_hours = 4
            escalate_to = ["mail"]
            [[budget.threshold]]
            when = "actual 100%"
            severity = "info"
            remind_every_hours = 0
            [[budget]]
            id = "plain"
            scopes = ["/subscriptions/b"]
            amount = 100
            thresholds = ["actual 80%"]
            notify = ["mail"]
            "#;
        let action = "[action.tag]\nkind = \"add-tag\"\ntag = \"over\"\nvalue = \"yes\"\n";
        let defaults = "[defaults]\nmargin_percent = 2\nremind_every_hours = 24\n\
                        escalate_after_hours = 8\nescalate_to = [\"mail\"]\n";
        for before in [action.to_owned(), format!("{action}{defaults}")] {
            reads_as_the_same(&before, budgets);
            let config = read(&format!("{before}{budgets}"));
            let plain = config.budgets.get("plain").unwrap();
            let text = budget_toml(plain, &config);
            for key in ["margin", "severity", "remind", "escalate", "actions"] {
                assert!(!text.contains(key), "{text}");
            }
        }
    }
}
