//! Cost files as Azure's exports write them.

use std::io::{self, Write};

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::world::CostRow;

/// Kinds of contract with Microsoft; each has its own columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Enterprise Agreement, and the older pay-as-you-go.
    Enterprise,
    /// Microsoft Customer Agreement.
    Customer,
}

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

/// Writes rows as a CSV file with its header line, and gives their number.
pub fn write_costs<'a>(
    rows: impl IntoIterator<Item = CostRow<'a>>,
    agreement: Agreement,
    out: &mut impl Write,
) -> io::Result<u64> {
    let columns = match agreement {
        Agreement::Enterprise => ENTERPRISE,
        Agreement::Customer => CUSTOMER,
    };
    writeln!(out, "{columns}\r")?;
    let mut count = 0;
    let mut line = String::new();
    for row in rows {
        line.clear();
        for (index, column) in columns.split(',').enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_quoted(&mut line, &value(&row, agreement, column));
        }
        writeln!(out, "{line}\r")?;
        count += 1;
    }
    Ok(count)
}

/// What a row has in a column; columns that the made-up bill knows nothing of are empty.
fn value(row: &CostRow, agreement: Agreement, column: &str) -> String {
    let (subscription, group, charge) = (row.subscription, row.group, row.charge);
    let (period_start, period_end) = row.billing_period();
    let account = &row.world.billing_account;
    match column.to_ascii_lowercase().as_str() {
        "subscriptionid" => subscription.id.clone(),
        "subscriptionname" => subscription.name.clone(),
        "resourcegroup" | "resourcegroupname" => group.name.clone(),
        "resourcelocation" | "location" | "meterregion" => charge.region.clone(),
        "date" => us_date(row.date),
        "productname" => format!("{} - {}", charge.service, charge.meter),
        "metercategory" | "servicefamily" => charge.service.clone(),
        "metername" => charge.meter.clone(),
        "unitofmeasure" => "10 Hours".to_owned(),
        // Everything is priced at a tenth, so that quantity times price is the cost.
        "quantity" => (row.cost * Decimal::TEN).normalize().to_string(),
        "effectiveprice" | "unitprice" | "paygprice" => "0.1".to_owned(),
        "costinbillingcurrency" | "costinpricingcurrency" | "paygcostinbillingcurrency" => {
            row.cost.to_string()
        }
        "billingcurrencycode" | "billingcurrency" | "pricingcurrency" => {
            subscription.currency.clone()
        }
        "exchangeratepricingtobilling" => "1".to_owned(),
        "exchangeratedate" => us_date(period_start),
        "consumedservice" => row.consumed_service().to_owned(),
        "resourceid" => row.resource_id(),
        "resourcename" => row.resource.clone(),
        "tags" => tags(row, agreement),
        "publishertype" if agreement == Agreement::Customer => "Microsoft".to_owned(),
        "publishertype" => "Azure".to_owned(),
        "publishername" => "Microsoft".to_owned(),
        "chargetype" => charge.charge_type.clone(),
        "frequency" => row.frequency().to_owned(),
        "pricingmodel" => "OnDemand".to_owned(),
        "billingaccountid" | "billingprofileid" => account.clone(),
        "billingaccountname" | "billingprofilename" => "Contoso".to_owned(),
        "billingperiodstartdate" | "serviceperiodstartdate" => us_date(period_start),
        "billingperiodenddate" | "serviceperiodenddate" => us_date(period_end),
        "isazurecrediteligible" => "True".to_owned(),
        "provider" => "Azure".to_owned(),
        _ => String::new(),
    }
}

fn us_date(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.month(), date.day(), date.year())
}

/// Tags as JSON, which Enterprise files write without the outer braces.
fn tags(row: &CostRow, agreement: Agreement) -> String {
    let pairs = row.group.tags.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{}: {}", json_text(name), json_text(value)))
        .collect();
    match (pairs.is_empty(), agreement) {
        (true, _) => String::new(),
        (false, Agreement::Enterprise) => pairs.join(","),
        (false, Agreement::Customer) => format!("{{{}}}", pairs.join(",")),
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
