//! One budget at its place in Azure: written with the version that was read, looked at, taken back if
//! Azure counts in another currency, and put back if its successor is refused.

use std::time::Duration;

use azure_cost::{Budget as AzureBudget, Client, Error};
use budget_engine::Currency;
use jiff::civil::Date;
use native_budgets::{
    Action, Change, Desired, Live, Origin, Provider, Prune, differences, first_day, made_on,
    plan_one,
};

use crate::sources::advice_for_budgets;

/// Waits before a budget is read again that does not show yet what was written.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// Whose the budget at a place is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Whose it was before.
    AsBefore,
    /// It was created here; an answer that got lost counts.
    Created,
    /// There is none any more.
    Gone,
}

/// What came of a change.
pub(super) struct Outcome {
    /// Why Azure does not have what is wanted; `None` if it has.
    pub(super) problem: Option<String>,
    pub(super) standing: Standing,
    /// The currency in which Azure counts there, if the amount is in another one.
    pub(super) unit: Option<String>,
}

/// Makes Azure's budget what the plan says, and looks whether it is. `currency` is the one that its
/// amount is in, if that is known.
pub(super) async fn carry_out(
    client: &Client,
    change: &Change,
    currency: Option<Currency>,
    today: Date,
) -> Outcome {
    let mut place = Place {
        client,
        change,
        currency,
        today,
        standing: Standing::AsBefore,
        unit: None,
    };
    let done = place.carry_out().await;
    Outcome {
        problem: done.err(),
        standing: place.standing,
        unit: place.unit,
    }
}

/// A write that was refused, and what became of a budget that it was to replace.
struct Refused {
    error: Error,
    left: Option<String>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { error, left: None }
    }
}

/// One place of a budget in Azure.
struct Place<'a> {
    client: &'a Client,
    change: &'a Change,
    currency: Option<Currency>,
    today: Date,
    standing: Standing,
    unit: Option<String>,
}

