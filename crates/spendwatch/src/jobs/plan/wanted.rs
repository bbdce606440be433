//! What the configuration wants Azure to have, and what cannot be planned.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{Budget, Currency, Planned, Scope};
use native_budgets::{Desired, Live, Loss, collisions, compile, period_to_plan};
use rust_decimal::Decimal;

use super::Unplanned;
use crate::app::App;
use crate::clock::day_of;
use crate::config::Config;
use crate::jobs::evaluate;

/// What the configuration wants Azure to have.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) desired: Vec<Desired>,
    pub(crate) losses: Vec<Loss>,
    /// Budgets of which nothing can be said now. What Azure has of them is left.
    pub(crate) unplanned: Vec<Unplanned>,
}

impl Wanted {
    /// Compiles all budgets that are to be kept in Azure.
    pub(crate) async fn of(app: &App) -> anyhow::Result<Wanted> {
        let today = day_of(app.now());
        let config = app.config();
        let amounts = Amounts::of(app).await?;
        let mut wanted = Wanted::default();
        for budget in config.budgets.iter() {
            let Some(settings) = config.native.settings.get(&budget.id) else {
                continue;
            };
            let planned = amounts.of_budget(budget, today);
            if let (Planned::History { .. }, Err(problem), Ok(_)) =
                (&budget.planned, &planned, period_to_plan(budget, today))
            {
                wanted.unplanned.push(Unplanned {
                    budget: budget.id.clone(),
                    problem: problem.clone(),
                });
                continue;
            }
            let compiled = compile(&config.budgets, budget, settings, &planned, today);
            wanted.desired.extend(compiled.desired);
            wanted.losses.extend(compiled.losses);
        }
        wanted.desired.extend(config.native.budgets.iter().cloned());
        wanted.set_colliding_aside();
        Ok(wanted)
    }

    /// Takes out budgets that would be one and the same in Azure: no plan of them comes to rest.
    fn set_colliding_aside(&mut self) {
        for (scope, name, budgets) in collisions(&self.desired) {
            self.desired.retain(|desired| {
                desired.scope != scope || !desired.budget.name.eq_ignore_ascii_case(&name)
            });
            let problem = format!(
                "{} would all be the budget `{name}` of {scope} in Azure: give one of them another \
                 name with `native = {{ name = \"…\" }}`",
                budgets.join(", ")
            );
            let unplanned = budgets.into_iter().map(|budget| Unplanned {
                budget,
                problem: problem.clone(),
            });
            self.unplanned.extend(unplanned);
        }
    }

    /// Takes out budgets whose amounts Azure would take in another currency than they are in. Azure's
    /// budgets name none; the spend that Azure shows at a scope does.
    pub(super) fn set_other_currencies_aside(&mut self, config: &Config, live: &[Live]) {
        let mut units: BTreeMap<&Scope, &str> = BTreeMap::new();
        for each in live {
            let spent = each.budget.current_spend.as_ref();
            // Use of reservations is in percent.
            let unit = spent.filter(|spent| spent.unit.parse::<Currency>().is_ok());
            units.extend(unit.map(|spent| (&each.scope, spent.unit.as_str())));
        }
        let mut unplanned = Vec::new();
        self.desired.retain(|desired| {
            let budget = desired.of.as_ref().and_then(|id| config.budgets.get(id));
            let (Some(budget), Some(unit)) = (budget, units.get(&desired.scope)) else {
                return true;
            };
            let is_same = unit.eq_ignore_ascii_case(budget.currency.code());
            if !is_same {
                unplanned.push(Unplanned {
                    budget: budget.id.clone(),
                    problem: format!(
                        "Azure counts in {unit} at {}, and its amount is in {}: set `currency = \
                         \"{unit}\"` and the amount in it",
                        desired.scope, budget.currency
                    ),
                });
            }
            is_same
        });
        self.unplanned.extend(unplanned);
    }

    /// Whether something of a budget is wanted.
    pub(crate) fn has(&self, budget: &str) -> bool {
        let mut desired = self.desired.iter();
        desired.any(|desired| desired.of.as_deref() == Some(budget))
    }
}

/// The amounts of budgets that follow from what was spent.
struct Amounts(BTreeMap<String, Result<(String, Decimal), String>>);

impl Amounts {
    /// Reads costs only if an amount follows from them that no evaluation of this period has worked
    /// out yet.
    async fn of(app: &App) -> anyhow::Result<Amounts> {
        let today = day_of(app.now());
        let config = app.config();
        let from_history = |budget: &&Budget| {
            matches!(budget.planned, Planned::History { .. })
                && config.native.settings.contains_key(&budget.id)
        };
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        let mut amounts = BTreeMap::new();
        let mut reports = Vec::new();
        if config.budgets.iter().any(|budget| from_history(&budget)) {
            reports = app.last_reports().await?;
        }
        for budget in config.budgets.iter().filter(from_history) {
            let key = period_to_plan(budget, today).map(|period| budget.calendar.key(&period));
            let report = reports.iter().find(|report| report.budget == budget.id);
            let known = report.and_then(known_amount);
            match (key, known) {
                (Ok(key), Some(known)) if known.0 == key => {
                    amounts.insert(budget.id.clone(), Ok(known));
                }
                _ => drop(missing.insert(&budget.id)),
            }
        }
        for read in app.reads()? {
            if !read.budgets.iter().any(|id| missing.contains(id.as_str())) {
                continue;
            }
            let dry = evaluate::Options {
                dry_run: true,
                ..evaluate::Options::default()
            };
            match evaluate::run(app, &read, &dry).await {
                Ok(report) => {
                    for report in report.budgets {
                        let amount = known_amount(&report).ok_or_else(|| {
                            let problem = report.problem.clone();
                            problem
                                .unwrap_or_else(|| "its amount could not be worked out".to_owned())
                        });
                        if missing.contains(report.budget.as_str()) {
                            amounts.insert(report.budget, amount);
                        }
                    }
                }
                Err(error) => {
                    let problem =
                        format!("its amount follows from costs, which cannot be read: {error:#}");
                    for id in read
                        .budgets
                        .iter()
                        .filter(|id| missing.contains(id.as_str()))
                    {
                        amounts.insert(id.clone(), Err(problem.clone()));
                    }
                }
            }
        }
        Ok(Amounts(amounts))
    }

    fn of_budget(&self, budget: &Budget, today: jiff::civil::Date) -> Result<Decimal, String> {
        let period = period_to_plan(budget, today)?;
        match &budget.planned {
            Planned::Flat(amount) => Ok(*amount),
            Planned::PerPeriod(amounts) => amounts.get(&period.start()).copied().ok_or_else(|| {
                let label = budget.calendar.label(&period);
                format!("the configuration has no amount for {label}")
            }),
            Planned::History { .. } => match self.0.get(&budget.id) {
                Some(Ok((_, amount))) => Ok(amount.round_dp(2)),
                Some(Err(problem)) => Err(problem.clone()),
                None => Err("its amount could not be worked out".to_owned()),
            },
        }
    }
}

/// The period and amount of a report.
fn known_amount(report: &evaluate::BudgetReport) -> Option<(String, Decimal)> {
    let status = report.status.as_ref()?;
    Some((status.period_key.clone(), status.planned.amount))
}
