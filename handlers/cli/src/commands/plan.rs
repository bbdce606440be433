//! `plan`: what has to be done so that Azure's own budgets are as configured. Nothing is written.

use native_budgets::{Action, Change, Effect, FieldChange, RuleChange};
use serde::Serialize;
use spendwatch::jobs::plan::{self, NativePlan, Options};

use super::Exit;
use crate::args::{Global, NativeOptions, Plan};
use crate::output::{self, Answer, Block, Cell, Color, Format, Records, talk};
use crate::progress::Counting;
use crate::setup::{self, State};
use crate::words::counted;

pub(super) async fn run(global: &Global, options: &Plan) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None).await?;
    let plan = make(&app, &options.native).await?;
    let answer = Planned(&plan);
    match global.output {
        Format::Markdown => output::print_blocks(global.output, &answer.markdown())?,
        format => output::print(format, &answer)?,
    }
    answer.tell_what_has_no_row(global.output);
    talk(&answer.summary());
    Ok(if !plan.is_whole() {
        Exit::Failed
    } else if plan.is_to_do() {
        Exit::ToDo
    } else {
        Exit::Fine
    })
}

/// Plans, with progress for whoever is looking.
pub(super) async fn make(
    app: &spendwatch::App,
    options: &NativeOptions,
) -> anyhow::Result<NativePlan> {
    let counting = Counting::new("reading budgets", "scopes");
    let options = Options {
        only: options.only.iter().cloned().collect(),
        prune: native_budgets::Prune {
            ours: options.prune,
            named: options.delete.iter().cloned().collect(),
        },
        prune_rules: native_budgets::Prune {
            ours: options.prune,
            named: options.delete_rule.iter().cloned().collect(),
        },
    };
    let native = &app.config().native;
    if native.settings.is_empty() && native.budgets.is_empty() && native.anomaly_alerts.is_empty() {
        talk(
            "no budget is to be kept in Azure: add a [native] table to the configuration, or \
             `native = true` to a budget",
        );
    }
    let plan = plan::run(app, &options, &|done, of| counting.told(done, of)).await;
    counting.end();
    let plan = plan?;
    // A name that is mistyped deletes nothing, which should not look like success.
    for named in &options.prune.named {
        let mut changes = plan.changes.iter();
        match changes.find(|change| named.is(&change.scope, &change.name)) {
            None => anyhow::bail!(
                "--delete {named}: there is no such budget at the scopes that were read; one at \
                 another scope is named SCOPE=NAME"
            ),
            Some(change) if change.desired.is_some() && change.action != Action::Replace => {
                talk(&format!(
                    "--delete {named}: the configuration wants it, so it stays: set `native = false` \
                     in its budget, or take it out"
                ));
            }
            Some(_) => {}
        }
    }
    for named in &options.prune_rules.named {
        let mut rules = plan.rules.iter();
        anyhow::ensure!(
            rules.any(|rule| named.is(&rule.subscription, &rule.name)),
            "--delete-rule {named}: there is no such anomaly alert at the subscriptions that were read; \
             one of another subscription is named SCOPE=NAME"
        );
    }
    Ok(plan)
}

/// A plan as it is shown.
pub(super) struct Planned<'a>(pub(super) &'a NativePlan);

