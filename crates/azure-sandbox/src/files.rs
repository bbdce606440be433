//! Cost files as Azure's exports write them.

use std::io::{self, Write};

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::world::{Agreement, CostRow, Meter, Reservation};

/// Columns of an Enterprise Agreement's actual costs, in the order of the files.
const ENTERPRISE: &str = "InvoiceSectionName,AccountName,AccountOwnerId,SubscriptionId,\
SubscriptionName,ResourceGroup,ResourceLocation,Date,ProductName,MeterCategory,MeterSubCategory,\
MeterId,MeterName,MeterRegion,UnitOfMeasure,Quantity,EffectivePrice,CostInBillingCurrency,\
CostCenter,ConsumedService,ResourceId,Tags,OfferId,AdditionalInfo,ServiceInfo1,ServiceInfo2,\
ResourceName,ReservationId,ReservationName,UnitPrice,ProductOrderId,ProductOrderName,Term,\
PublisherType,PublisherName,ChargeType,Frequency,PricingModel,AvailabilityZone,BillingAccountId,\
BillingAccountName,BillingCurrencyCode,BillingPeriodStartDate,BillingPeriodEndDate,\
BillingProfileId,BillingProfileName,InvoiceSectionId,IsAzureCreditEligible,PartNumber,PayGPrice,\
PlanName,ServiceFamily,CostAllocationRuleName,benefitId,benefitName";

/// Columns of a Customer Agreement's actual costs, in the order of the files.
const CUSTOMER: &str = "invoiceId,previousInvoiceId,billingAccountId,billingAccountName,\
billingProfileId,billingProfileName,invoiceSectionId,invoiceSectionName,resellerName,\
resellerMpnId,costCenter,billingPeriodEndDate,billingPeriodStartDate,servicePeriodEndDate,\
servicePeriodStartDate,date,serviceFamily,productOrderId,productOrderName,consumedService,\
meterId,meterName,meterCategory,meterSubCategory,meterRegion,ProductId,ProductName,\
SubscriptionId,subscriptionName,publisherType,publisherId,publisherName,resourceGroupName,\
ResourceId,resourceLocation,location,effectivePrice,quantity,unitOfMeasure,chargeType,\
billingCurrency,pricingCurrency,costInBillingCurrency,costInPricingCurrency,costInUsd,\
paygCostInBillingCurrency,paygCostInUsd,exchangeRatePricingToBilling,exchangeRateDate,\
isAzureCreditEligible,serviceInfo1,serviceInfo2,additionalInfo,tags,PayGPrice,frequency,term,\
reservationId,reservationName,pricingModel,unitPrice,costAllocationRuleName,benefitId,\
benefitName,provider";

/// Writes rows as a CSV file with its header line, and gives their number. Pay-as-you-go has the
/// columns of an Enterprise Agreement, a partner those of a Customer Agreement.
pub fn write_costs<'a>(
    rows: impl IntoIterator<Item = CostRow<'a>>,
    agreement: Agreement,
    out: &mut impl Write,
) -> io::Result<u64> {
    let modern = agreement.is_modern();
    let columns = if modern { CUSTOMER } else { ENTERPRISE };
    writeln!(out, "{columns}\r")?;
    let mut count = 0;
    let mut line = String::new();
    for row in rows {
        line.clear();
        let meter = row.meter();
        for (index, column) in columns.split(',').enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_quoted(&mut line, &value(&row, &meter, modern, column));
        }
        writeln!(out, "{line}\r")?;
        count += 1;
    }
    Ok(count)
}

