//! Which operation an example is of, by what it says: there is no operation id in most of them.

use super::example::Example;
use super::json::Json;

/// What an example is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// An operation of the client.
    Spoken(Operation),
    /// An operation that the client leaves out, and why.
    Unspoken(&'static str),
    /// Nothing that anybody has thought of.
    Unknown,
}

/// A thing of Azure and what is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) thing: Thing,
    pub(crate) verb: Verb,
}

/// What is done with a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Get,
    Put,
    Delete,
    /// Whatever else can be done with it: run it, dismiss it.
    Do,
}

/// The things of which Azure's cost APIs speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    AggregatedCost,
    Alert,
    AvailableBalance,
    Balance,
    BillingAccount,
    BillingPeriod,
    BillingProfile,
    Budget,
    Charge,
    ConsumptionPriceSheetFile,
    CostDetails,
    CostDetailsResult,
    CostManagementBudget,
    CreditSummary,
    DetailedReport,
    DetailedReportResult,
    DetailedReportStatus,
    Dimension,
    EnrollmentAccount,
    Event,
    Export,
    ExportRun,
    Forecast,
    Invoice,
    InvoiceDocument,
    InvoiceDocuments,
    InvoiceSummary,
    Lot,
    Marketplace,
    NameAvailability,
    OlderInvoice,
    PriceSheet,
    PriceSheetFile,
    Query,
    RateCard,
    ReservationDetail,
    ReservationDetailsFile,
    ReservationRecommendation,
    ReservationRecommendationDetail,
    ReservationSummary,
    ReservationTransaction,
    ScheduledAction,
    Tag,
    Transaction,
    UsageAggregate,
    UsageDetail,
    View,
}

/// The operation of an example.
pub(crate) fn classify(example: &Example) -> Known {
    let is_list_of_operations = |word: &&str| example.name.contains(word);
    if ["operationlist", "operationslist", "listoperations"]
        .iter()
        .any(is_list_of_operations)
    {
        return Known::Unspoken("lists of operations");
    }
    let has_external = |path: String| path.to_ascii_lowercase().contains("/external");
    if example.text("externalCloudProviderType").is_some()
        || example.text("scope").is_some_and(has_external)
        || ["externalsubscription", "externalbilling"]
            .iter()
            .any(|word| example.name.contains(word))
    {
        return Known::Unspoken("costs of other clouds");
    }
    let thing = match &*example.service {
        "consumption" => consumption(example),
        "cost-management" => cost_management(example),
        "billing" => billing(example),
        "commerce" => commerce(example),
        _ => Err(Known::Unknown),
    };
    match thing {
        Ok(thing) => Known::Spoken(Operation {
            thing,
            verb: verb(example, thing),
        }),
        Err(known) => known,
    }
}

fn verb(example: &Example, thing: Thing) -> Verb {
    let is_said = |words: &[&str]| words.iter().any(|word| example.name.contains(word));
    if matches!(
        thing,
        Thing::Query | Thing::Forecast | Thing::NameAvailability | Thing::CostDetails
    ) {
        return Verb::Get;
    }
    if thing == Thing::ExportRun {
        return Verb::List;
    }
    if thing == Thing::Alert && (example.body().is_some() || is_said(&["dismiss"])) {
        return Verb::Do;
    }
    if is_said(&["sendnow", "execute"]) || (thing == Thing::Export && is_said(&["run"])) {
        return Verb::Do;
    }
    if is_said(&["delete"]) {
        return Verb::Delete;
    }
    if example.body().is_some() {
        return Verb::Put;
    }
    let is_list = |body: &Json| {
        body.get("value")
            .is_some_and(|value| value.list().is_some())
    };
    if example.bodies().any(is_list) {
        return Verb::List;
    }
    Verb::Get
}

/// The thing by the `type` that stands in the answers, by words of the file's name otherwise.
fn by_type_or_name(
    example: &Example,
    types: &[(&str, Thing)],
    names: &[(&str, Thing)],
) -> Result<Thing, Known> {
    let kind = kind(example);
    let by_type = types
        .iter()
        .find(|(name, _)| Some(*name) == kind.as_deref());
    let by_name = || names.iter().find(|(word, _)| example.name.contains(word));
    let found = by_type.or_else(by_name).map(|(_, thing)| *thing);
    found.ok_or(Known::Unknown)
}

/// The `type` of the answer or of its first item, in lower case.
fn kind(example: &Example) -> Option<String> {
    let of = |body: &Json| {
        let first = body
            .get("value")
            .and_then(Json::list)
            .and_then(<[_]>::first);
        first.unwrap_or(body).get("type")?.text()
    };
    let kind = example.bodies().find_map(of);
    kind.map(|kind| kind.to_ascii_lowercase())
}

