//! The amounts in an answer, which all have to arrive with all their digits.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::json::{Json, number};
use super::operations::Thing;

/// The fields of a thing whose numbers the client gives, in lower case.
fn fields(thing: Thing) -> &'static [&'static str] {
    const CHARGES: &[&str] = &[
        "azurecharges",
        "chargesbilledseparately",
        "marketplacecharges",
    ];
    match thing {
        Thing::AggregatedCost | Thing::Charge => CHARGES,
        // The threshold, a share of one, is given in percent.
        Thing::Alert => &["amount", "currentspend"],
        Thing::AvailableBalance | Thing::Invoice => &["value"],
        Thing::Balance => &[
            "adjustments",
            "azuremarketplaceservicecharges",
            "beginningbalance",
            "chargesbilledseparately",
            "endingbalance",
            "newpurchases",
            "serviceoverage",
            "totaloverage",
            "totalusage",
            "utilized",
            "value",
        ],
        Thing::Budget | Thing::CostManagementBudget => &["amount", "threshold"],
        Thing::CreditSummary | Thing::Event | Thing::Lot => &["exchangerate", "value"],
        Thing::Forecast | Thing::Query => &["rows"],
        Thing::Marketplace => &["consumedquantity", "pretaxcost", "resourcerate"],
        Thing::PriceSheet => &[
            "effectiveprice",
            "includedquantity",
            "marketprice",
            "pretaxstandardrate",
            "unitprice",
        ],
        Thing::RateCard => &["includedquantity", "meterrates"],
        Thing::ReservationDetail => &["reservedhours", "totalreservedquantity", "usedhours"],
        Thing::ReservationRecommendation => &[
            "costwithnoreservedinstances",
            "netsavings",
            "recommendedquantity",
            "totalcostwithreservedinstances",
        ],
        Thing::ReservationRecommendationDetail => &[
            "ondemandcost",
            "ondemandrate",
            "overagecost",
            "quantity",
            "reservationcost",
            "reservationrate",
            "totalreservationcost",
            "usagedata",
        ],
        Thing::ReservationSummary => &[
            "avgutilizationpercentage",
            "maxutilizationpercentage",
            "minutilizationpercentage",
            "purchasedquantity",
            "remainingquantity",
            "reservedhours",
            "totalreservedquantity",
            "usedhours",
            "usedquantity",
            "utilizedpercentage",
        ],
        Thing::ReservationTransaction => &["amount", "monetarycommitment", "overage", "quantity"],
        Thing::Transaction => &["discount", "exchangerate", "quantity", "units", "value"],
        Thing::UsageAggregate => &["quantity"],
        Thing::UsageDetail => &["cost", "costinbillingcurrency"],
        _ => &[],
    }
}

/// The first amount of an answer that is not in what the client said.
pub(crate) fn lost(thing: Thing, body: &Json, said: &str) -> Option<String> {
    let mut wanted = Vec::new();
    collect(body, fields(thing), &["", ""], &mut wanted);
    let words = said.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    let given: BTreeSet<Decimal> = words.filter_map(number).collect();
    let lost = wanted
        .into_iter()
        .find(|(_, amount)| !given.contains(amount));
    lost.map(|(place, amount)| format!("`{place}` {amount} is not in what was read"))
}

/// Collects the numbers that stand in one of some fields, or right below it.
fn collect(json: &Json, fields: &[&str], keys: &[&str; 2], found: &mut Vec<(String, Decimal)>) {
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                let key = key.to_ascii_lowercase();
                collect(value, fields, &[keys[1], &key], found);
            }
        }
        Json::List(items) => {
            for item in items {
                collect(item, fields, keys, found);
            }
        }
        _ if keys.iter().any(|key| fields.contains(key)) => {
            found.extend(json.number().map(|number| (keys[1].to_owned(), number)));
        }
        _ => {}
    }
}
