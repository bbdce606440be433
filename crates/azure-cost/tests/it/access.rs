//! Role assignments and action groups.

use azure_cost::Error;
use futures::TryStreamExt;
use serde_json::json;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const GROUP: &str =
    "/subscriptions/1f2e/resourceGroups/ops team/providers/Microsoft.Insights/actionGroups/cost";

#[tokio::test]
async fn roles_are_read_as_they_hold_at_the_scope() {
    let server = MockServer::start().await;
    let role = "/subscriptions/1f2e/providers/Microsoft.Authorization/roleDefinitions/8e3af657";
    Mock::given(method("GET"))
        .and(path(
            "/subscriptions/1f2e/providers/Microsoft.Authorization/roleAssignments",
        ))
        .and(query_param("api-version", "2022-04-01"))
        .and(query_param("$filter", "atScope()"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [
            {"id": "/a", "properties": {
                "roleDefinitionId": role, "principalId": "p1", "principalType": "Group",
                "scope": "/", "condition": null,
            }},
            {"id": "/b", "properties": {"roleDefinitionId": role, "principalId": "p2"}},
        ]})))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let found: Vec<_> = client
        .role_assignments(&scope())
        .try_collect()
        .await
        .unwrap();
    let types: Vec<&str> = found.iter().map(|one| &*one.principal_type).collect();
    assert_eq!(types, ["Group", ""]);
    assert_eq!(
        (&*found[0].role_definition_id, &*found[0].scope),
        (role, "/")
    );
    let account = "/providers/Microsoft.Billing/billingAccounts/1"
        .parse()
        .unwrap();
    let refused: Result<Vec<_>, Error> = client.role_assignments(&account).try_collect().await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not for a billing account"), "{refused}");
}

#[tokio::test]
async fn an_action_group_names_its_receivers() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(GROUP.replace(' ', "%20")))
        .and(query_param("api-version", "2023-01-01"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({
            "id": GROUP, "name": "cost", "location": "Global",
            "properties": {
                "groupShortName": "cost",
                "emailReceivers": [
                    {"name": "a", "emailAddress": "a@contoso.example", "status": "Enabled"},
                    {"name": "b", "emailAddress": "b@contoso.example", "status": "Disabled",
                     "useCommonAlertSchema": true},
                ],
                "smsReceivers": [],
                "webhookReceivers": [{"name": "w", "serviceUri": "https://contoso.example/secret"}],
                "armRoleReceivers": null,
            },
        })))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let group = client.action_group(GROUP).await.unwrap();
    assert!(group.enabled);
    let emails: Vec<(&str, bool)> = group
        .emails
        .iter()
        .map(|one| (&*one.address, one.enabled))
        .collect();
    assert_eq!(
        emails,
        [("a@contoso.example", true), ("b@contoso.example", false)]
    );
    assert_eq!(group.others, [("webhook".to_owned(), 1)]);
    // Addresses of webhooks are secrets.
    assert!(!format!("{group:?}").contains("secret"));
    for wrong in [
        "cost",
        "/subscriptions/1/../2/providers/microsoft.insights/actionGroups/x",
    ] {
        let error = client.action_group(wrong).await.unwrap_err();
        assert!(
            matches!(&error, Error::Invalid { code, .. } if code == "NotSent"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_subscription_tells_its_offer() {
    for (quota, is_under_contract) in [
        ("PayAsYouGo_2014-09-01", false),
        ("EnterpriseAgreement_2014-09-01", true),
        ("CSP_2015-05-01", true),
        ("MSDN_2014-09-01", false),
        ("", false),
    ] {
        let server = MockServer::start().await;
        let mut body = json!({
            "id": "/subscriptions/1f2e", "subscriptionId": "1f2e", "displayName": "Shop",
            "state": "Enabled",
            "subscriptionPolicies": {"spendingLimit": "Off"},
        });
        if !quota.is_empty() {
            body["subscriptionPolicies"]["quotaId"] = json!(quota);
        }
        Mock::given(method("GET"))
            .and(path("/subscriptions/1f2e"))
            .and(query_param("api-version", "2022-12-01"))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .expect(1)
            .mount(&server)
            .await;
        let found = client(&server.uri()).subscription(&scope()).await.unwrap();
        assert_eq!((&*found.display_name, &*found.quota_id), ("Shop", quota));
        assert_eq!(found.is_under_contract(), is_under_contract, "{quota}");
    }
}

#[tokio::test]
async fn subscriptions_are_listed_page_by_page() {
    let server = MockServer::start().await;
    let one =
        |id: &str, state: &str| json!({"subscriptionId": id, "displayName": id, "state": state});
    let next = format!(
        "{}/subscriptions?api-version=2022-12-01&$skiptoken=2",
        server.uri()
    );
    Mock::given(method("GET"))
        .and(path("/subscriptions"))
        .and(query_param("$skiptoken", "2"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"value": [one("b", "Disabled")]})),
        )
        .with_priority(1)
        .mount(&server)
        .await;
    let first = json!({"value": [one("a", "Enabled")], "nextLink": next});
    Mock::given(method("GET"))
        .and(path("/subscriptions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&server)
        .await;
    let found: Vec<_> = client(&server.uri())
        .subscriptions()
        .try_collect()
        .await
        .unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|one| (&*one.subscription_id, &*one.state))
        .collect();
    assert_eq!(found, [("a", "Enabled"), ("b", "Disabled")]);
}
