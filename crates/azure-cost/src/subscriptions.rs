//! Subscriptions, and what they are bought under.
//!
//! Azure Resource Manager, "Subscriptions - Get" and "Subscriptions - List", version 2022-12-01.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use serde::Serialize;

use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::items;
use crate::request::Request;

const API_VERSION: &str = "api-version=2022-12-01";

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// Its id, a GUID.
    pub subscription_id: String,
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
        let url = self.url(&path, "", API_VERSION);
        self.read_required(&Request::get(operation, url), SubscriptionInfo::read)
            .await
    }

    /// All subscriptions that the identity may see something of, whatever state they are in.
    pub fn subscriptions(
        &self,
    ) -> impl Stream<Item = Result<SubscriptionInfo, Error>> + Send + use<> {
        let url = self.url("", "/subscriptions", API_VERSION);
        let request = Request::get("list subscriptions", url);
        items(self.transport.clone(), request, |item| {
            SubscriptionInfo::read(&Fields::of(item)?)
        })
    }
}

impl SubscriptionInfo {
    fn read(fields: &Fields) -> Result<SubscriptionInfo, String> {
        let policies = fields.optional_object("subscriptionPolicies")?;
        let quota_id = policies
            .map(|policies| policies.text("quotaId"))
            .transpose()?;
        Ok(SubscriptionInfo {
            subscription_id: fields.required_text("subscriptionId")?,
            display_name: fields.text("displayName")?,
            state: fields.text("state")?,
            quota_id: quota_id.unwrap_or_default(),
        })
    }
}
