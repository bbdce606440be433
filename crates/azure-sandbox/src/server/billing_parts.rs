//! `Microsoft.Billing`: the parts of an account, and the transactions of some of them.

use super::answer::{Answer, Handled, Object, Refusal};
use super::invoices::{account_id, asked_profile, check_account, transactions_of};
use super::operation::{Call, Operation, get};
use super::shapes::only;
use crate::world::{Agreement, Named, Section, Subscription, World};

const VERSIONS: &[&str] = &["2024-04-01"];

/// An operation below the billing account.
macro_rules! below {
    ($name:literal, $path:literal, $handle:expr) => {
        get(
            $name,
            concat!(
                "/providers/Microsoft.Billing/billingAccounts/{account}/",
                $path
            ),
            VERSIONS,
            $handle,
        )
    };
}

pub(super) const OPERATIONS: &[Operation] = &[
    below!("Departments_ListByBillingAccount", "departments", |call| {
        list(call, departments(call)?)
    }),
    below!("Departments_Get", "departments/{id}", |call| {
        one(call, "department", departments(call)?)
    }),
    below!(
        "EnrollmentAccounts_ListByBillingAccount",
        "enrollmentAccounts",
        |call| list(call, enrollment_accounts(call)?)
    ),
    below!(
        "EnrollmentAccounts_Get",
        "enrollmentAccounts/{id}",
        |call| { one(call, "enrollment account", enrollment_accounts(call)?) }
    ),
    below!(
        "EnrollmentAccounts_ListByDepartment",
        "departments/{department}/enrollmentAccounts",
        |call| list(call, enrollment_accounts(call)?)
    ),
    below!(
        "EnrollmentAccounts_GetByDepartment",
        "departments/{department}/enrollmentAccounts/{id}",
        |call| one(call, "enrollment account", enrollment_accounts(call)?)
    ),
    below!(
        "InvoiceSections_ListByBillingProfile",
        "billingProfiles/{profile}/invoiceSections",
        |call| list(call, invoice_sections(call)?)
    ),
    below!(
        "InvoiceSections_Get",
        "billingProfiles/{profile}/invoiceSections/{id}",
        |call| one(call, "invoice section", invoice_sections(call)?)
    ),
    below!("Customers_ListByBillingAccount", "customers", |call| {
        list(call, customers(call)?)
    }),
    below!("Customers_GetByBillingAccount", "customers/{id}", |call| {
        one(call, "customer", customers(call)?)
    }),
    below!(
        "Customers_ListByBillingProfile",
        "billingProfiles/{profile}/customers",
        |call| list(call, customers(call)?)
    ),
    below!(
        "Customers_Get",
        "billingProfiles/{profile}/customers/{id}",
        |call| one(call, "customer", customers(call)?)
    ),
    below!(
        "BillingSubscriptions_ListByBillingAccount",
        "billingSubscriptions",
        |call| list(call, subscriptions(call)?)
    ),
    below!(
        "BillingSubscriptions_Get",
        "billingSubscriptions/{id}",
        |call| { one(call, "subscription", subscriptions(call)?) }
    ),
    below!(
        "BillingSubscriptions_ListByBillingProfile",
        "billingProfiles/{profile}/billingSubscriptions",
        |call| list(call, subscriptions(call)?)
    ),
    below!(
        "Transactions_ListByInvoiceSection",
        "billingProfiles/{profile}/invoiceSections/{id}/transactions",
        |call| {
            one(call, "invoice section", invoice_sections(call)?)?;
            transactions_of(call, |section| is_asked(call, &section.part))
        }
    ),
    below!(
        "Transactions_ListByCustomer",
        "billingProfiles/{profile}/customers/{id}/transactions",
        |call| {
            one(call, "customer", customers(call)?)?;
            transactions_of(call, |section| {
                let customer = section.customer.as_ref();
                customer.is_some_and(|customer| is_asked(call, customer))
            })
        }
    ),
];

/// A part by its id, as Azure shows it.
type Part = (String, Object);

fn is_asked(call: &Call, part: &Named) -> bool {
    part.id.eq_ignore_ascii_case(call.name("id"))
}

fn list(call: &Call, parts: Vec<Part>) -> Handled {
    let shown = parts.into_iter().map(|(_, part)| part);
    Ok(call.page(shown, call.page_size(50)?)?.answer())
}

fn one(call: &Call, what: &str, parts: Vec<Part>) -> Handled {
    let id = call.name("id");
    let mut parts = parts.into_iter();
    let found = parts.find(|(known, _)| known.eq_ignore_ascii_case(id));
    let message = || format!("There is no {what} '{id}'.");
    let (_, part) = found.ok_or_else(|| Refusal::not_found("NotFound", message()))?;
    Ok(Answer::json(&part))
}