fn consumption(example: &Example) -> Result<Thing, Known> {
    use Thing::*;
    if example.name.contains("costtags") || example.name.starts_with("tenant") {
        return Err(Known::Unspoken("previews that came to nothing"));
    }
    if example.name.contains("forecast") {
        return Err(Known::Unspoken("forecasts of Consumption, long replaced"));
    }
    // A file for the whole account, not rows of a subscription.
    if example.name.contains("pricesheet") && example.text("subscriptionId").is_none() {
        return Ok(ConsumptionPriceSheetFile);
    }
    by_type_or_name(
        example,
        &[
            ("microsoft.consumption/aggregatedcost", AggregatedCost),
            ("microsoft.consumption/balances", Balance),
            ("microsoft.consumption/budgets", Budget),
            ("microsoft.consumption/charges", Charge),
            ("microsoft.consumption/credits", CreditSummary),
            (
                "microsoft.consumption/credits/balancesummary",
                CreditSummary,
            ),
            ("microsoft.consumption/events", Event),
            ("microsoft.consumption/lots", Lot),
            ("microsoft.consumption/marketplaces", Marketplace),
            ("microsoft.consumption/pricesheets", PriceSheet),
            (
                "microsoft.consumption/reservationdetails",
                ReservationDetail,
            ),
            (
                "microsoft.consumption/reservationrecommendationdetails",
                ReservationRecommendationDetail,
            ),
            (
                "microsoft.consumption/reservationrecommendations",
                ReservationRecommendation,
            ),
            (
                "microsoft.consumption/reservationsummaries",
                ReservationSummary,
            ),
            (
                "microsoft.consumption/reservationtransactions",
                ReservationTransaction,
            ),
            ("microsoft.consumption/tags", Tag),
            ("microsoft.consumption/usagedetails", UsageDetail),
        ],
        &[
            ("aggregatedcost", AggregatedCost),
            ("balances", Balance),
            ("budget", Budget),
            ("charges", Charge),
            ("creditsummary", CreditSummary),
            ("events", Event),
            ("lots", Lot),
            ("marketplace", Marketplace),
            ("pricesheet", PriceSheet),
            ("reservationdetails", ReservationDetail),
            (
                "reservationrecommendationdetails",
                ReservationRecommendationDetail,
            ),
            ("reservationrecommendations", ReservationRecommendation),
            ("reservationsummaries", ReservationSummary),
            ("reservationtransactions", ReservationTransaction),
            ("usagedetails", UsageDetail),
            ("tags", Tag),
        ],
    )
}

fn cost_management(example: &Example) -> Result<Thing, Known> {
    use Thing::*;
    for (word, reason) in [
        ("benefit", "use and advice of savings plans"),
        ("savingsplan", "use and advice of savings plans"),
        ("costallocation", "rules of cost allocation"),
        ("setting", "settings of the portal"),
        ("connector", "connectors to other clouds"),
        ("markuprule", "rules of partners"),
    ] {
        if example.name.contains(word) {
            return Err(Known::Unspoken(reason));
        }
    }
    // Forecasts answer with the type of queries, reports with that of a Consumption operation.
    let name = &*example.name;
    if !kind(example).is_some_and(|kind| kind.ends_with("/budgets")) && name.contains("forecast") {
        return Ok(Forecast);
    }
    if name.contains("runhistory") || name.contains("executionhistory") {
        return Ok(ExportRun);
    }
    by_type_or_name(
        example,
        &[
            ("microsoft.costmanagement/alerts", Alert),
            ("microsoft.costmanagement/budgets", CostManagementBudget),
            ("microsoft.costmanagement/dimensions", Dimension),
            ("microsoft.costmanagement/exports", Export),
            ("microsoft.costmanagement/query", Query),
            ("microsoft.costmanagement/scheduledactions", ScheduledAction),
            ("microsoft.costmanagement/views", View),
        ],
        &[
            ("checknameavailability", NameAvailability),
            ("scheduledaction", ScheduledAction),
            ("view", View),
            ("export", Export),
            ("detailedcostreportoperationresult", DetailedReportResult),
            ("detailedcostreportoperationstatus", DetailedReportStatus),
            ("detailedcostreport", DetailedReport),
            ("costdetailsoperationresult", CostDetailsResult),
            ("costdetailsreport", CostDetails),
            ("reservationdetailsreport", ReservationDetailsFile),
            ("pricesheet", PriceSheetFile),
            ("budget", CostManagementBudget),
            ("alertrule", CostManagementBudget),
            ("alert", Alert),
            ("dimension", Dimension),
            ("query", Query),
        ],
    )
}

