//! Budgets of Microsoft.CostManagement: on costs, and on how well reservations are used.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use url::Url;

use super::API_VERSION;
use crate::budget::{Budget, RESERVATION_UTILIZATION};
use crate::client::{Client, scope_path};
use crate::error::Error;
use crate::paging::lazily;

const TAIL: &str = "/providers/Microsoft.CostManagement/budgets";

/// Scopes at which reservations are watched: an Enterprise billing account, a billing profile, a
/// partner's customer.
const RESERVATIONS: &[ScopeKind] = &[
    ScopeKind::BillingAccount,
    ScopeKind::BillingProfile,
    ScopeKind::Customer,
];

impl Client {
    /// The budgets of a scope at Cost Management; with a category, `Cost` or
    /// `ReservationUtilization`, only those. Served for every kind of scope.
    pub fn cost_management_budgets(
        &self,
        scope: &Scope,
        category: Option<&str>,
    ) -> impl Stream<Item = Result<Budget, Error>> + Send + use<> {
        let operation = format!("read Cost Management budgets of {scope}");
        let query = match category {
            None => Ok(API_VERSION.to_owned()),
            Some(category) if category.bytes().all(|byte| byte.is_ascii_alphabetic()) => Ok(
                format!("{API_VERSION}&$filter=properties/category eq '{category}'"),
            ),
            Some(category) => {
                let problem = format!("`{category}` is no category of budgets");
                Err(Error::not_sent(&operation, problem))
            }
        };
        let path = scope_path(&operation, scope);
        lazily(
            path.and_then(|path| Ok((path, query?)))
                .map(|(path, query)| {
                    let url = self.url(&path, TAIL, &query);
                    self.budgets_at(operation, url)
                }),
        )
    }

    /// A budget at Cost Management by its name; `None` if there is none. [`Error::NotFound`] is about
    /// the scope.
    pub async fn cost_management_budget(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<Budget>, Error> {
        let operation = format!("read Cost Management budget {name} of {scope}");
        let url = self.cm_budget_url(&operation, scope, name)?;
        self.budget_at(operation, url).await
    }

    /// Creates or replaces a budget at Cost Management, just as [`Client::put_budget`] does at
    /// Microsoft.Consumption. Budgets on reservations need an Enterprise billing account, a
    /// billing profile or a customer.
    pub async fn put_cost_management_budget(
        &self,
        scope: &Scope,
        budget: &Budget,
    ) -> Result<Budget, Error> {
        let operation = format!("put Cost Management budget {} of {scope}", budget.name);
        if budget
            .category
            .eq_ignore_ascii_case(RESERVATION_UTILIZATION)
        {
            crate::client::path_of_kind(&operation, scope, RESERVATIONS)?;
        }
        let url = self.cm_budget_url(&operation, scope, &budget.name)?;
        self.put_budget_at(operation, url, budget).await
    }

    /// Deletes a budget at Cost Management; if there is none, that is as good. [`Error::NotFound`] is
    /// about the scope.
    pub async fn delete_cost_management_budget(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<(), Error> {
        let operation = format!("delete Cost Management budget {name} of {scope}");
        let url = self.cm_budget_url(&operation, scope, name)?;
        self.delete_budget_at(operation, url).await
    }

    fn cm_budget_url(&self, operation: &str, scope: &Scope, name: &str) -> Result<Url, Error> {
        self.named_url(operation, scope, TAIL, "the budget's name", name)
    }
}