/// A part with its place in the account.
fn part(world: &World, below: &str, kind: &str, id: &str, properties: Object) -> Part {
    let shown = Object::new()
        .with("id", format!("{}/{below}/{id}", account_id(world)))
        .with("name", id)
        .with("type", format!("Microsoft.Billing/billingAccounts/{kind}"))
        .with("properties", properties);
    (id.to_owned(), shown)
}

fn departments(call: &Call) -> Result<Vec<Part>, Refusal> {
    check_account(call)?;
    only(&call.world, &[Agreement::Enterprise])?;
    let all = call.world.parents().into_iter().map(|each| {
        let properties = Object::new()
            .with("departmentName", &each.name)
            .with("status", "Active");
        part(
            &call.world,
            "departments",
            "departments",
            &each.id,
            properties,
        )
    });
    Ok(all.collect())
}

fn enrollment_accounts(call: &Call) -> Result<Vec<Part>, Refusal> {
    let known = departments(call)?;
    let department = call.name("department");
    let is_known = |(id, _): &Part| id.eq_ignore_ascii_case(department);
    if !department.is_empty() && !known.iter().any(is_known) {
        let message = format!("There is no department '{department}'.");
        return Err(Refusal::not_found("NotFound", message));
    }
    let sections = call.world.sections().into_iter();
    let asked = sections
        .filter(|each| department.is_empty() || each.parent.id.eq_ignore_ascii_case(department));
    let all = asked.map(|each| {
        let account = account_id(&call.world);
        let properties = Object::new()
            .with("accountName", &each.part.name)
            .with("accountOwner", "owner@contoso.example")
            .with("status", "Active")
            .with(
                "departmentId",
                format!("{account}/departments/{}", each.parent.id),
            )
            .with("departmentDisplayName", &each.parent.name);
        let kind = "enrollmentAccounts";
        part(&call.world, kind, kind, &each.part.id, properties)
    });
    Ok(all.collect())
}

fn invoice_sections(call: &Call) -> Result<Vec<Part>, Refusal> {
    let profile = asked_profile(call)?;
    let sections = call.world.sections().into_iter();
    let all = sections
        .filter(|each| each.parent.id == profile.id)
        .map(|each| {
            let properties = Object::new()
                .with("displayName", &each.part.name)
                .with("state", "Active")
                .with("systemId", &each.part.id);
            let below = format!("billingProfiles/{}/invoiceSections", profile.id);
            let kind = "billingProfiles/invoiceSections";
            part(&call.world, &below, kind, &each.part.id, properties)
        });
    Ok(all.collect())
}

/// Customers, of a profile if the path names one.
fn customers(call: &Call) -> Result<Vec<Part>, Refusal> {
    let world = &call.world;
    let profile = asked_profile_if_any(call)?;
    only(world, &[Agreement::Partner])?;
    let is_of = |section: &Section, customer: &Named| {
        let is_profile = profile
            .as_ref()
            .is_none_or(|profile| section.parent == *profile);
        is_profile && section.customer.as_ref() == Some(customer)
    };
    let mut all = Vec::new();
    for customer in world.customers() {
        let mut sections = world.subscriptions.iter().map(|each| &each.section);
        let Some(section) = sections.find(|section| is_of(section, customer)) else {
            continue;
        };
        let at = format!(
            "{}/billingProfiles/{}",
            account_id(world),
            section.parent.id
        );
        let properties = Object::new()
            .with("displayName", &customer.name)
            .with("status", "Active")
            .with("systemId", &customer.id)
            .with("billingProfileId", at)
            .with("billingProfileDisplayName", &section.parent.name);
        let (below, kind) = match &profile {
            Some(profile) => (
                format!("billingProfiles/{}/customers", profile.id),
                "billingProfiles/customers",
            ),
            None => ("customers".to_owned(), "customers"),
        };
        all.push(part(world, &below, kind, &customer.id, properties));
    }
    Ok(all)
}

fn asked_profile_if_any(call: &Call) -> Result<Option<Named>, Refusal> {
    check_account(call)?;
    if call.name("profile").is_empty() {
        return Ok(None);
    }
    asked_profile(call).map(Some)
}

/// Subscriptions, of a profile if the path names one.
fn subscriptions(call: &Call) -> Result<Vec<Part>, Refusal> {
    let profile = asked_profile_if_any(call)?;
    let all = call.world.subscriptions.iter();
    let asked = all.filter(|each| {
        let profile = profile.as_ref();
        profile.is_none_or(|profile| each.section.parent == *profile)
    });
    let shown = asked.map(|each| {
        let properties = subscription(&call.world, each);
        let kind = "billingSubscriptions";
        part(&call.world, kind, kind, &each.id, properties)
    });
    Ok(shown.collect())
}