impl Serialize for Planned<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Planned<'_> {
    /// How much of what: `Plan: 2 to create, 1 to update; 4 are left as they are.`
    pub(super) fn summary(&self) -> String {
        let count = |action| {
            let changes = self.0.changes.iter().map(|change| change.action);
            let all = changes.chain(self.0.rules.iter().map(|change| change.action));
            all.filter(|each| *each == action).count()
        };
        let actions = [
            Action::Create,
            Action::Update,
            Action::Replace,
            Action::Delete,
        ];
        let to_do: Vec<String> = actions
            .into_iter()
            .filter(|action| count(*action) > 0)
            .map(|action| format!("{} to {}", count(action), action.as_str()))
            .collect();
        let is_all_read = self.0.failures.is_empty();
        let to_do = match (to_do.is_empty(), is_all_read) {
            (false, _) => to_do.join(", "),
            (true, true) => "nothing to do".to_owned(),
            (true, false) if self.knows_nothing() => "nothing is known".to_owned(),
            (true, false) => "nothing to do where Azure could be read".to_owned(),
        };
        let left = match count(Action::Leave) {
            0 => String::new(),
            1 => "; 1 is left as it is".to_owned(),
            many => format!("; {many} are left as they are"),
        };
        let in_the_way = match self.0.in_the_way().count() {
            0 => String::new(),
            count => format!(
                "; {} in the way",
                counted(count, "budget of others is", "budgets of others are")
            ),
        };
        let failed = match self.0.failures.len() {
            0 => String::new(),
            count => format!("; {} could not be read", counted(count, "scope", "scopes")),
        };
        let unplanned = match self.0.unplanned.len() {
            0 => String::new(),
            count => format!(
                "; {} could not be planned",
                counted(count, "budget", "budgets")
            ),
        };
        let gone = match self.0.gone.len() {
            0 => String::new(),
            count => format!("; {} to forget", counted(count, "scope", "scopes")),
        };
        let vanished = match self.0.vanished.len() {
            0 => String::new(),
            count => format!("; {} to forget", counted(count, "budget", "budgets")),
        };
        let behind = match self.0.left_behind().count() {
            0 => String::new(),
            count => format!("; {} to --prune", counted(count, "old one", "old ones")),
        };
        format!("plan: {to_do}{behind}{gone}{vanished}{left}{in_the_way}{unplanned}{failed}")
    }

    /// Whether no budget and no rule came out of it, of which anything could be said.
    fn knows_nothing(&self) -> bool {
        self.0.changes.is_empty() && self.0.rules.is_empty()
    }

    /// Says on stderr what CSV has no row for: its rows are changes.
    pub(super) fn tell_what_has_no_row(&self, format: Format) {
        if format == Format::Csv {
            self.rest().for_each(|line| talk(line.text()));
        }
    }

    /// What is no change of a budget or a rule.
    fn rest(&self) -> impl Iterator<Item = Cell> + '_ {
        let known = self.gone().chain(self.losses());
        known.chain(self.failures())
    }

    /// For the comment of a pull request: each change as a diff.
    fn markdown(&self) -> Vec<Block> {
        let mut blocks = vec![Block::Lines(vec![Cell::from(self.summary())])];
        let diff: Vec<String> = self
            .0
            .to_do()
            .chain(self.0.left_behind())
            .flat_map(lines)
            .chain(self.0.rules_to_do().flat_map(rule_lines))
            .map(|line| line.for_diff())
            .collect();
        if !diff.is_empty() {
            blocks.push(Block::Verbatim {
                language: "diff",
                text: diff.join("\n"),
            });
        }
        let rest: Vec<Cell> = self.rest().collect();
        if !rest.is_empty() {
            blocks.push(Block::Lines(rest));
        }
        blocks
    }

    fn losses(&self) -> impl Iterator<Item = Cell> + '_ {
        self.0.losses.iter().map(|loss| {
            let (effect, color) = match loss.effect {
                Effect::LeftOut => ("not in Azure", Color::Yellow),
                Effect::Approximated => ("only similar in Azure", Color::Plain),
            };
            let text = format!("{}, {}: {effect}: {}", loss.budget, loss.about, loss.reason);
            Cell::colored(text, color)
        })
    }

    fn failures(&self) -> impl Iterator<Item = Cell> + '_ {
        let unplanned = self.0.unplanned.iter().map(|one| {
            let text = format!("{}: cannot be planned: {}", one.budget, one.problem);
            Cell::colored(text, Color::Red)
        });
        unplanned.chain(self.0.failures.iter().map(|failure| {
            let text = format!("{}: cannot be read: {}", failure.scope, failure.problem);
            Cell::colored(text, Color::Red)
        }))
    }

    /// What apply forgets: what was created at scopes that are gone, and what is gone itself.
    fn gone(&self) -> impl Iterator<Item = Cell> + '_ {
        let vanished = self.0.vanished.iter().map(|one| {
            let text = format!(
                "-   forget {} of {}: it was created here and is not there any more",
                one.name, one.scope
            );
            Cell::colored(text, Color::Red)
        });
        let scopes = self.0.gone.iter().map(|gone| {
            let rules = gone
                .rules
                .iter()
                .map(|rule| format!("anomaly alert {rule}"));
            let names: Vec<String> = gone.budgets.iter().cloned().chain(rules).collect();
            let text = format!(
                "-   forget {} of {}: Azure does not know the scope any more",
                names.join(", "),
                gone.scope
            );
            Cell::colored(text, Color::Red)
        });
        scopes.chain(vanished)
    }
}

