//! What a subscription is bought under.
//!
//! Azure Resource Manager, "Subscriptions - Get", version 2022-12-01.

use budget_engine::{Scope, ScopeKind};
use serde::Serialize;

use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::request::Request;

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// Name that people gave it.
    pub display_name: String,
    /// `Enabled`, `Warned`, `PastDue`, `Disabled` or `Deleted`.
    pub state: String,
    /// What it is bought under, such as `PayAsYouGo_2014-09-01`; `""` where Azure does not say.
    pub quota_id: String,
}

impl SubscriptionInfo {
    /// Whether it is known to be under an Enterprise Agreement or sold by a partner. It is not known
    /// of all that are.
    pub fn is_under_contract(&self) -> bool {
        let quota = self.quota_id.to_ascii_lowercase();
        ["enterpriseagreement_", "csp_"]
            .iter()
            .any(|start| quota.starts_with(start))
    }
}

impl Client {
    /// A subscription. Needs `Microsoft.Resources/subscriptions/read`, which every reader has.
    /// [`Error::NotFound`] says that it is not there.
    pub async fn subscription(&self, scope: &Scope) -> Result<SubscriptionInfo, Error> {
        let operation = format!("read {scope}");
        let path = path_of_kind(&operation, scope, &[ScopeKind::Subscription])?;
        let url = self.url(&path, "", "api-version=2022-12-01");
        self.read_required(&Request::get(operation, url), |fields| {
            Ok(SubscriptionInfo {
                display_name: fields.text("displayName")?,
                state: fields.text("state")?,
                quota_id: fields.object("subscriptionPolicies")?.text("quotaId")?,
            })
        })
        .await
    }
}
