//! App Service plans: reading and changing their size.

use azure_cost::{Error, ResourceRequest};
use http::Method;
use serde_json::json;

use crate::Resources;

const WEB: &str = "2024-04-01";

/// The tier that Azure wants beside the name of a size; `None` for a name that is no size of a plan.
///
/// ```
/// use azure_actions::tier_of;
/// assert_eq!(tier_of("b1"), Some("Basic"));
/// assert_eq!(tier_of("P1v3"), Some("PremiumV3"));
/// assert_eq!(tier_of("Huge"), None);
/// ```
pub fn tier_of(sku: &str) -> Option<&'static str> {
    let sku = sku.to_ascii_uppercase();
    Some(match &*sku {
        "F1" => "Free",
        "D1" => "Shared",
        "B1" | "B2" | "B3" => "Basic",
        "S1" | "S2" | "S3" => "Standard",
        "P1" | "P2" | "P3" => "Premium",
        "P1V2" | "P2V2" | "P3V2" => "PremiumV2",
        "P0V3" | "P1V3" | "P2V3" | "P3V3" | "P1MV3" | "P2MV3" | "P3MV3" | "P4MV3" | "P5MV3" => {
            "PremiumV3"
        }
        "P0V4" | "P1V4" | "P2V4" | "P3V4" | "P1MV4" | "P2MV4" | "P3MV4" | "P4MV4" | "P5MV4" => {
            "PremiumV4"
        }
        "I1V2" | "I2V2" | "I3V2" | "I4V2" | "I5V2" | "I6V2" => "IsolatedV2",
        "EP1" | "EP2" | "EP3" => "ElasticPremium",
        "WS1" | "WS2" | "WS3" => "WorkflowStandard",
        _ => return None,
    })
}

impl Resources {
    /// Name of the size of an App Service plan, such as `P1v3`; `None` if the plan is gone.
    pub async fn plan_size(&self, plan: &str) -> Result<Option<String>, Error> {
        let operation = format!("read {plan}");
        let Some(found) = self.look(&operation, plan.to_owned(), WEB).await? else {
            return Ok(None);
        };
        match found["sku"]["name"].as_str() {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(Error::UnexpectedAnswer {
                operation,
                problem: "`sku.name` is missing".to_owned(),
            }),
        }
    }

    /// Gives an App Service plan another size. Azure changes the size of a plan only when it is put
    /// as a whole, so it is read, and put back with nothing else changed.
    pub async fn scale_plan(&self, plan: &str, sku: &str) -> Result<(), Error> {
        let operation = format!("scale {plan} to {sku}");
        let Some(tier) = tier_of(sku) else {
            return Err(Error::Invalid {
                operation,
                code: "NotSent".to_owned(),
                message: "that is not a size of a plan".to_owned(),
            });
        };
        let Some(mut whole) = self.look(&operation, plan.to_owned(), WEB).await? else {
            return Err(Error::NotFound {
                operation,
                code: "NotFound".to_owned(),
                message: "the plan is gone".to_owned(),
            });
        };
        let capacity = whole["sku"]["capacity"].take();
        whole["sku"] = json!({ "name": sku, "tier": tier });
        if !capacity.is_null() {
            whole["sku"]["capacity"] = capacity;
        }
        let request =
            ResourceRequest::new(Method::PUT, operation, plan.to_owned(), WEB).with_body(whole);
        self.client.resource(&request).await.map(drop)
    }
}
