//! Values of `spendwatch azure` that are checked before anything is sent.

use budget_engine::Scope;

/// Words of ours for dimensions of Azure's.
const WORDS: [(&str, &str); 8] = [
    ("service", "ServiceName"),
    ("resource-group", "ResourceGroupName"),
    ("subscription", "SubscriptionId"),
    ("resource", "ResourceId"),
    ("region", "ResourceLocation"),
    ("meter", "Meter"),
    ("charge-type", "ChargeType"),
    ("publisher", "PublisherType"),
];

/// Dimensions of Azure's under their own names. Which of them a scope has depends on its agreement.
const DIMENSIONS: [&str; 42] = [
    "AccountName",
    "BenefitId",
    "BenefitName",
    "BillingAccountId",
    "BillingAccountName",
    "BillingMonth",
    "BillingPeriod",
    "BillingProfileId",
    "BillingProfileName",
    "ChargeType",
    "CustomerName",
    "CustomerTenantId",
    "DepartmentName",
    "EnrollmentAccountName",
    "Frequency",
    "InvoiceId",
    "InvoiceSectionId",
    "InvoiceSectionName",
    "Meter",
    "MeterCategory",
    "MeterId",
    "MeterSubCategory",
    "PartNumber",
    "PricingModel",
    "Product",
    "ProductOrderId",
    "ProductOrderName",
    "PublisherType",
    "ReservationId",
    "ReservationName",
    "ResourceGroup",
    "ResourceGroupName",
    "ResourceGuid",
    "ResourceId",
    "ResourceLocation",
    "ResourceType",
    "ServiceFamily",
    "ServiceName",
    "ServiceTier",
    "SubscriptionId",
    "SubscriptionName",
    "UnitOfMeasure",
];

/// What Azure can sum costs up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// A dimension.
    Dimension {
        /// As people call it: a word of ours, else Azure's name.
        word: String,
        /// Azure's name.
        name: String,
    },
    /// A tag, by its name.
    Tag(String),
}

/// Reads what costs are summed up by.
pub(super) fn grouping(text: &str) -> Result<GroupBy, String> {
    let text = text.trim();
    if let Some(tag) = text.strip_prefix("tag:") {
        return match tag.trim() {
            "" => Err("expected the name of a tag after `tag:`, such as tag:team".to_owned()),
            tag => Ok(GroupBy::Tag(tag.to_owned())),
        };
    }
    let name = dimension(text).map_err(|problem| format!("{problem}, or tag:NAME"))?;
    let is_ours = WORDS.iter().any(|(word, _)| *word == text);
    Ok(GroupBy::Dimension {
        word: if is_ours {
            text.to_owned()
        } else {
            name.clone()
        },
        name,
    })
}

/// Azure's name of a dimension. `dimension:` in front lets any pass: Azure adds some.
pub(super) fn dimension(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Some(name) = text.strip_prefix("dimension:") {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return match is_name {
            true => Ok(name.to_owned()),
            false => Err("expected letters and digits after `dimension:`".to_owned()),
        };
    }
    let ours = WORDS.iter().find(|(word, _)| *word == text);
    if let Some((_, name)) = ours {
        return Ok((*name).to_owned());
    }
    let mut known = DIMENSIONS.iter();
    let known = known.find(|name| name.eq_ignore_ascii_case(text));
    known.map(|name| (*name).to_owned()).ok_or_else(|| {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        format!(
            "expected {}, a dimension of Azure's such as BillingMonth ({} are known; \
             dimension:NAME for any other)",
            words.join(", "),
            DIMENSIONS.len()
        )
    })
}

/// A scope; one in a subscription names it by a GUID, which Azure would only say with a 404.
pub(super) fn scope(text: &str) -> Result<Scope, String> {
    let scope = Scope::parse(text).map_err(|error| error.to_string())?;
    match scope.subscription_of() {
        Some(subscription) if !is_guid(subscription.id()) => Err(format!(
            "`{}` is no id of a subscription: expected a GUID such as \
             00000000-0000-0000-0000-000000000000",
            subscription.id()
        )),
        _ => Ok(scope),
    }
}

fn is_guid(text: &str) -> bool {
    let mut parts = text.split('-');
    let fits = [8, 4, 4, 4, 12].into_iter().all(|length| {
        let part = parts.next().unwrap_or_default();
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    fits && parts.next().is_none()
}

/// The name of a billing period: a year and a month, in older subscriptions with a number behind.
pub(super) fn billing_period(text: &str) -> Result<String, String> {
    let (month, number) = text.split_once('-').unwrap_or((text, "1"));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_month = month.len() == 6
        && are_digits(month)
        && &month[..4] >= "2000"
        && ("01"..="12").contains(&&month[4..]);
    // 2026-11 is a month as people write it, not the eleventh of something.
    if is_month && number.len() == 1 && are_digits(number) {
        return Ok(text.to_owned());
    }
    Err("expected a year and a month without a sign between, such as 202611".to_owned())
}

/// How many rows.
pub(super) fn rows(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "expected a whole number of rows, or 0 for all".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_by_people_and_by_azure() {
        let of = |word: &str, name: &str| {
            Ok(GroupBy::Dimension {
                word: word.to_owned(),
                name: name.to_owned(),
            })
        };
        assert_eq!(
            grouping("resource-group"),
            of("resource-group", "ResourceGroupName")
        );
        assert_eq!(grouping("billingmonth"), of("BillingMonth", "BillingMonth"));
        assert_eq!(grouping("dimension:Brand"), of("Brand", "Brand"));
        assert_eq!(grouping("tag:team"), Ok(GroupBy::Tag("team".to_owned())));
        for bad in [
            "mood",
            "",
            "tag:",
            "tag: ",
            "dimension:",
            "dimension:a'b",
            "Service",
        ] {
            assert!(grouping(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn subscriptions_have_guids() {
        let guid = "cb19a59e-9d05-4c18-ae1a-2d33f2a0af56";
        for good in [
            format!("/subscriptions/{guid}"),
            format!("/subscriptions/{}/resourceGroups/shop", guid.to_uppercase()),
            "/providers/Microsoft.Billing/billingAccounts/86420975".to_owned(),
        ] {
            assert!(scope(&good).is_ok(), "{good}");
        }
        for bad in [
            "/subscriptions/shop".to_owned(),
            format!("/subscriptions/{guid}-1"),
            format!("/subscriptions/{}g", &guid[..35]),
            "/subscriptions/mine/resourceGroups/shop".to_owned(),
        ] {
            assert!(scope(&bad).unwrap_err().contains("GUID"), "{bad}");
        }
    }

    #[test]
    fn periods_are_months() {
        for good in ["202611", "201702-1", "202601", "202612"] {
            assert_eq!(billing_period(good).as_deref(), Ok(good));
        }
        for bad in [
            "2026-11", "202613", "202600", "20261", "2026111", "november", "202611-", "",
            "202611/x",
        ] {
            assert!(billing_period(bad).is_err(), "{bad}");
        }
    }
}