fn subscription(world: &World, each: &Subscription) -> Object {
    let (account, section) = (account_id(world), &each.section);
    let mut properties = Object::new()
        .with("displayName", &each.name)
        .with("subscriptionId", &each.id)
        .with("status", "Active");
    if world.agreement.is_modern() {
        let profile = format!("{account}/billingProfiles/{}", section.parent.id);
        properties = properties
            .with(
                "invoiceSectionId",
                format!("{profile}/invoiceSections/{}", section.part.id),
            )
            .with("invoiceSectionDisplayName", &section.part.name)
            .with("billingProfileId", profile)
            .with("billingProfileDisplayName", &section.parent.name);
    }
    if let Some(customer) = &section.customer {
        properties = properties
            .with("customerId", format!("{account}/customers/{}", customer.id))
            .with("customerDisplayName", &customer.name);
    }
    properties
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;
    use crate::world::World;

    const TAIL: &str = "api-version=2024-04-01";

    fn sandbox(name: &str) -> (World, Local, String) {
        let world = Scenario::named(name).unwrap().world;
        let account = format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            world.billing_account
        );
        let options = Options::new(world.today);
        (world.clone(), Local::over(world, options), account)
    }

    fn names(items: &[Value]) -> Vec<&str> {
        items
            .iter()
            .map(|each| each["name"].as_str().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn an_enrollment_has_departments_and_accounts_in_them() {
        let (world, sandbox, account) = sandbox("enterprise");
        let departments = sandbox.list(&format!("{account}/departments?{TAIL}")).await;
        let ids: Vec<&str> = world.parents().iter().map(|each| &*each.id).collect();
        assert_eq!(names(&departments), ids);
        assert_eq!(departments[0]["properties"]["departmentName"], "Retail");
        // Two accounts are of retail, one of science.
        for (id, count) in ids.iter().zip([2, 1]) {
            let path = format!("{account}/departments/{id}/enrollmentAccounts");
            let found = sandbox.list(&format!("{path}?{TAIL}")).await;
            assert_eq!(found.len(), count);
            let one = format!("{path}/{}?{TAIL}", names(&found)[0]);
            assert_eq!(sandbox.get(&one).await.1, found[0]);
        }
        let all = format!("{account}/enrollmentAccounts?{TAIL}");
        assert_eq!(sandbox.list(&all).await.len(), 3);
        for missing in [
            "departments/1",
            "departments/1/enrollmentAccounts",
            "enrollmentAccounts/1",
        ] {
            let (status, _) = sandbox.get(&format!("{account}/{missing}?{TAIL}")).await;
            assert_eq!(status, 404, "{missing}");
        }
        let subscriptions = format!("{account}/billingSubscriptions?{TAIL}");
        assert_eq!(sandbox.list(&subscriptions).await.len(), 3);
        let customers = sandbox.get(&format!("{account}/customers?{TAIL}")).await;
        assert_ne!(customers.0, 200);
    }

    #[tokio::test]
    async fn transactions_of_parts_add_up_to_those_of_their_profile() {
        for (name, below) in [("customer", "invoiceSections"), ("partner", "customers")] {
            let (world, sandbox, account) = sandbox(name);
            for profile in world.parents() {
                let profile = format!("{account}/billingProfiles/{}", profile.id);
                let asked = format!(
                    "{TAIL}&periodStartDate=2026-09-01&periodEndDate=2026-09-30&type=Billed"
                );
                let sum = |items: &[Value]| -> Decimal {
                    let amounts = items.iter().map(|each| {
                        let amount = &each["properties"]["transactionAmount"]["value"];
                        amount.to_string().parse::<Decimal>().unwrap()
                    });
                    amounts.sum()
                };
                let whole = sandbox
                    .list(&format!("{profile}/transactions?{asked}"))
                    .await;
                let mut parts = Vec::new();
                for part in sandbox.list(&format!("{profile}/{below}?{TAIL}")).await {
                    let id = part["name"].as_str().unwrap();
                    let path = format!("{profile}/{below}/{id}/transactions?{asked}");
                    let own = sandbox.list(&path).await;
                    assert!(!own.is_empty() && own.len() <= whole.len(), "{path}");
                    parts.extend(own);
                }
                assert_eq!(parts.len(), whole.len());
                assert_eq!(sum(&parts), sum(&whole));
            }
        }
    }
}
