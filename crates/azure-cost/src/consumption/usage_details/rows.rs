//! How rows of usage details come over the wire: two kinds under many names, each read in one pass.

use std::collections::BTreeMap;
use std::fmt;

use budget_engine::Currency;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{SkippedItem, UsageKind, UsagePage, UsageRow};
use crate::error::printable;
use crate::fields::{Key, not_json};
use crate::paging::{Page, Repeats, has_id};
use crate::wire::{self, Text};

/// Reads one page's body; also used on published examples.
pub(super) fn read_page(
    body: &[u8],
    number: usize,
    repeats: &mut Repeats,
) -> Result<Page<UsagePage>, String> {
    let mut page = WirePage::default();
    // Some gateways put a byte order mark in front.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let whole = json.deserialize_map(InPage(&mut page));
    let whole = whole.and_then(|()| json.end());
    whole.map_err(|error| format!("page {number} {}", not_json(&error)))?;
    let items = page
        .items
        .ok_or_else(|| format!("{} in page {number}", missing("value")))?;
    let items = repeats.without_repeated(items, has_id);
    let mut read = UsagePage::default();
    read.rows.reserve(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let (page, item) = (number, index + 1);
        let row = Item::read(raw).and_then(Item::into_row);
        match row.map_err(|problem| format!("{problem} in item {item} of page {page}"))? {
            Ok(row) => read.rows.push(row),
            Err(kind) => read.skipped.push(SkippedItem { page, item, kind }),
        }
    }
    Ok(Page {
        content: read,
        next: Some(page.next_link.0),
    })
}

#[derive(Default)]
struct WirePage<'a> {
    items: Option<Vec<&'a RawValue>>,
    next_link: Text,
}

/// An item of a page. Its kind tells what the properties mean, and may come after them.
#[derive(Default)]
struct Item<'a> {
    kind: Text,
    tags: Option<&'a RawValue>,
    has_properties: bool,
    properties: Properties<'a>,
}

/// The properties of both kinds, which share most names; where a kind has its own name for
/// something, there are two. The first of several values that say something counts.
#[derive(Default)]
struct Properties<'a> {
    cost: Option<&'a RawValue>,
    cost_in_billing_currency: Option<&'a RawValue>,
    texts: [Text; Word::COUNT],
}

/// What a text is, by its name in answers.
#[derive(Clone, Copy)]
enum Word {
    Date,
    BillingCurrency,
    BillingCurrencyCode,
    ChargeType,
    Frequency,
    PricingModel,
    SubscriptionId,
    SubscriptionGuid,
    SubscriptionName,
    ResourceGroup,
    ResourceId,
    InstanceName,
    ResourceLocation,
    ResourceLocationNormalized,
    ConsumedService,
    MeterCategory,
    MeterSubCategory,
    MeterName,
    PublisherName,
    PublisherType,
    BenefitId,
    ReservationId,
    CostCenter,
    BillingAccountId,
    BillingProfileId,
    InvoiceSection,
    InvoiceSectionId,
    InvoiceSectionName,
}

impl Word {
    const COUNT: usize = Word::InvoiceSectionName as usize + 1;
}

/// What is known under a name.
enum Known {
    Text(Word),
    Cost,
    CostInBillingCurrency,
    /// An object with the texts of the meter, which the other kind has beside the rest.
    Meter,
}

/// The longest name that is known.
const LONGEST: usize = 26;

/// What a name means, in any letter case.
fn known(name: &str) -> Option<Known> {
    let mut small = [0; LONGEST];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name.as_bytes());
    small.make_ascii_lowercase();
    Some(Known::Text(match &*small {
        b"date" => Word::Date,
        b"cost" => return Some(Known::Cost),
        b"costinbillingcurrency" => return Some(Known::CostInBillingCurrency),
        b"billingcurrency" => Word::BillingCurrency,
        b"billingcurrencycode" => Word::BillingCurrencyCode,
        b"chargetype" => Word::ChargeType,
        b"frequency" => Word::Frequency,
        b"pricingmodel" => Word::PricingModel,
        b"subscriptionid" => Word::SubscriptionId,
        b"subscriptionguid" => Word::SubscriptionGuid,
        b"subscriptionname" => Word::SubscriptionName,
        b"resourcegroup" => Word::ResourceGroup,
        b"resourceid" => Word::ResourceId,
        b"instancename" => Word::InstanceName,
        b"resourcelocation" => Word::ResourceLocation,
        b"resourcelocationnormalized" => Word::ResourceLocationNormalized,
        b"consumedservice" => Word::ConsumedService,
        b"meterdetails" => return Some(Known::Meter),
        b"metercategory" => Word::MeterCategory,
        b"metersubcategory" => Word::MeterSubCategory,
        b"metername" => Word::MeterName,
        b"publishername" => Word::PublisherName,
        b"publishertype" => Word::PublisherType,
        b"benefitid" => Word::BenefitId,
        b"reservationid" => Word::ReservationId,
        b"costcenter" => Word::CostCenter,
        b"billingaccountid" => Word::BillingAccountId,
        b"billingprofileid" => Word::BillingProfileId,
        b"invoicesection" => Word::InvoiceSection,
        b"invoicesectionid" => Word::InvoiceSectionId,
        b"invoicesectionname" => Word::InvoiceSectionName,
        _ => return None,
    }))
}

