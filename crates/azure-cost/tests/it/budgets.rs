//! Budgets: read, put with and without a version, deleted.

use azure_cost::{
    Budget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification, BudgetPeriod,
    Error,
};
use budget_engine::{Money, Scope};
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, dec, scope};

const PATH: &str = "/subscriptions/1f2e/providers/Microsoft.Consumption/budgets";

fn wire(name: &str) -> Value {
    json!({
        "id": format!("{PATH}/{name}"),
        "name": name,
        "type": "Microsoft.Consumption/budgets",
        "eTag": "\"1d99\"",
        "properties": {
            "category": "Cost",
            "amount": 1250.50,
            "timeGrain": "Quarterly",
            "timePeriod": {"startDate": "2026-10-01T00:00:00Z", "endDate": "2028-09-30T00:00:00Z"},
            "filter": {"and": [
                {"dimensions": {"name": "ResourceGroupName", "operator": "In", "values": ["web"]}},
                {"tags": {"name": "env", "operator": "In", "values": ["test", "live"]}},
            ]},
            "notifications": {
                "Forecasted_110": {
                    "enabled": true,
                    "operator": "GreaterThan",
                    "threshold": 110.25,
                    "thresholdType": "Forecasted",
                    "locale": "de-de",
                    "contactEmails": ["finance@contoso.example"],
                    "contactRoles": ["Owner"],
                    "contactGroups": ["/subscriptions/1f2e/providers/microsoft.insights/actionGroups/a"],
                },
            },
            "currentSpend": {"amount": 700.001, "unit": "EUR"},
            "forecastSpend": {"amount": 1400, "unit": "EUR"},
        },
    })
}

/// What a put of [`wire`] sends.
fn body(name: &str) -> Value {
    let mut body = wire(name);
    for field in ["id", "name", "type"] {
        body.as_object_mut().unwrap().remove(field);
    }
    for field in ["currentSpend", "forecastSpend"] {
        body["properties"].as_object_mut().unwrap().remove(field);
    }
    body
}

fn read(value: &Value) -> Result<Budget, String> {
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

fn ok(value: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(value)
}

fn refusal(status: u16, code: &str, message: &str) -> ResponseTemplate {
    let error = json!({"error": {"code": code, "message": message}});
    ResponseTemplate::new(status).set_body_json(error)
}

#[tokio::test]
async fn all_budgets_are_read_over_all_pages() {
    let server = MockServer::start().await;
    let next = format!("{}{PATH}?api-version=2019-10-01&$skiptoken=b", server.uri());
    Mock::given(method("GET"))
        .and(path(PATH))
        .and(query_param("api-version", "2024-08-01"))
        .and(query_param_is_missing("$skiptoken"))
        .respond_with(ok(json!({"value": [wire("one")], "nextLink": next})))
        .expect(1)
        .mount(&server)
        .await;
    let mut bare = wire("two");
    bare["properties"] = json!({
        "category": "Cost",
        "amount": 5,
        "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-11-01T00:00:00Z", "endDate": null},
        "filter": {},
        "notifications": {"thresholdType": "Actual"},
    });
    Mock::given(query_param("$skiptoken", "b"))
        .respond_with(ok(json!({"value": [bare]})))
        .expect(1)
        .mount(&server)
        .await;

    let client = client(&server.uri());
    let budgets: Vec<Budget> = client.budgets(&scope()).try_collect().await.unwrap();
    assert_eq!(budgets.len(), 2);
    let one = &budgets[0];
    assert_eq!(one.name, "one");
    assert_eq!(one.etag.as_deref(), Some("\"1d99\""));
    assert_eq!(one.amount, Some(dec("1250.5")));
    assert_eq!(one.time_grain, "Quarterly");
    let period = BudgetPeriod::new(date(2026, 10, 1), Some(date(2028, 9, 30)));
    assert_eq!(one.time_period, period);
    let web = BudgetComparison::new("ResourceGroupName", ["web".to_owned()]);
    let env = BudgetComparison::new("env", ["test".to_owned(), "live".to_owned()]);
    let filter = BudgetFilter::all([BudgetCondition::Dimensions(web), BudgetCondition::Tags(env)]);
    assert_eq!(one.filter, filter);
    let mut told = BudgetNotification::new("GreaterThan", dec("110.25"));
    told.threshold_type = "Forecasted".to_owned();
    told.locale = "de-de".to_owned();
    told.contact_emails = vec!["finance@contoso.example".to_owned()];
    told.contact_roles = vec!["Owner".to_owned()];
    told.contact_groups =
        vec!["/subscriptions/1f2e/providers/microsoft.insights/actionGroups/a".to_owned()];
    assert_eq!(one.notifications["Forecasted_110"], told);
    let spend = |spend: &Option<azure_cost::BudgetSpend>| spend.as_ref().unwrap().money();
    let euros = |amount| Some(Money::new(amount, "EUR".parse().unwrap()));
    assert_eq!(spend(&one.current_spend), euros(dec("700.001")));
    assert_eq!(spend(&one.forecast_spend), euros(dec("1400")));

    let mut two = Budget::new(
        "two",
        dec("5"),
        "Monthly",
        BudgetPeriod::new(date(2026, 11, 1), None),
    );
    two.id = format!("{PATH}/two");
    two.etag = Some("\"1d99\"".to_owned());
    assert_eq!(budgets[1], two);
}