impl Place<'_> {
    async fn carry_out(&mut self) -> Result<(), String> {
        let Some(desired) = &self.change.desired else {
            return match self.change.action {
                Action::Delete => self.delete().await,
                _ => Ok(()),
            };
        };
        // Somebody may have written it since the plan was made; once more is enough, or they fight.
        let mut change = self.change.clone();
        for is_last in [false, true] {
            let Err(refused) = self.write(&change).await else {
                return self.look(desired).await;
            };
            let may_differ = matches!(
                refused.error,
                Error::Conflict { .. } | Error::Unavailable { .. }
            );
            if !may_differ || is_last {
                let left = refused.left.map(|left| format!("; {left}"));
                let left = left.unwrap_or_default();
                return Err(format!("{}{left}", self.advice(&refused.error)));
            }
            let live = self.read().await.map_err(|error| self.advice(&error))?;
            let live = live.map(|budget| self.live(budget));
            let again = plan_one(desired, live.as_ref(), &Prune::default());
            match again.action {
                Action::Leave if again.fields.is_empty() => return self.look(desired).await,
                Action::Leave => return Err(again.reason),
                // Nobody has agreed to a deletion that was not planned.
                Action::Replace if change.action != Action::Replace => {
                    return Err("it was changed since the plan was made: plan again".to_owned());
                }
                _ => change = again,
            }
        }
        Err("it was changed by somebody else twice: plan again".to_owned())
    }

    fn advice(&self, error: &Error) -> String {
        advice_for_budgets(error, &self.change.scope)
    }

    fn live(&self, budget: AzureBudget) -> Live {
        Live {
            scope: self.change.scope.clone(),
            provider: self.change.provider,
            budget,
            // What appears or changes between plan and apply is somebody else's, unless it was to be
            // replaced anyway.
            origin: match self.change.action {
                Action::Replace => Origin::Here {
                    of: self.change.of.clone(),
                },
                _ => Origin::Elsewhere,
            },
        }
    }

    async fn read(&self) -> Result<Option<AzureBudget>, Error> {
        let Change { scope, name, .. } = self.change;
        read(self.client, self.change.provider, scope, name).await
    }

    async fn put(&self, budget: &AzureBudget) -> Result<(), Error> {
        let scope = &self.change.scope;
        let put = match self.change.provider {
            Provider::Consumption => self.client.put_budget(scope, budget).await,
            Provider::CostManagement => self.client.put_cost_management_budget(scope, budget).await,
        };
        put.map(drop)
    }

    async fn remove(&self) -> Result<(), Error> {
        let (scope, name) = (&self.change.scope, &self.change.name);
        match self.change.provider {
            Provider::Consumption => self.client.delete_budget(scope, name).await,
            Provider::CostManagement => {
                self.client.delete_cost_management_budget(scope, name).await
            }
        }
    }

    async fn write(&mut self, change: &Change) -> Result<(), Refused> {
        let Some(budget) = &change.write else {
            return Ok(());
        };
        match change.action {
            Action::Create => {
                // A put without a version would overwrite what somebody created meanwhile.
                if self.read().await?.is_some() {
                    return Err(Refused::from(Error::Conflict {
                        operation: format!("create budget {} of {}", change.name, change.scope),
                        code: "Exists".to_owned(),
                        message: "somebody created it since the plan was made".to_owned(),
                    }));
                }
                let put = self.put(budget).await;
                self.standing = match put {
                    Ok(()) | Err(Error::Unavailable { .. }) => Standing::Created,
                    Err(_) => Standing::Gone,
                };
                Ok(put?)
            }
            Action::Replace => self.replace(change, budget).await,
            Action::Update => Ok(self.put(budget).await?),
            Action::Delete | Action::Leave => Ok(()),
        }
    }

    async fn replace(&mut self, change: &Change, budget: &AzureBudget) -> Result<(), Refused> {
        let seen = change.live.as_ref().and_then(|seen| seen.etag.as_ref());
        let live = self.read().await?;
        if live.is_some_and(|live| live.etag.as_ref() != seen) {
            return Err(Refused::from(Error::Conflict {
                operation: format!("replace budget {} of {}", change.name, change.scope),
                code: "Changed".to_owned(),
                message: "somebody changed it since the plan was made".to_owned(),
            }));
        }
        self.remove().await?;
        let Err(error) = self.put(budget).await else {
            self.standing = Standing::Created;
            return Ok(());
        };
        tracing::error!(
            budget.name = change.name,
            scope = change.scope.path(),
            error = %error,
            "a budget was deleted and its successor is refused"
        );
        let left = match &change.live {
            Some(old) => Some(self.put_back(old).await),
            None => None,
        };
        Err(Refused { error, left })
    }

    /// Better the old budget than none. Azure takes it from the period that is running only, as any
    /// new one. What came of it is said in words.
    async fn put_back(&mut self, old: &AzureBudget) -> String {
        let mut back = made_on(old, self.today);
        back.etag = None;
        let Err(error) = self.put(&back).await else {
            self.standing = Standing::AsBefore;
            let start = first_day(&back);
            return format!(
                "the budget that was there is put back, with the start {start}: Azure may tell again \
                 what it told in this period"
            );
        };
        let why = self.advice(&error);
        match self.read().await {
            Ok(None) => {
                self.standing = Standing::Gone;
                format!(
                    "the budget that was there is deleted and could not be put back ({why}): Azure \
                     tells nobody until `apply` succeeds, or somebody creates it by hand"
                )
            }
            Ok(Some(there)) => {
                self.standing = Standing::Created;
                let start = first_day(&there);
                format!(
                    "Azure has a budget of this name that starts on {start}; the one that was there \
                     could not be put back ({why}): plan again"
                )
            }
            Err(unread) => {
                self.standing = Standing::Created;
                format!(
                    "the budget that was there is deleted and could not be put back ({why}), and it \
                     cannot be read what is there now ({}): look at it in the portal, or plan again",
                    self.advice(&unread)
                )
            }
        }
    }

    /// Deletes what the plan saw, and nothing that was changed since.
    async fn delete(&mut self) -> Result<(), String> {
        let live = self.read().await.map_err(|error| self.advice(&error))?;
        let Some(live) = live else {
            self.standing = Standing::Gone;
            return Ok(());
        };
        let seen = self
            .change
            .live
            .as_ref()
            .and_then(|seen| seen.etag.as_ref());
        if seen != live.etag.as_ref() {
            return Err(
                "it was changed since the plan was made, so it is left: plan again".to_owned(),
            );
        }
        self.remove().await.map_err(|error| self.advice(&error))?;
        self.standing = Standing::Gone;
        Ok(())
    }

    /// Whether Azure keeps what is wanted. What was just written may take a moment to show.
    async fn look(&mut self, desired: &Desired) -> Result<(), String> {
        let mut waits = LOOK_AGAIN.into_iter();
        loop {
            let live = self.read().await.map_err(|error| {
                format!(
                    "it was written and cannot be read back: {}",
                    self.advice(&error)
                )
            })?;
            let found = live.as_ref().map(|live| differences(desired, live));
            if found.as_ref().is_some_and(Vec::is_empty) {
                return match live.and_then(|live| self.other_currency(&live)) {
                    None => Ok(()),
                    Some((unit, currency)) => Err(self.take_back(unit, currency).await),
                };
            }
            if let Some(wait) = waits.next() {
                tokio::time::sleep(wait).await;
                continue;
            }
            let Some(found) = found else {
                return Err("it was written, but Azure does not show it".to_owned());
            };
            let fields: Vec<String> = found
                .into_iter()
                .map(|field| {
                    let kept = field.before.unwrap_or_else(|| "nothing".to_owned());
                    format!("{} is {kept}", field.field)
                })
                .collect();
            return Err(format!("Azure keeps something else: {}", fields.join(", ")));
        }
    }

    /// The currency of the spend that Azure shows, and that of the amount, if they are two.
    fn other_currency(&self, live: &AzureBudget) -> Option<(Currency, Currency)> {
        let wanted = self.currency?;
        // Use of reservations is in percent.
        let unit: Currency = live.current_spend.as_ref()?.unit.parse().ok()?;
        (unit != wanted).then_some((unit, wanted))
    }

    /// Deletes what was just created with an amount in another currency than Azure counts in: it would
    /// look like a safety net and be none. What was there before is left. Says what is wrong.
    async fn take_back(&mut self, unit: Currency, currency: Currency) -> String {
        self.unit = Some(unit.to_string());
        let wrong = format!(
            "Azure counts in {unit} there, and its amount is in {currency}: set `currency = \
             \"{unit}\"` and the amount in it"
        );
        if self.standing != Standing::Created || self.change.action != Action::Create {
            return wrong;
        }
        match self.remove().await {
            Ok(()) => {
                self.standing = Standing::Gone;
                format!("{wrong}; what was just created is deleted again")
            }
            Err(error) => format!(
                "{wrong}; what was just created could not be deleted again ({}): --prune deletes it",
                self.advice(&error)
            ),
        }
    }
}

/// The budget of a name, if there is one.
pub(super) async fn read(
    client: &Client,
    provider: Provider,
    scope: &budget_engine::Scope,
    name: &str,
) -> Result<Option<AzureBudget>, Error> {
    match provider {
        Provider::Consumption => client.budget(scope, name).await,
        Provider::CostManagement => client.cost_management_budget(scope, name).await,
    }
}