impl<'a> Item<'a> {
    fn read(raw: &'a RawValue) -> Result<Item<'a>, String> {
        let mut item = Item::default();
        let mut json = serde_json::Deserializer::from_str(raw.get());
        let read = (&mut json).deserialize_map(InItem(&mut item));
        read.map_err(|error| not_json(&error))?;
        Ok(item)
    }

    /// The row, or the kind that is neither of the known ones.
    fn into_row(self) -> Result<Result<UsageRow, String>, String> {
        let kind = match &*self.kind.0 {
            "" => return Err(missing("kind")),
            kind if kind.eq_ignore_ascii_case("legacy") => UsageKind::Legacy,
            kind if kind.eq_ignore_ascii_case("modern") => UsageKind::Modern,
            kind => return Ok(Err(printable(kind, 40))),
        };
        if !self.has_properties {
            return Err(missing("properties"));
        }
        let mut row = self.properties.into_row(kind)?;
        row.tags = self.tags.map(tags).unwrap_or_default();
        Ok(Ok(row))
    }
}

impl Properties<'_> {
    fn into_row(mut self, kind: UsageKind) -> Result<UsageRow, String> {
        let legacy = kind == UsageKind::Legacy;
        let of_kind = |ours, theirs| if legacy { ours } else { theirs };
        let (cost, cost_name) = of_kind(
            (self.cost, "cost"),
            (self.cost_in_billing_currency, "costInBillingCurrency"),
        );
        let (currency, currency_name) = match legacy {
            true => (Word::BillingCurrency, "billingCurrency"),
            false => (Word::BillingCurrencyCode, "billingCurrencyCode"),
        };
        let mut row = UsageRow::new(
            kind,
            day("date", self.text(Word::Date))?,
            amount(cost_name, cost)?,
            known_currency(currency_name, self.text(currency))?,
        );
        let mut take = |word: Word| std::mem::take(&mut self.texts[word as usize].0);
        let mut first = |one, other| match take(one) {
            text if text.is_empty() => take(other),
            text => text,
        };
        row.benefit_id = first(Word::BenefitId, Word::ReservationId);
        row.region = first(Word::ResourceLocation, Word::ResourceLocationNormalized);
        if legacy {
            row.subscription_id = take(Word::SubscriptionId);
            row.resource_id = take(Word::ResourceId);
            row.invoice_section_name = take(Word::InvoiceSection);
        } else {
            row.subscription_id = take(Word::SubscriptionGuid);
            row.resource_id = take(Word::InstanceName);
            row.invoice_section_id = take(Word::InvoiceSectionId);
            row.invoice_section_name = take(Word::InvoiceSectionName);
        }
        row.charge_type = take(Word::ChargeType);
        row.frequency = take(Word::Frequency);
        row.pricing_model = take(Word::PricingModel);
        row.subscription_name = take(Word::SubscriptionName);
        row.resource_group = take(Word::ResourceGroup);
        row.consumed_service = take(Word::ConsumedService);
        row.meter_category = take(Word::MeterCategory);
        row.meter_subcategory = take(Word::MeterSubCategory);
        row.meter_name = take(Word::MeterName);
        row.publisher_name = take(Word::PublisherName);
        row.publisher_type = take(Word::PublisherType);
        row.cost_center = take(Word::CostCenter);
        row.billing_account_id = take(Word::BillingAccountId);
        row.billing_profile_id = take(Word::BillingProfileId);
        Ok(row)
    }

    fn text(&self, word: Word) -> &str {
        &self.texts[word as usize].0
    }
}

/// Puts the fields of a page where they belong.
struct InPage<'p, 'a>(&'p mut WirePage<'a>);

