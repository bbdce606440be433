//! What action groups post, in both shapes and their variants.

use native_budgets::{AlertShape, NativeAlert};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "5f0e0000-0000-0000-0000-000000000001";

fn read(body: &Value) -> Result<NativeAlert, String> {
    NativeAlert::read(body.to_string().as_bytes())
}

fn older(change: impl Fn(&mut Value)) -> Value {
    let mut body = json!({
        "schemaId": "AIP Budget Notification",
        "data": {
            "SubscriptionName": "Platform", "SubscriptionId": SUBSCRIPTION,
            "EnrollmentNumber": "", "DepartmentName": "", "AccountName": "",
            "BillingAccountId": "", "BillingProfileId": "", "InvoiceSectionId": "",
            "ResourceGroup": "", "SpendingAmount": "912.40", "BudgetStartDate": "9/1/2026",
            "Budget": "1000", "Unit": "EUR", "BudgetCreator": "owner@contoso.example",
            "BudgetName": "web", "BudgetType": "Cost", "NotificationThresholdAmount": "900.0",
        },
    });
    change(&mut body["data"]);
    body
}

fn common(change: impl Fn(&mut Value)) -> Value {
    let scope = format!("/subscriptions/{SUBSCRIPTION}");
    let mut body = json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "monitoringService": "CostAlerts",
                "alertId": format!("{scope}/providers/Microsoft.CostManagement/alerts/0A1B-7"),
                "configurationItems": ["budgets"],
                "severity": null, "monitorCondition": null, "originAlertId": null,
            },
            "alertContext": {
                "AlertCategory": "budgets",
                "AlertData": {
                    "Scope": format!("{scope}/"), "ThresholdType": "Forecasted",
                    "BudgetType": "Cost", "BudgetThreshold": "$1,000.00",
                    "NotificationThresholdAmount": "$900.00", "BudgetName": "web",
                    "BudgetId": format!("{scope}/providers/Microsoft.Consumption/budgets/web"),
                    "BudgetStartDate": "2026-11-01", "BudgetCreator": "owner@contoso.example",
                    "Unit": "EUR", "SpentAmount": "$412.40",
                    "ForecastedTotalForPeriod": "$1,120.00",
                },
            },
        },
    });
    change(&mut body["data"]);
    body
}

fn scope(alert: &NativeAlert) -> &str {
    alert.scope.as_ref().unwrap().path()
}

#[test]
fn the_older_shape_tells_where_and_which_budget() {
    let alert = read(&older(|_| {})).unwrap();
    assert_eq!(alert.shape, AlertShape::Budget);
    assert_eq!(scope(&alert), format!("/subscriptions/{SUBSCRIPTION}"));
    assert_eq!(
        (
            &*alert.budget,
            &*alert.threshold,
            &*alert.spent,
            &*alert.amount
        ),
        ("web", "900.0", "912.40", "1000")
    );
    assert_eq!(alert.alert_id, "");
    let group = read(&older(|data| data["ResourceGroup"] = json!("payments"))).unwrap();
    assert_eq!(
        scope(&group),
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/payments")
    );
}

#[test]
fn the_older_shape_tells_billing_scopes_and_the_newer_fields() {
    let bill = |change: &dyn Fn(&mut Value)| {
        read(&older(|data| {
            data["SubscriptionId"] = json!("");
            change(data);
        }))
        .unwrap()
    };
    let account = bill(&|data| data["EnrollmentNumber"] = json!("7654321"));
    assert_eq!(
        scope(&account),
        "/providers/Microsoft.Billing/billingAccounts/7654321"
    );
    let section = bill(&|data| {
        data["BillingAccountId"] = json!("a:b_2019-05-31");
        data["BillingProfileId"] = json!("P-1");
        data["InvoiceSectionId"] = json!("S-1");
    });
    assert_eq!(
        scope(&section),
        "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P-1/invoiceSections/S-1"
    );
    let newer = read(&older(|data| {
        data["AlertId"] = json!("AA-1");
        data["EvaluatedAmount"] = json!(912.4);
        data.as_object_mut().unwrap().remove("SpendingAmount");
    }))
    .unwrap();
    assert_eq!((&*newer.alert_id, &*newer.spent), ("aa-1", "912.4"));
}