#[tokio::test]
async fn what_was_read_is_put_with_its_version_and_the_same_meaning() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("{PATH}/plan")))
        .respond_with(ok(wire("plan")))
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path(format!("{PATH}/plan")))
        .and(query_param("api-version", "2024-08-01"))
        .and(body_json(body("plan")))
        .respond_with(ok(wire("plan")))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let budget = client.budget(&scope(), "plan").await.unwrap().unwrap();
    assert_eq!(client.put_budget(&scope(), &budget).await.unwrap(), budget);
}

#[tokio::test]
async fn a_new_budget_is_created_and_a_lost_answer_asked_for_again() {
    let server = MockServer::start().await;
    let sent = json!({"properties": {
        "category": "Cost",
        "amount": 80,
        "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-12-01T00:00:00Z"},
        "filter": {"tags": {"name": "env", "operator": "In", "values": ["live"]}},
        "notifications": {"eighty": {
            "enabled": true,
            "operator": "GreaterThanOrEqualTo",
            "threshold": 80,
            "contactEmails": [],
        }},
    }});
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    let mut created = sent.clone();
    created["name"] = json!("new");
    created["eTag"] = json!("\"1\"");
    Mock::given(method("PUT"))
        .and(path(format!("{PATH}/new")))
        .and(body_json(sent))
        .respond_with(ResponseTemplate::new(201).set_body_json(created))
        .expect(1)
        .mount(&server)
        .await;
    let period = BudgetPeriod::new(date(2026, 12, 1), None);
    let mut budget = Budget::new("new", dec("80.00"), "Monthly", period);
    let env = BudgetComparison::new("env", ["live".to_owned()]);
    budget.filter = BudgetFilter::all([BudgetCondition::Tags(env)]);
    let eighty = BudgetNotification::new("GreaterThanOrEqualTo", dec("80"));
    budget.notifications.insert("eighty".to_owned(), eighty);
    let client = client(&server.uri());
    let put = client.put_budget(&scope(), &budget).await.unwrap();
    assert_eq!(put.etag.as_deref(), Some("\"1\""));
    budget.etag = put.etag.clone();
    assert_eq!(put, budget);
}