impl<'a> Visitor<'a> for InPage<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Key<'a>>()? {
            if name.0.eq_ignore_ascii_case("value") {
                self.0.items = map.next_value()?;
            } else if name.0.eq_ignore_ascii_case("nextLink") {
                self.0.next_link = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Puts the fields of an item where they belong.
struct InItem<'p, 'a>(&'p mut Item<'a>);

impl<'a> Visitor<'a> for InItem<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Key<'a>>()? {
            let is = |known: &str| name.0.eq_ignore_ascii_case(known);
            if is("properties") {
                self.0.has_properties =
                    map.next_value_seed(InProperties(&mut self.0.properties))?;
            } else if is("kind") {
                self.0.kind = map.next_value()?;
            } else if is("tags") {
                self.0.tags = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Puts properties where they belong; says whether there are any.
struct InProperties<'p, 'a>(&'p mut Properties<'a>);

impl<'a> DeserializeSeed<'a> for InProperties<'_, 'a> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for InProperties<'_, 'a> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or nothing")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<bool, A::Error> {
        let InProperties(into) = self;
        while let Some(name) = map.next_key::<Key<'a>>()? {
            match known(&name.0) {
                Some(Known::Text(word)) if into.text(word).is_empty() => {
                    into.texts[word as usize] = map.next_value()?;
                }
                Some(Known::Cost) if into.cost.is_none() => into.cost = map.next_value()?,
                Some(Known::CostInBillingCurrency) if into.cost_in_billing_currency.is_none() => {
                    into.cost_in_billing_currency = map.next_value()?;
                }
                Some(Known::Meter) => {
                    map.next_value_seed(InProperties(into))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(true)
    }
}

/// Tags are a map of text; a row whose tags have another shape has none.
fn tags(raw: &RawValue) -> Vec<(String, String)> {
    let map: Option<BTreeMap<String, Text>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let map = map.unwrap_or_default();
    map.into_iter()
        .map(|(name, value)| (name, value.0))
        .collect()
}

fn missing(field: &str) -> String {
    format!("`{field}` is missing")
}

fn day(field: &str, text: &str) -> Result<Date, String> {
    if text.is_empty() {
        return Err(missing(field));
    }
    wire::day(text).ok_or_else(|| format!("`{field}` is not a day"))
}

fn amount(field: &str, raw: Option<&RawValue>) -> Result<Decimal, String> {
    match raw.map(|raw| (raw, raw.get())) {
        None | Some((_, "\"\"")) => Err(missing(field)),
        Some((raw, _)) => wire::decimal(raw).ok_or_else(|| format!("`{field}` is not an amount")),
    }
}

fn known_currency(field: &str, text: &str) -> Result<Currency, String> {
    if text.is_empty() {
        return Err(missing(field));
    }
    let known = text.parse();
    known.map_err(|_| format!("`{field}` is not a known currency"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn legacy() -> Value {
        json!({
            "kind": "legacy",
            "tags": {"Env": "prod", "count": 3},
            "properties": {
                "date": "2026-11-03T00:00:00.0000000Z",
                "cost": 1.25,
                "billingCurrency": "EUR",
                "subscriptionId": "1f2e",
                "meterDetails": {"meterName": "D2 v5", "meterCategory": "Virtual Machines"},
                "somethingNew": {"deep": [1, 2]},
            },
        })
    }

    fn read(items: Value) -> Result<UsagePage, String> {
        let body = json!({"value": items}).to_string();
        read_page(body.as_bytes(), 4, &mut Repeats::default()).map(|page| page.content)
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_its_place() {
        for (field, value, problem) in [
            ("cost", Value::Null, "`cost` is missing in item 2 of page 4"),
            (
                "cost",
                json!("much"),
                "`cost` is not an amount in item 2 of page 4",
            ),
            ("date", Value::Null, "`date` is missing in item 2 of page 4"),
            (
                "date",
                json!("soon"),
                "`date` is not a day in item 2 of page 4",
            ),
            (
                "billingCurrency",
                json!(""),
                "`billingCurrency` is missing in item 2 of page 4",
            ),
            (
                "billingCurrency",
                json!("ZZZ"),
                "`billingCurrency` is not a known currency in item 2 of page 4",
            ),
        ] {
            let mut second = legacy();
            second["properties"][field] = value;
            assert_eq!(read(json!([legacy(), second])).unwrap_err(), problem);
        }
        let error = read(json!([{"kind": "legacy"}])).unwrap_err();
        assert_eq!(error, "`properties` is missing in item 1 of page 4");
        assert!(
            read(json!([{"properties": {}}]))
                .unwrap_err()
                .contains("`kind`")
        );
        assert!(read(json!([7])).unwrap_err().contains("has another shape"));
        let error = read_page(b"{}", 1, &mut Repeats::default()).unwrap_err();
        assert_eq!(error, "`value` is missing in page 1");
    }

    #[test]
    fn a_third_kind_is_counted_and_the_rest_is_read() {
        let page = read(json!([{"kind": "postmodern", "properties": {}}, legacy()])).unwrap();
        assert_eq!(page.rows.len(), 1);
        let skipped = SkippedItem {
            page: 4,
            item: 1,
            kind: "postmodern".to_owned(),
        };
        assert_eq!(page.skipped, [skipped]);
    }

    #[test]
    fn tags_are_a_map_or_nothing() {
        let mut item = legacy();
        let page = read(json!([item])).unwrap();
        let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(page.rows[0].tags, [tag("Env", "prod"), tag("count", "3")]);
        for none in [Value::Null, json!([{"env": "prod"}]), json!("env")] {
            item["tags"] = none;
            assert_eq!(read(json!([item])).unwrap().rows[0].tags, []);
        }
    }

    #[test]
    fn keys_are_told_in_any_letter_case_and_order() {
        // The kind comes last, and the meter stands in its own object or beside the rest.
        let body = r#"{"NextLink": "x", "Value": [
            {"Properties": {"DATE": "2026-11-03", "CostInBillingCurrency": "2.5",
                "billingcurrencycode": "eur", "SubscriptionGUID": "1f2e", "meterName": "D2",
                "INVOICESECTIONNAME": "Shop", "reservationId": "r", "benefitId": ""},
             "TAGS": {"Env": "prod"}, "Kind": "Modern"},
            {"properties": {"meterDetails": {"MeterName": "D4"}, "date": "2026-11-04", "cost": null,
                "Cost": 1, "billingCurrency": "EUR", "subscriptionId": "2", "invoiceSection": "HR"},
             "kind": "LEGACY", "etag": "unknown names are left alone"}]}"#;
        let page = read_page(body.as_bytes(), 1, &mut Repeats::default()).unwrap();
        assert_eq!(page.next.as_deref(), Some("x"));
        let [modern, legacy] = &page.content.rows[..] else {
            panic!("{page:?}");
        };
        let seen = |row: &UsageRow| {
            let cost = format!("{} {}", row.cost, row.currency);
            let names = [
                &row.subscription_id,
                &row.meter_name,
                &row.invoice_section_name,
            ];
            (
                row.date.to_string(),
                cost,
                names.map(String::clone).join(" "),
            )
        };
        let expected = |date: &str, cost: &str, names: &str| {
            (date.to_owned(), cost.to_owned(), names.to_owned())
        };
        assert_eq!(
            seen(modern),
            expected("2026-11-03", "2.5 EUR", "1f2e D2 Shop")
        );
        assert_eq!(modern.benefit_id, "r");
        assert_eq!(modern.tags, [("Env".to_owned(), "prod".to_owned())]);
        assert_eq!(seen(legacy), expected("2026-11-04", "1 EUR", "2 D4 HR"));
    }

    #[test]
    fn names_of_one_kind_mean_nothing_to_the_other() {
        let mut item = legacy();
        item["kind"] = json!("modern");
        let problem = "`costInBillingCurrency` is missing in item 1 of page 4";
        assert_eq!(read(json!([item])).unwrap_err(), problem);
        let mut item = legacy();
        item["properties"]["instanceName"] = json!("/subscriptions/9");
        item["properties"]["subscriptionGuid"] = json!("9");
        let page = read(json!([item])).unwrap();
        assert_eq!(
            (&*page.rows[0].resource_id, &*page.rows[0].subscription_id),
            ("", "1f2e")
        );
    }

    #[test]
    fn every_known_name_fits_the_room_for_names() {
        let longest = "resourceLocationNormalized";
        assert_eq!(longest.len(), LONGEST);
        assert!(known(longest).is_some());
        assert!(known(&format!("{longest}s")).is_none());
    }

    #[test]
    fn the_last_page_has_no_link_in_three_ways() {
        for (body, link) in [
            (r#"{"value":[]}"#, ""),
            (r#"{"value":[],"nextLink":null}"#, ""),
            (r#"{"value":[],"nextLink":""}"#, ""),
            (r#"{"value":[],"nextLink":"https://x/y"}"#, "https://x/y"),
        ] {
            let found = read_page(body.as_bytes(), 1, &mut Repeats::default())
                .unwrap()
                .next;
            assert_eq!(found.as_deref(), Some(link));
        }
    }
}
