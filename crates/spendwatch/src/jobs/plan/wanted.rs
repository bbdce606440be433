//! What the configuration wants Azure to have, and what cannot be planned.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::Budget as AzureBudget;
use budget_engine::{Budget, Currency, Planned, Scope};
use native_budgets::{Desired, Effect, Live, Loss, collisions, compile, last_day, period_to_plan};
use rust_decimal::Decimal;

use super::Unplanned;
use super::created::Created;
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::evaluate;

/// What the configuration wants Azure to have.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) desired: Vec<Desired>,
    pub(crate) losses: Vec<Loss>,
    /// Budgets of which nothing can be said now. What Azure has of them is left.
    pub(crate) unplanned: Vec<Unplanned>,
    /// Ids of budgets that Azure can never keep as they are configured, with the setting that it is
    /// about.
    pub(super) lasting: BTreeMap<String, String>,
    /// What is not wanted because Azure would take the amount in another currency.
    other_currency: Vec<Desired>,
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
            if let (Err(problem), Ok(_)) = (&planned, period_to_plan(budget, today)) {
                wanted.unplanned.push(Unplanned {
                    budget: budget.id.clone(),
                    problem: problem.clone(),
                });
                continue;
            }
            let compiled = compile(&config.budgets, budget, settings, &planned, today);
            if compiled.desired.is_none()
                && let Some(loss) = compiled.losses.iter().find(|loss| !loss.may_pass())
            {
                let about = loss.about.clone();
                wanted.lasting.insert(budget.id.clone(), about);
            }
            wanted.desired.extend(compiled.desired);
            wanted.losses.extend(compiled.losses);
        }
        let described = config.native.budgets.iter().cloned();
        // Azure takes a new budget from the period that is running only, and keeps the start of one
        // that it has.
        for desired in described.map(|desired| desired.made_on(today)) {
            match last_day(&desired.budget).filter(|ends| *ends < today) {
                None => wanted.desired.push(desired),
                // Azure takes none that is over.
                Some(ends) => wanted.losses.push(Loss {
                    budget: desired.budget.name,
                    about: "period".to_owned(),
                    effect: Effect::LeftOut,
                    reason: format!("it ended on {ends}"),
                }),
            }
        }
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
    pub(super) fn set_other_currencies_aside(
        &mut self,
        app: &App,
        live: &[Live],
        created: &Created,
    ) {
        let mut units: BTreeMap<&Scope, &str> = BTreeMap::new();
        for each in live {
            let spent = each.budget.current_spend.as_ref();
            // Use of reservations is in percent.
            let unit = spent.filter(|spent| spent.unit.parse::<Currency>().is_ok());
            units.extend(unit.map(|spent| (&each.scope, spent.unit.as_str())));
        }
        let now = app.now();
        let (budgets, unplanned) = (&app.config().budgets, &mut self.unplanned);
        let other_currency = self.desired.extract_if(.., |desired| {
            let budget = desired.of.as_ref().and_then(|id| budgets.get(id));
            let seen = units.get(&desired.scope).copied();
            let unit = seen.or_else(|| created.unit(&desired.scope, now));
            let (Some(budget), Some(unit)) = (budget, unit) else {
                return false;
            };
            if unit.eq_ignore_ascii_case(budget.currency.code()) {
                return false;
            }
            unplanned.push(Unplanned {
                budget: budget.id.clone(),
                problem: format!(
                    "Azure counts in {unit} at {}, and its amount is in {}: set `currency = \
                     \"{unit}\"` and the amount in it",
                    desired.scope, budget.currency
                ),
            });
            true
        });
        self.other_currency = other_currency.collect();
    }

    /// Whether one of Azure's budgets has just the amount of one that is in another currency, so that
    /// it compares with other money.
    pub(super) fn is_in_wrong_currency(&self, scope: &Scope, live: &AzureBudget) -> bool {
        self.other_currency.iter().any(|desired| {
            desired.scope == *scope
                && desired.budget.name.eq_ignore_ascii_case(&live.name)
                && desired.budget.amount.map(|amount| amount.normalize())
                    == live.amount.map(|amount| amount.normalize())
        })
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