#[test]
fn the_common_shape_tells_the_same_and_the_alert() {
    let alert = read(&common(|_| {})).unwrap();
    assert_eq!(alert.shape, AlertShape::Common);
    assert_eq!(scope(&alert), format!("/subscriptions/{SUBSCRIPTION}"));
    assert_eq!(alert.alert_id, "0a1b-7");
    assert_eq!(
        (&*alert.budget, &*alert.threshold_type, &*alert.forecast),
        ("web", "Forecasted", "$1,120.00")
    );
}

#[test]
fn the_common_shape_is_read_where_fields_are_missing_or_spelled_otherwise() {
    let by_ids = read(&common(|data| {
        let said = &mut data["alertContext"]["AlertData"];
        said["Scope"] = Value::Null;
        said["BudgetName"] = json!("");
    }))
    .unwrap();
    assert_eq!(by_ids.budget, "web");
    assert_eq!(scope(&by_ids), format!("/subscriptions/{SUBSCRIPTION}"));
    let bare = read(&common(|data| {
        data["alertContext"]["AlertData"] = json!({ "budgetname": "web" });
    }))
    .unwrap();
    assert_eq!(bare.budget, "web");
    assert_eq!(scope(&bare), format!("/subscriptions/{SUBSCRIPTION}"));
    let nowhere = read(&common(|data| {
        data["essentials"]["alertId"] = Value::Null;
        data["alertContext"]["AlertData"] = json!({ "BudgetName": "web" });
    }))
    .unwrap();
    assert_eq!((nowhere.scope, &*nowhere.alert_id), (None, ""));
}

#[test]
fn what_is_no_budget_s_alert_is_refused_with_what_is_wrong() {
    let refused = |body: &[u8], words: &str| {
        let message = NativeAlert::read(body).unwrap_err();
        assert!(message.contains(words), "{message}");
    };
    refused(b"", "not JSON");
    refused(b"secret{", "not JSON (line 1, column 1)");
    assert!(
        !NativeAlert::read(b"secret{")
            .unwrap_err()
            .contains("secret")
    );
    refused(b"[]", "no JSON object");
    refused(b"{}", "`data` is missing");
    refused(br#"{"schemaId":"x","data":{}}"#, "schemaId is \"x\"");
    let metric = common(|data| data["essentials"]["monitoringService"] = json!("Platform"));
    refused(
        metric.to_string().as_bytes(),
        "monitoringService is \"Platform\"",
    );
    let empty = json!({"schemaId": "AIP Budget Notification", "data": {}});
    refused(empty.to_string().as_bytes(), "neither a budget nor a scope");
}

#[test]
fn texts_are_bounded_and_hold_no_control_characters() {
    let long = "x".repeat(5000);
    let alert = read(&older(|data| {
        data["BudgetName"] = json!(long);
        data["Unit"] = json!("EU\u{1b}[31mR");
    }))
    .unwrap();
    assert_eq!(alert.budget.len(), 300);
    assert_eq!(alert.unit, "EU[31mR");
}

#[test]
fn posts_about_the_same_have_the_same_subject() {
    let one = read(&common(|_| {})).unwrap();
    let again = read(&common(|data| {
        data["alertContext"]["AlertData"]["SpentAmount"] = json!("$500.00");
    }))
    .unwrap();
    assert_eq!(one.subject(), again.subject());
    let other = read(&common(|data| {
        data["essentials"]["alertId"] = json!("/x/alerts/other");
    }))
    .unwrap();
    assert_ne!(one.subject(), other.subject());
    let (eighty, hundred) = (
        read(&older(|_| {})).unwrap(),
        read(&older(|data| {
            data["NotificationThresholdAmount"] = json!("1000.0")
        }))
        .unwrap(),
    );
    assert_ne!(eighty.subject(), hundred.subject());
}