/// What a row has in a column; columns that the made-up bill knows nothing of are empty.
fn value(row: &CostRow, meter: &Meter, modern: bool, column: &str) -> String {
    let (subscription, group, charge) = (row.subscription, row.group, row.charge);
    let section = &subscription.section;
    let (period_start, period_end) = row.billing_period();
    match column.to_ascii_lowercase().as_str() {
        "subscriptionid" => subscription.id.clone(),
        "subscriptionname" => subscription.name.clone(),
        "resourcegroup" | "resourcegroupname" => group.name.clone(),
        "resourcelocation" | "location" => charge.region.clone(),
        "date" => us_date(row.date),
        "productname" => meter.product.clone(),
        "productid" => meter.product_id.clone(),
        "partnumber" => meter.part_number.clone(),
        "meterid" => meter.id.clone(),
        "metercategory" => meter.category.clone(),
        "metersubcategory" => meter.subcategory.clone(),
        "metername" => meter.name.clone(),
        "meterregion" => meter.region.clone(),
        "servicefamily" => meter.family.to_owned(),
        "unitofmeasure" => meter.unit_of_measure.to_owned(),
        "quantity" => row.quantity.to_string(),
        "effectiveprice" => row.price.to_string(),
        "unitprice" => row.unit_price().to_string(),
        "paygprice" => text(row.list_price()),
        "costinbillingcurrency" => row.cost.to_string(),
        "costinpricingcurrency" | "costinusd" => row.cost_in_usd().to_string(),
        "paygcostinbillingcurrency" => text(row.quantity * row.list_price()),
        "paygcostinusd" => text(row.quantity * row.list_price() / row.exchange_rate()),
        "billingcurrencycode" | "billingcurrency" => subscription.currency.clone(),
        "pricingcurrency" => "USD".to_owned(),
        "exchangeratepricingtobilling" => row.exchange_rate().to_string(),
        "exchangeratedate" => us_date(period_start),
        "consumedservice" => row.consumed_service().to_owned(),
        "resourceid" => row.resource_id(),
        "resourcename" => row.resource.clone(),
        "tags" => tags(row, modern),
        "publishertype" => row.publisher_type(modern).to_owned(),
        "publishername" => row.publisher().to_owned(),
        "planname" => (charge.offer.as_ref()).map_or_else(String::new, |offer| offer.plan.clone()),
        "chargetype" => row.charge_type.to_owned(),
        "frequency" => row.frequency().to_owned(),
        "pricingmodel" => row.pricing_model().to_owned(),
        "reservationid" => of_reservation(row, |each| &each.id),
        "reservationname" => of_reservation(row, |each| &each.name),
        "productorderid" => of_reservation(row, |each| &each.order),
        "term" => of_reservation(row, |each| each.term.code()),
        "billingaccountid" => row.world.billing_account.clone(),
        "billingaccountname" => row.world.account_name.clone(),
        "billingprofileid" if modern => section.parent.id.clone(),
        "billingprofilename" if modern => section.parent.name.clone(),
        "billingprofileid" => row.world.billing_account.clone(),
        "billingprofilename" => row.world.account_name.clone(),
        "invoicesectionid" if modern => section.part.id.clone(),
        "invoicesectionname" if modern => section.part.name.clone(),
        "invoicesectionname" => section.parent.name.clone(),
        "accountname" => section.part.name.clone(),
        "billingperiodstartdate" | "serviceperiodstartdate" => us_date(period_start),
        "billingperiodenddate" | "serviceperiodenddate" => us_date(period_end),
        "isazurecrediteligible" => capital(charge.offer.is_none()),
        "provider" => "Azure".to_owned(),
        _ => String::new(),
    }
}

fn text(number: Decimal) -> String {
    number.normalize().to_string()
}

fn capital(truth: bool) -> String {
    if truth { "True" } else { "False" }.to_owned()
}

fn of_reservation(row: &CostRow, part: impl Fn(&Reservation) -> &str) -> String {
    let part = row.reservation.map(part);
    part.unwrap_or_default().to_owned()
}

fn us_date(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.month(), date.day(), date.year())
}

/// Tags as JSON, which Enterprise files write without the outer braces.
fn tags(row: &CostRow, modern: bool) -> String {
    let pairs = row.group.tags.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{}: {}", json_text(name), json_text(value)))
        .collect();
    match (pairs.is_empty(), modern) {
        (true, _) => String::new(),
        (false, false) => pairs.join(","),
        (false, true) => format!("{{{}}}", pairs.join(",")),
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn push_quoted(line: &mut String, value: &str) {
    if value.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&value.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::example;

    fn lines(agreement: Agreement) -> Vec<String> {
        let world = example::world();
        let day = date(2026, 11, 2);
        let mut file = Vec::new();
        let count = write_costs(world.rows_between(day, day), agreement, &mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, count + 1);
        lines
    }

    /// The value of a column, for lines whose quoted values have no comma before it.
    fn column<'a>(lines: &'a [String], line: usize, name: &str) -> &'a str {
        let index = lines[0].split(',').position(|column| column == name);
        lines[line].split(',').nth(index.unwrap()).unwrap()
    }

    #[test]
    fn enterprise_files_have_us_dates_and_tags_without_braces() {
        let lines = lines(Agreement::Enterprise);
        assert_eq!(column(&lines, 1, "Date"), "11/02/2026");
        assert_eq!(column(&lines, 1, "ResourceGroup"), "payments-prod");
        let cost: Decimal = column(&lines, 1, "CostInBillingCurrency").parse().unwrap();
        let quantity: Decimal = column(&lines, 1, "Quantity").parse().unwrap();
        let price: Decimal = column(&lines, 1, "EffectivePrice").parse().unwrap();
        assert_eq!(cost, quantity * price);
        assert!(lines[1].contains(r#","""env"": ""prod"",""team"": ""payments""","#));
        assert!(lines[1].ends_with(','), "the last column is empty");
    }

    #[test]
    fn customer_files_have_their_own_columns() {
        let lines = lines(Agreement::Customer);
        assert_eq!(column(&lines, 1, "date"), "11/02/2026");
        assert_eq!(column(&lines, 1, "billingCurrency"), "EUR");
        assert_eq!(column(&lines, 1, "resourceGroupName"), "payments-prod");
        assert!(lines[1].contains(r#","{""env"": ""prod"",""team"": ""payments""}","#));
        assert!(lines[1].ends_with(",Azure"));
    }
}