fn billing(example: &Example) -> Result<Thing, Known> {
    use Thing::*;
    let names = example.names();
    let name = &*example.name;
    let has = |parameter: &str| names.iter().any(|name| name == parameter);
    let is_about = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let other = Known::Unspoken("what Billing keeps besides costs and invoices");
    // What changes something is not ours, except for the POSTs that make files.
    let is_download = name.contains("download") && is_about(&["invoice", "creditnote", "receipt"]);
    if is_download {
        return match example.body() {
            _ if name.starts_with("transaction")
                || !has("invoicename") && example.body().is_none() =>
            {
                Err(other)
            }
            _ if name.contains("summary") => Ok(InvoiceSummary),
            None => Ok(InvoiceDocument),
            Some(Json::List(items))
                if items.iter().all(|item| item.get("invoiceName").is_some()) =>
            {
                Ok(InvoiceDocuments)
            }
            Some(_) => Err(Known::Unspoken(
                "invoices by their links, as older versions had it",
            )),
        };
    }
    let changes = [
        "add", "amend", "cancel", "check", "confirm", "create", "delete", "initiate", "merge",
        "move", "paynow", "put", "split", "update", "validate",
    ];
    if example.body().is_some() || changes.iter().any(|verb| name.contains(verb)) {
        return Err(other);
    }
    // Parameters that only say how much to give.
    let plain = |allowed: &[&str]| {
        let extras = [
            "expand",
            "$expand",
            "filter",
            "$filter",
            "top",
            "$top",
            "skip",
            "$skip",
            "orderby",
            "$orderby",
            "count",
            "$count",
            "search",
            "$search",
            "includedeleted",
            "includeall",
            "includeallwithoutbillingprofiles",
            "includependingagreement",
            "includeresellee",
            "legalownertid",
            "legalownerobjectid",
            "legalowneroid",
        ];
        let known = |name: &String| allowed.contains(&&**name) || extras.contains(&&**name);
        names.iter().all(known)
    };
    let by_period = |allowed: &[&str]| {
        let periods = ["periodstartdate", "periodenddate"];
        plain(&[allowed, &periods].concat())
    };
    match kind(example).as_deref() {
        Some("microsoft.billing/billingperiods") => Ok(BillingPeriod),
        Some("microsoft.billing/enrollmentaccounts") => Ok(EnrollmentAccount),
        Some("microsoft.billing/invoices") => Ok(OlderInvoice),
        Some("microsoft.billing/billingaccounts") if plain(&["billingaccountname"]) => {
            Ok(BillingAccount)
        }
        Some("microsoft.billing/billingaccounts/billingprofiles")
            if plain(&["billingaccountname"]) && has("billingaccountname") =>
        {
            Ok(BillingProfile)
        }
        Some(kind) if kind.ends_with("/invoices") => {
            let list = by_period(&["billingaccountname", "billingprofilename", "subscriptionid"]);
            let one = plain(&["billingaccountname", "subscriptionid", "invoicename"]);
            match has("invoicename") {
                true if one => Ok(Invoice),
                false if list => Ok(Invoice),
                _ => Err(other),
            }
        }
        Some(kind) if kind.ends_with("/transactions") => {
            let of_profile = by_period(&["billingaccountname", "billingprofilename", "type"]);
            let of_invoice = plain(&["billingaccountname", "invoicename"]);
            let is_ours =
                of_profile && has("billingprofilename") || of_invoice && has("invoicename");
            is_ours.then_some(Transaction).ok_or(Known::Unspoken(
                "transactions of customers and invoice sections",
            ))
        }
        Some(kind) if kind.contains("/availablebalance") => match has("billingprofilename") {
            true => Ok(AvailableBalance),
            false => Err(Known::Unspoken("balances of whole accounts")),
        },
        _ if is_about(BESIDES) => Err(other),
        _ => Err(Known::Unknown),
    }
}

/// Families of Microsoft.Billing that have no say in what things cost.
const BESIDES: &[&str] = &[
    "address",
    "agreement",
    "associatedtenant",
    "availablebalance",
    "billingaccount",
    "billingprofile",
    "billingsubscription",
    "billingproperty",
    "billingrequest",
    "customer",
    "department",
    "enrollmentaccount",
    "instruction",
    "invoicesection",
    "paymentmethod",
    "permission",
    "policies",
    "policy",
    "product",
    "promotion",
    "reservation",
    "role",
    "savingsplan",
    "transaction",
    "transfer",
];

fn commerce(example: &Example) -> Result<Thing, Known> {
    let has = |name: &str| example.bodies().any(|body| body.get(name).is_some());
    if has("Meters") || example.name.contains("ratecard") {
        return Ok(Thing::RateCard);
    }
    if example.text("aggregationGranularity").is_some() || example.name.contains("usageaggregate") {
        return Ok(Thing::UsageAggregate);
    }
    Err(Known::Unknown)
}