impl Answer for Planned<'_> {
    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut changes: Vec<Cell> = Vec::new();
        for change in &self.0.changes {
            changes.extend(lines(change).into_iter().map(Line::into_cell));
        }
        for change in &self.0.rules {
            changes.extend(rule_lines(change).into_iter().map(Line::into_cell));
        }
        let rest: Vec<Cell> = self.rest().collect();
        for lines in [changes, rest] {
            if !lines.is_empty() {
                blocks.push(Block::Lines(lines));
            }
        }
        blocks
    }

    fn records(&self) -> Records {
        let columns = [
            "action", "scope", "provider", "name", "budget", "field", "before", "after", "reason",
        ];
        let mut records = Records::new(&columns);
        for change in &self.0.changes {
            let head = [
                change.action.as_str(),
                &change.scope.to_string(),
                &change.provider.to_string(),
                &change.name,
                change.of.as_deref().unwrap_or_default(),
            ];
            add_rows(&mut records, &head, &change.fields, &change.reason);
        }
        for change in &self.0.rules {
            let head = [
                change.action.as_str(),
                &change.subscription.to_string(),
                "anomaly-alert",
                &change.name,
                "",
            ];
            let problem = change.problem.as_deref().unwrap_or(&change.reason);
            add_rows(&mut records, &head, &change.fields, problem);
        }
        records
    }
}

/// A row for each field or, of a change without any, one with its reason.
fn add_rows(records: &mut Records, head: &[&str], fields: &[FieldChange], reason: &str) {
    let mut add = |rest: [&str; 4]| {
        let row = head.iter().copied().chain(rest);
        records.add(row.map(str::to_owned).collect());
    };
    if fields.is_empty() {
        add(["", "", "", reason]);
    }
    for field in fields {
        let before = field.before.as_deref().unwrap_or_default();
        let after = field.after.as_deref().unwrap_or_default();
        add([&field.field, before, after, &field.reason]);
    }
}

/// A line of a diff: what happens to what it names.
struct Line {
    sign: &'static str,
    text: String,
    is_field: bool,
}

impl Line {
    fn into_cell(self) -> Cell {
        let color = match self.sign {
            "+" => Color::Green,
            "-" => Color::Red,
            "~" | "-/+" | "!" => Color::Yellow,
            _ => Color::Plain,
        };
        let indent = if self.is_field { "      " } else { "" };
        Cell::colored(format!("{indent}{:3} {}", self.sign, self.text), color)
    }

    /// As pages color diffs: by the first character.
    fn for_diff(&self) -> String {
        let sign = match self.sign {
            "~" | "-/+" => "!",
            " " => "",
            sign => sign,
        };
        let indent = if self.is_field { "    " } else { "" };
        format!("{sign:1} {indent}{}", self.text)
    }
}

/// A change with its fields, each with its reason.
fn lines(change: &Change) -> Vec<Line> {
    let follows = match &change.of {
        Some(budget) if *budget != change.name => format!(" (budget {budget})"),
        _ => String::new(),
    };
    let text = format!(
        "{} {}{follows} of {}: {}",
        change.action.as_str(),
        change.name,
        change.scope,
        change.reason
    );
    let mut lines = with_fields(change.action, text, &change.fields);
    if change.is_left_behind() {
        lines[0].sign = "!";
    }
    lines
}

/// The same of a rule about unusual costs.
fn rule_lines(change: &RuleChange) -> Vec<Line> {
    let problem = match &change.problem {
        Some(problem) => format!("; it will not be done: {problem}"),
        None => String::new(),
    };
    let text = format!(
        "{} anomaly alert {} of {}: {}{problem}",
        change.action.as_str(),
        change.name,
        change.subscription,
        change.reason
    );
    with_fields(change.action, text, &change.fields)
}

fn with_fields(action: Action, text: String, fields: &[FieldChange]) -> Vec<Line> {
    let sign = match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "-/+",
        Action::Delete => "-",
        Action::Leave => " ",
    };
    let head = Line {
        sign,
        text,
        is_field: false,
    };
    let fields = fields.iter().map(field_line);
    std::iter::once(head).chain(fields).collect()
}

fn field_line(field: &FieldChange) -> Line {
    let (sign, values) = match (&field.before, &field.after) {
        (None, Some(after)) => ("+", after.clone()),
        (Some(before), None) => ("-", before.clone()),
        (Some(before), Some(after)) => ("~", format!("{before} -> {after}")),
        (None, None) => ("~", String::new()),
    };
    Line {
        sign,
        text: format!("{}: {values}  ({})", field.field, field.reason),
        is_field: true,
    }
}
