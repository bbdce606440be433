//! Budgets of Microsoft.Consumption.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;

use super::{API_VERSION, path_without_profile};
use crate::budget::Budget;
use crate::client::{Client, part};
use crate::error::Error;
use crate::paging::lazily;

const TAIL: &str = "/providers/Microsoft.Consumption/budgets";

/// The kinds of scope that can have budgets.
const KINDS: [ScopeKind; 8] = [
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
];

impl Client {
    /// The budgets of a scope. Served for every kind of scope but customers of partners, whose
    /// budgets Cost Management keeps.
    pub fn budgets(
        &self,
        scope: &Scope,
    ) -> impl Stream<Item = Result<Budget, Error>> + Send + use<> {
        let operation = format!("read budgets of {scope}");
        lazily(path_without_profile(&operation, scope, &KINDS).map(|path| {
            let url = self.url(&path, TAIL, API_VERSION);
            self.budgets_at(operation, url)
        }))
    }

    /// A budget by its name; `None` if there is none. [`Error::NotFound`] is about the scope.
    pub async fn budget(&self, scope: &Scope, name: &str) -> Result<Option<Budget>, Error> {
        let operation = format!("read budget {name} of {scope}");
        let url = self.budget_url(&operation, scope, name)?;
        self.budget_at(operation, url).await
    }

    /// Creates a budget or replaces the one with its name, and gives back what Azure keeps.
    ///
    /// With [`Budget::etag`] a budget that was changed meanwhile is left alone, and the error is
    /// [`Error::Conflict`]. If the answer gets lost, such a put is not sent again and the error is
    /// [`Error::Unavailable`]: read the budget to see what became of it. Start and grain of a
    /// budget cannot be changed: Azure refuses it.
    pub async fn put_budget(&self, scope: &Scope, budget: &Budget) -> Result<Budget, Error> {
        let operation = format!("put budget {} of {scope}", budget.name);
        let url = self.budget_url(&operation, scope, &budget.name)?;
        self.put_budget_at(operation, url, budget).await
    }

    /// Deletes a budget; if there is none, that is as good. [`Error::NotFound`] is about the scope.
    pub async fn delete_budget(&self, scope: &Scope, name: &str) -> Result<(), Error> {
        let operation = format!("delete budget {name} of {scope}");
        let url = self.budget_url(&operation, scope, name)?;
        self.delete_budget_at(operation, url).await
    }

    fn budget_url(&self, operation: &str, scope: &Scope, name: &str) -> Result<url::Url, Error> {
        let path = path_without_profile(operation, scope, &KINDS)?;
        let name = part(operation, "the budget's name", name)?;
        Ok(self.url(&path, &format!("{TAIL}/{name}"), API_VERSION))
    }
}
