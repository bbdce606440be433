//! `apply`: shows the plan, asks, carries it out and checks what Azure keeps.

use std::io::{self, BufRead, IsTerminal};

use budget_engine::Scope;
use native_budgets::Action;
use serde::Serialize;
use spendwatch::jobs::apply::{self, Applied, AppliedRule};
use spendwatch::jobs::plan::NativePlan;

use super::Exit;
use super::plan::{Planned, make};
use crate::args::{Apply, Global, wrong_use};
use crate::output::{self, Answer, Block, Cell, Color, Format, Records, talk};
use crate::progress::Counting;
use crate::setup::{self, State};
use crate::words::counted;

pub(super) async fn run(global: &Global, options: &Apply) -> anyhow::Result<Exit> {
    let may_ask = io::stdin().is_terminal() && global.output == Format::Table;
    if !options.yes && !may_ask {
        return Err(wrong_use(
            "nobody can be asked here: look at `spendwatch plan` first, then apply with --yes",
        ));
    }
    let app = setup::app(global, State::Written, None).await?;
    let plan = make(&app, &options.native).await?;
    let planned = Planned(&plan);
    let for_people = matches!(global.output, Format::Table | Format::Markdown);
    if for_people {
        output::print_blocks(global.output, &planned.blocks())?;
    }
    planned.tell_what_has_no_row(global.output);
    talk(&planned.summary());
    let is_nothing = !plan.is_to_apply();
    if !is_nothing && !options.yes && !confirmed()? {
        talk("nothing was changed");
        return Ok(Exit::ToDo);
    }
    let counting = Counting::new("writing budgets", "changes");
    let applied = apply::run(&app, &plan, &|done, of| counting.told(done, of)).await;
    counting.end();
    let outcome = Outcome {
        plan: &plan,
        applied: applied?,
        applied_rules: apply::rules(&app, &plan).await,
    };
    output::print(global.output, &outcome)?;
    let failed = outcome.failed();
    if !is_nothing {
        talk(&format!(
            "applied: {} as wanted, {} not",
            outcome.applied.len() + outcome.applied_rules.len() - failed,
            failed
        ));
    }
    let is_fine = failed == 0 && plan.is_whole();
    Ok(if is_fine { Exit::Fine } else { Exit::Failed })
}

fn confirmed() -> anyhow::Result<bool> {
    talk("Carry this out in Azure? Only `yes` does.");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// What was planned, and what came of it.
#[derive(Serialize)]
struct Outcome<'a> {
    plan: &'a NativePlan,
    applied: Vec<Applied>,
    #[serde(rename = "appliedRules")]
    applied_rules: Vec<AppliedRule>,
}

impl Outcome<'_> {
    fn failed(&self) -> usize {
        let problems = self.applied.iter().map(|one| &one.problem);
        let all = problems.chain(self.applied_rules.iter().map(|one| &one.problem));
        all.filter(|problem| problem.is_some()).count()
    }

    /// Action, scope, name and problem of everything that was done.
    fn done(&self) -> impl Iterator<Item = (Action, &Scope, &str, &Option<String>)> {
        let budgets = self.applied.iter().map(|one| {
            let change = &one.change;
            (
                change.action,
                &change.scope,
                change.name.as_str(),
                &one.problem,
            )
        });
        let rules = self.applied_rules.iter().map(|one| {
            let change = &one.change;
            (
                change.action,
                &change.subscription,
                change.name.as_str(),
                &one.problem,
            )
        });
        budgets.chain(rules)
    }
}

impl Answer for Outcome<'_> {
    fn blocks(&self) -> Vec<Block> {
        let lines = self.done().map(|(action, scope, name, problem)| {
            let what = format!("{} {name} of {scope}", action.as_str());
            match problem {
                None => Cell::colored(format!("done: {what}"), Color::Green),
                Some(problem) => Cell::colored(format!("failed: {what}: {problem}"), Color::Red),
            }
        });
        let gone = self.plan.gone.iter().map(|gone| {
            let text = format!("done: forgot what was created at {}", gone.scope);
            Cell::colored(text, Color::Green)
        });
        let behind = self.plan.left_behind().map(|change| {
            let what = format!("{} of {}", change.name, change.scope);
            Cell::colored(format!("left: {what}: {}", change.reason), Color::Yellow)
        });
        let mut lines: Vec<Cell> = lines.chain(gone).chain(behind).collect();
        if lines.is_empty() {
            let scopes = counted(self.plan.scopes, "scope", "scopes");
            lines.push(match self.plan.failures.is_empty() {
                true => Cell::from(format!("nothing to do at {scopes}")),
                false => {
                    Cell::colored("nothing is known of scopes that cannot be read", Color::Red)
                }
            });
        }
        vec![Block::Lines(lines)]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["action", "scope", "name", "done", "problem"]);
        for (action, scope, name, problem) in self.done() {
            records.add(vec![
                action.as_str().to_owned(),
                scope.to_string(),
                name.to_owned(),
                problem.is_none().to_string(),
                problem.clone().unwrap_or_default(),
            ]);
        }
        records
    }
}