#[tokio::test]
async fn a_put_with_a_version_is_not_repeated_once_it_may_have_begun() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(500))
        .expect(1)
        .mount(&server)
        .await;
    let budget = read(&wire("plan")).unwrap();
    let put = client(&server.uri()).put_budget(&scope(), &budget).await;
    let error = put.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stale_version_is_a_conflict_however_it_is_said() {
    let words = "There are changes made to Budget plan since it was read. Please get the latest \
                 budget to avoid overwrite.";
    for (status, code, message, is_conflict) in [
        (400, "400", words, true),
        (412, "PreconditionFailed", "stale", true),
        (409, "Conflict", "stale", true),
        (
            400,
            "400",
            "Start date of budgets cannot be updated.",
            false,
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("PUT"))
            .respond_with(refusal(status, code, message))
            .expect(1)
            .mount(&server)
            .await;
        let budget = read(&wire("plan")).unwrap();
        let put = client(&server.uri()).put_budget(&scope(), &budget).await;
        let error = put.unwrap_err();
        let found = matches!(error, Error::Conflict { .. });
        assert_eq!(found, is_conflict, "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_budget_that_is_not_there_is_none_and_deleted_already() {
    for (code, is_about_budget) in [
        ("404", true),
        ("NotFound", true),
        ("BudgetNotFound", true),
        ("SubscriptionNotFound", false),
        ("ResourceGroupNotFound", false),
    ] {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any())
            .respond_with(refusal(404, code, "not here"))
            .expect(4)
            .mount(&server)
            .await;
        let (client, scope) = (client(&server.uri()), scope());
        let reads = [
            client.budget(&scope, "plan").await,
            client.cost_management_budget(&scope, "plan").await,
        ];
        let deletes = [
            client.delete_budget(&scope, "plan").await,
            client.delete_cost_management_budget(&scope, "plan").await,
        ];
        for found in reads {
            match found {
                Ok(found) => assert!(is_about_budget && found.is_none(), "{code}: {found:?}"),
                Err(error) => {
                    let is_not_found = matches!(error, Error::NotFound { .. });
                    assert!(!is_about_budget && is_not_found, "{code}: {error:?}");
                }
            }
        }
        for deleted in deletes {
            assert_eq!(deleted.is_ok(), is_about_budget, "{code}: {deleted:?}");
        }
    }
}

#[tokio::test]
async fn a_delete_whose_first_answer_was_lost_may_find_nothing() {
    let gone = || refusal(404, "404", "no such budget");
    // The first try may have deleted it, so that the second one finds nothing.
    for first in [500, 429] {
        let server = MockServer::start().await;
        Mock::given(method("DELETE"))
            .and(path(format!("{PATH}/plan")))
            .and(query_param("api-version", "2024-08-01"))
            .respond_with(ResponseTemplate::new(first).insert_header("Retry-After", "0"))
            .up_to_n_times(1)
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("DELETE"))
            .respond_with(gone())
            .expect(1)
            .mount(&server)
            .await;
        let deleted = client(&server.uri()).delete_budget(&scope(), "plan").await;
        assert!(deleted.is_ok(), "{first}: {deleted:?}");
    }

    let server = MockServer::start().await;
    Mock::given(method("DELETE"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client.delete_budget(&scope(), "plan").await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_sent() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let customer = "/providers/Microsoft.Billing/billingAccounts/1/customers/2";
    let customer = Scope::parse(customer).unwrap();
    let budgets: Result<Vec<Budget>, _> = client.budgets(&customer).try_collect().await;
    let error = budgets.unwrap_err().to_string();
    assert!(error.ends_with("not for a customer (NotSent)"), "{error}");
    let error = client.budget(&scope(), "..").await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");

    let mut unknown = wire("plan");
    unknown["properties"]["filter"] = json!({"or": [], "tags": {"name": "env", "values": ["a"]}});
    let budget = read(&unknown).unwrap();
    assert_eq!(budget.filter.unknown, ["or"]);
    assert_eq!(budget.filter.all.len(), 1);
    let error = client.put_budget(&scope(), &budget).await.unwrap_err();
    assert!(error.to_string().contains("would be lost: or"), "{error}");
    assert!(serde_json::to_string(&budget).is_err());

    let mut old = wire("plan");
    let properties = old["properties"].as_object_mut().unwrap();
    properties.remove("filter");
    properties.insert("filters".to_owned(), json!({"resourceGroups": ["web"]}));
    assert_eq!(read(&old).unwrap().filter.unknown, ["filters"]);
}

#[test]
fn json_keeps_its_meaning() {
    let mut expected = wire("plan");
    expected.as_object_mut().unwrap().remove("type");
    let written = serde_json::to_string(&read(&expected).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);

    // Other budgets than those of costs have no amount.
    expected["properties"] = json!({
        "category": "ReservationUtilization",
        "timeGrain": "Last7Days",
        "timePeriod": {"startDate": "2026-11-20T00:00:00Z"},
        "filter": {
            "dimensions": {"name": "ReservationId", "operator": "In", "values": ["7"]},
            "not": {"tags": {"name": "env", "operator": "In", "values": ["test"]}},
        },
        "notifications": {"low": {
            "enabled": false,
            "operator": "LessThan",
            "threshold": 99.5,
            "contactEmails": ["finance@contoso.example"],
            "frequency": "Daily",
        }},
    });
    let written = serde_json::to_string(&read(&expected).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);
}

#[test]
fn words_that_this_crate_does_not_know_are_kept() {
    for grain in [
        "Monthly",
        "Quarterly",
        "Annually",
        "BillingMonth",
        "BillingQuarter",
        "BillingAnnual",
        "Last7Days",
        "Last30Days",
        "Fortnightly",
    ] {
        let mut expected = wire("plan");
        expected.as_object_mut().unwrap().remove("type");
        expected["properties"]["category"] = json!("Carbon");
        expected["properties"]["timeGrain"] = json!(grain);
        let notification = &mut expected["properties"]["notifications"]["Forecasted_110"];
        for field in ["operator", "thresholdType", "locale", "frequency"] {
            notification[field] = json!("Novel");
        }
        let written = serde_json::to_string(&read(&expected).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);
    }
}

#[test]
fn no_part_of_a_filter_is_lost_in_silence() {
    let filter = |filter: Value| {
        let mut budget = wire("plan");
        budget["properties"]["filter"] = filter;
        read(&budget).unwrap().filter
    };
    let tag = |value: &str| json!({"name": "env", "operator": "In", "values": [value]});
    let on_tag =
        |value: &str| BudgetCondition::Tags(BudgetComparison::new("env", [value.to_owned()]));
    let group = BudgetComparison::new("ResourceGroupName", ["web".to_owned()]);
    let web = json!({"name": "ResourceGroupName", "values": ["web"]});
    let on_group = BudgetCondition::Dimensions(group);

    // A member that is two conditions counts as two; an operator that is missing is the only one.
    let both = filter(json!({"and": [{"dimensions": web, "tags": tag("live")}]}));
    assert_eq!(both, BudgetFilter::all([on_group.clone(), on_tag("live")]));
    // Spaces of a value belong to it; nothing is nothing.
    let spaced = filter(json!({"Tags": tag(" live "), "dimensions": null, "and": null}));
    assert_eq!(spaced, BudgetFilter::all([on_tag(" live ")]));
    assert_eq!(on_tag("live").comparison().name, "env");
    assert!(filter(json!({"and": []})).is_empty());

    for (odd, unknown) in [
        (json!({"and": [{"or": [{"tags": tag("live")}]}]}), "or"),
        (
            json!({"and": [{"tags": tag("live"), "groups": {}}]}),
            "groups",
        ),
        (json!({"not": {"and": []}}), "and"),
        (json!({"not": {"tags": tag("a"), "dimensions": web}}), "not"),
    ] {
        let found = filter(odd.clone());
        assert!(
            found.unknown.contains(&unknown.to_owned()),
            "{odd}: {found:?}"
        );
        assert!(!found.is_empty());
        assert!(serde_json::to_string(&found).is_err());
    }
    let one = serde_json::to_value(BudgetFilter::all([on_tag("live")])).unwrap();
    assert_eq!(one, json!({"tags": tag("live")}));
}

#[tokio::test]
async fn a_budget_on_reservations_has_no_amount() {
    let server = MockServer::start().await;
    let sent = json!({"properties": {
        "category": "ReservationUtilization",
        "timeGrain": "Last7Days",
        "timePeriod": {"startDate": "2026-12-01T00:00:00Z", "endDate": "2029-11-30T00:00:00Z"},
        "notifications": {"low": {
            "enabled": true,
            "operator": "LessThan",
            "threshold": 95,
            "contactEmails": ["finance@contoso.example"],
            "frequency": "Daily",
        }},
    }});
    Mock::given(method("PUT"))
        .and(body_json(&sent))
        .respond_with(ok(sent))
        .expect(1)
        .mount(&server)
        .await;
    let period = BudgetPeriod::new(date(2026, 12, 1), Some(date(2029, 11, 30)));
    let mut budget = Budget::of_reservations("use", "Last7Days", period);
    let mut low = BudgetNotification::new("LessThan", dec("95"));
    low.contact_emails = vec!["finance@contoso.example".to_owned()];
    low.frequency = "Daily".to_owned();
    budget.notifications.insert("low".to_owned(), low);
    let account = Scope::parse("/providers/Microsoft.Billing/billingAccounts/100").unwrap();
    let client = client(&server.uri());
    let put = client.put_cost_management_budget(&account, &budget).await;
    assert_eq!(put.unwrap().amount, None);
}

#[test]
fn what_is_missing_is_named() {
    for (field, problem) in [
        ("amount", "`properties.amount` is missing"),
        ("timePeriod", "`properties.timePeriod` is missing"),
    ] {
        let mut budget = wire("plan");
        budget["properties"].as_object_mut().unwrap().remove(field);
        let error = read(&budget).unwrap_err();
        assert!(error.starts_with(problem), "{error}");
    }
    let mut budget = wire("plan");
    budget["properties"]["notifications"]["Forecasted_110"]["threshold"] = json!("a lot");
    let error = read(&budget).unwrap_err();
    let problem = "`properties.notifications.Forecasted_110.threshold` is not a decimal number";
    assert!(error.starts_with(problem), "{error}");
}
