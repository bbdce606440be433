//! Billing: accounts, invoices, their files and transactions, and the older API.

use azure_cost::{
    AgreementType, DocumentName, Error, InvoiceDownload, InvoiceFile, TransactionType,
};
use budget_engine::{Money, Scope};
use futures::TryStreamExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/7a:8b_2019-05-31";

fn account() -> Scope {
    Scope::parse(ACCOUNT).unwrap()
}

fn profile() -> Scope {
    Scope::parse(&format!("{ACCOUNT}/billingProfiles/PF-1")).unwrap()
}

fn eur(amount: &str) -> Money {
    Money::new(amount.parse().unwrap(), "EUR".parse().unwrap())
}

async fn answers(verb: &str, place: &str, answer: Value) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method(verb))
        .and(path(place))
        .and(query_param("api-version", "2024-04-01"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn accounts_say_which_agreement_they_are() {
    let server = MockServer::start().await;
    let list = "/providers/Microsoft.Billing/billingAccounts";
    let enterprise = json!({
        "id": format!("{list}/5566"),
        "name": "5566",
        "properties": {
            "agreementType": "EnterpriseAgreement",
            "displayName": "Contoso",
            "enrollmentDetails": {
                "startDate": "2025-05-01T17:32:28Z", "endDate": "2028-04-30T17:32:28Z",
                "currency": "EUR", "billingCycle": "Monthly", "cloud": "Azure Commercial",
            },
            "soldTo": {"country": "DE"},
        },
    });
    let next = format!("{}{list}?api-version=2020-05-01&$skiptoken=2", server.uri());
    Mock::given(path(list))
        .and(query_param("api-version", "2024-04-01"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"value": [enterprise.clone()], "nextLink": next})),
        )
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(list))
        .and(query_param("$skiptoken", "2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [
            {"id": ACCOUNT, "name": "7a:8b_2019-05-31", "properties": {
                "agreementType": "microsoftCustomerAgreement", "hasReadAccess": true}},
            {"id": format!("{list}/9"), "name": "9", "properties": {
                "agreementType": "SomethingNew", "accountStatus": "Active"}},
        ]})))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let accounts: Vec<_> = client.billing_accounts().try_collect().await.unwrap();
    let agreements: Vec<_> = accounts
        .iter()
        .map(|one| one.agreement_type.clone())
        .collect();
    assert_eq!(
        agreements,
        [
            AgreementType::EnterpriseAgreement,
            AgreementType::MicrosoftCustomerAgreement,
            AgreementType::Other("SomethingNew".to_owned()),
        ]
    );
    let enrollment = accounts[0].enrollment.as_ref().unwrap();
    assert_eq!(enrollment.start, Some(date(2025, 5, 1)));
    assert_eq!(enrollment.currency, Some("EUR".parse().unwrap()));
    assert_eq!(accounts[1].has_read_access, Some(true));
    assert!(accounts[1].enrollment.is_none());

    Mock::given(path(format!("{list}/5566")))
        .respond_with(ResponseTemplate::new(200).set_body_json(enterprise))
        .expect(1)
        .mount(&server)
        .await;
    let one = Scope::parse(&format!("{list}/5566")).unwrap();
    assert_eq!(client.billing_account(&one).await.unwrap(), accounts[0]);
    let error = client.billing_account(&scope()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("billing account, not for a subscription"),
        "{error}"
    );
}

#[tokio::test]
async fn profiles_have_currencies_and_limits() {
    let answer = json!({"value": [{
        "id": format!("{ACCOUNT}/billingProfiles/PF-1"),
        "name": "PF-1",
        "properties": {
            "displayName": "Research", "currency": "EUR", "invoiceDay": 5, "spendingLimit": "On",
            "status": "Active",
            "spendingLimitDetails": [{"amount": 170.5, "currency": "EUR", "type": "FreeAccount",
                "startDate": "2026-01-01T00:00:00.0000000Z", "status": "Active"}],
        },
    }]});
    let server = answers("GET", &format!("{ACCOUNT}/billingProfiles"), answer).await;
    let profiles = client(&server.uri()).billing_profiles(&account());
    let profiles: Vec<_> = profiles.try_collect().await.unwrap();
    assert_eq!(profiles[0].currency, Some("EUR".parse().unwrap()));
    assert_eq!(profiles[0].invoice_day, Some(5));
    let limit = &profiles[0].spending_limits[0];
    assert_eq!(limit.amount, Some(Decimal::new(1705, 1)));
    assert_eq!((limit.start, limit.end), (Some(date(2026, 1, 1)), None));
}

fn invoice() -> Value {
    json!({
        "id": format!("{ACCOUNT}/invoices/G77"),
        "name": "G77",
        "properties": {
            "status": "Paid",
            "invoiceDate": "2026-11-05T08:00:00Z",
            "invoicePeriodStartDate": "2026-10-01T00:00:00Z",
            "invoicePeriodEndDate": "2026-10-31T00:00:00Z",
            "amountDue": {"currency": "EUR", "value": 0},
            "billedAmount": {"currency": "EUR", "value": 1234.560},
            "totalAmount": {"currency": "EUR", "value": -1.5e-2},
            "documents": [
                {"kind": "Invoice", "name": "D1", "documentNumbers": ["G77"],
                 "url": "https://files.example/d1.pdf?sig=hunter2"},
                {"kind": "TaxReceipt", "name": "D2", "url": "http://files.example/d2.pdf"},
            ],
            "payments": [{"amount": {"currency": "EUR", "value": 1234.56},
                "date": "2026-11-20T00:00:00Z", "paymentType": "Debited"}],
            "failedPayments": [{"date": "2026-11-18T00:00:00Z", "failedPaymentReason": "Other"}],
            "rebillDetails": {
                "invoiceDocumentId": "/invoices/G70", "creditNoteDocumentId": "/invoices/C70",
                "rebillDetails": {"invoiceDocumentId": "/invoices/G60",
                    "creditNoteDocumentId": "/invoices/C60", "rebillDetails": null},
            },
            "refundDetails": {"refundStatus": "Pending",
                "amountRequested": {"currency": "EUR", "value": 7}},
        },
    })
}

#[tokio::test]
async fn invoices_are_asked_by_days_and_read_whole() {
    for (of, place) in [
        (account(), format!("{ACCOUNT}/invoices")),
        (profile(), format!("{ACCOUNT}/billingProfiles/PF-1/invoices")),
        (
            scope(),
            "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/1f2e/invoices"
                .to_owned(),
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(path(place))
            .and(query_param("periodStartDate", "2026-10-01"))
            .and(query_param("periodEndDate", "2026-12-31"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [invoice()]})))
            .expect(1)
            .mount(&server)
            .await;
        let invoices =
            client(&server.uri()).invoices(&of, date(2026, 10, 1), date(2027, 1, 1));
        let invoices: Vec<_> = invoices.try_collect().await.unwrap();
        let invoice = &invoices[0];
        assert_eq!(invoice.period_end, Some(date(2026, 10, 31)));
        assert_eq!(invoice.amount_due, Some(eur("0")));
        assert_eq!(invoice.billed_amount, Some(eur("1234.56")));
        assert_eq!(invoice.total_amount, Some(eur("-0.015")));
        assert_eq!(invoice.tax_amount, None, "what is not said is not zero");
        let links: Vec<bool> = invoice.documents.iter().map(|one| one.link.is_some()).collect();
        assert_eq!(links, [true, false], "a link without TLS is none");
        assert!(!format!("{invoice:?}").contains("hunter2"));
        let rebilled: Vec<&str> =
            invoice.rebills.iter().map(|one| &*one.invoice_document_id).collect();
        assert_eq!(rebilled, ["/invoices/G70", "/invoices/G60"]);
        assert_eq!(invoice.payments[0].amount, Some(eur("1234.56")));
        assert_eq!(invoice.failed_payments[0].reason, "Other");
        assert_eq!(invoice.refund.as_ref().unwrap().amount_requested, Some(eur("7")));
    }
}

#[tokio::test]
async fn an_invoice_is_found_by_its_number() {
    let default = "/providers/Microsoft.Billing/billingAccounts/default";
    let server = answers("GET", &format!("{ACCOUNT}/invoices/G77"), invoice()).await;
    let found = client(&server.uri())
        .invoice(&account(), "G77")
        .await
        .unwrap();
    assert_eq!(found.name, "G77");
    let server = answers("GET", &format!("{default}/invoices/G77"), invoice()).await;
    let found = client(&server.uri()).invoice_by_name("G77").await.unwrap();
    assert_eq!(found.status, "Paid");
    let place = format!("{default}/billingSubscriptions/1f2e/invoices/G77");
    let server = answers("GET", &place, invoice()).await;
    assert!(client(&server.uri()).invoice(&scope(), "G77").await.is_ok());

    let nowhere = client("http://127.0.0.1:9");
    let error = nowhere.invoice(&account(), "..").await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    let days = nowhere.invoices(&account(), date(2026, 10, 1), date(2026, 10, 1));
    let error = days.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(
        error.to_string().contains("no day from 2026-10-01"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_history_of_rebills_is_no_invoice() {
    let mut rebill = json!({"invoiceDocumentId": "/invoices/G0"});
    for _ in 0..60 {
        rebill = json!({"invoiceDocumentId": "/invoices/G", "rebillDetails": rebill});
    }
    let mut invoice = invoice();
    invoice["properties"]["rebillDetails"] = rebill;
    let server = answers("GET", &format!("{ACCOUNT}/invoices/G77"), invoice).await;
    let error = client(&server.uri())
        .invoice(&account(), "G77")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 50 deep"), "{error}");
}

/// Answers a POST with 202 and the place it names with a file, which is there at the second asking.
async fn prepares(place: &str, query: &[(&str, &str)], body: Option<Value>) -> MockServer {
    let server = MockServer::start().await;
    let results = format!("{ACCOUNT}/operationResults/download_1");
    let location = format!("{}{results}?api-version=2024-04-01", server.uri());
    let mut asked = Mock::given(method("POST")).and(path(place));
    for (name, value) in query {
        asked = asked.and(query_param(*name, *value));
    }
    if !query.iter().any(|(name, _)| *name == "documentName") {
        asked = asked.and(query_param_is_missing("documentName"));
    }
    if let Some(body) = body {
        asked = asked.and(body_json(body));
    }
    asked
        .respond_with(
            ResponseTemplate::new(202)
                .insert_header("Location", &*location)
                .insert_header("Retry-After", "0"),
        )
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(results.clone()))
        .respond_with(ResponseTemplate::new(202).insert_header("Retry-After", "0"))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    let file = format!("{}/invoices/1.pdf?sig=hunter2", server.uri());
    Mock::given(method("GET"))
        .and(path(results))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"expiryTime": "2026-11-20T12:00:00Z", "url": file})),
        )
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_file_is_prepared_and_read_without_our_token() {
    let place = format!("{ACCOUNT}/invoices/G77/download");
    let server = prepares(&place, &[("documentName", "D 1")], None).await;
    Mock::given(path("/invoices/1.pdf"))
        .and(query_param("sig", "hunter2"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(b"%PDF-1.7".as_slice()))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let document = InvoiceFile::Document {
        invoice: "G77".to_owned(),
        document: Some("D 1".to_owned()),
    };
    let link = client
        .invoice_download(&account(), &document)
        .await
        .unwrap();
    assert_eq!(
        link.valid_till,
        Some("2026-11-20T12:00:00Z".parse().unwrap())
    );
    let chunks: Vec<_> = client.download(&link).try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"%PDF-1.7");
    let requests = server.received_requests().await.unwrap();
    let of_file = requests
        .iter()
        .find(|one| one.url.path() == "/invoices/1.pdf")
        .unwrap();
    assert!(!of_file.headers.contains_key("authorization"));
    assert!(!format!("{link:?}").contains("hunter2"));
}

#[tokio::test]
async fn summaries_and_archives_have_their_own_places() {
    let summary = InvoiceFile::Summary {
        invoice: "G77".to_owned(),
    };
    let server = prepares(
        &format!("{ACCOUNT}/invoices/G77/downloadSummary"),
        &[],
        None,
    )
    .await;
    let client_of = client(&server.uri());
    assert!(
        client_of
            .invoice_download(&account(), &summary)
            .await
            .is_ok()
    );
    let error = client_of
        .start_invoice_download(&scope(), &summary)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");

    let documents = InvoiceFile::Documents(vec![DocumentName {
        invoice: "G77".to_owned(),
        document: "D1".to_owned(),
    }]);
    let body = json!([{"invoiceName": "G77", "documentName": "D1"}]);
    let place = "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions/1f2e";
    let server = prepares(&format!("{place}/downloadDocuments"), &[], Some(body)).await;
    let client = client(&server.uri());
    let started = client
        .start_invoice_download(&scope(), &documents)
        .await
        .unwrap();
    let InvoiceDownload::Pending(pending) = started else {
        panic!("{started:?}");
    };
    let stored = serde_json::to_string(&pending).unwrap();
    let pending = serde_json::from_str(&stored).unwrap();
    let again = client.invoice_download_again(&pending).await.unwrap();
    assert!(matches!(again, InvoiceDownload::Pending(_)), "{again:?}");
    let again = client.invoice_download_again(&pending).await.unwrap();
    assert!(matches!(again, InvoiceDownload::Ready(_)), "{again:?}");
}

#[tokio::test]
async fn a_file_that_azure_could_not_make_is_a_failure() {
    let failed = json!({"status": "Failed", "error": {"code": "NoInvoice", "message": "none"}});
    let server = answers("POST", &format!("{ACCOUNT}/invoices/G77/download"), failed).await;
    let document = InvoiceFile::Document {
        invoice: "G77".to_owned(),
        document: None,
    };
    let error = client(&server.uri())
        .invoice_download(&account(), &document)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("NoInvoice"), "{error}");
}

#[tokio::test]
async fn transactions_are_billed_or_not() {
    let line = json!({"name": "t1", "properties": {
        "date": "2026-10-03T00:00:00Z", "transactionType": "Purchase",
        "transactionAmount": {"currency": "EUR", "value": 12.5}, "discount": 0.1,
        "billingCurrency": "EUR", "invoice": "pending", "quantity": 1,
        "servicePeriodEndDate": "2027-10-02T00:00:00Z"}});
    let server = MockServer::start().await;
    Mock::given(path(format!("{ACCOUNT}/billingProfiles/PF-1/transactions")))
        .and(query_param("periodStartDate", "2026-10-01"))
        .and(query_param("periodEndDate", "2026-10-31"))
        .and(query_param("type", "Unbilled"))
        .and(header("authorization", "Bearer token-1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [line.clone()]})))
        .expect(1)
        .mount(&server)
        .await;
    let (from, to) = (date(2026, 10, 1), date(2026, 11, 1));
    let lines =
        client(&server.uri()).billing_transactions(&profile(), from, to, TransactionType::Unbilled);
    let lines: Vec<_> = lines.try_collect().await.unwrap();
    assert_eq!(lines[0].transaction_amount, Some(eur("12.5")));
    assert_eq!(lines[0].discount, Some(Decimal::new(1, 1)));
    assert_eq!(lines[0].service_period_end, Some(date(2027, 10, 2)));

    let place = format!("{ACCOUNT}/invoices/G77/transactions");
    let server = answers("GET", &place, json!({"value": [line]})).await;
    let same = client(&server.uri()).invoice_transactions(&account(), "G77");
    assert_eq!(same.try_collect::<Vec<_>>().await.unwrap(), lines);
}

#[tokio::test]
async fn a_profile_has_money_on_account() {
    let answer = json!({"properties": {
        "amount": {"currency": "EUR", "value": 500},
        "totalPaymentsOnAccount": {"currency": "EUR", "value": 20},
        "paymentsOnAccount": [{"amount": {"currency": "EUR", "value": 20},
            "date": "2026-04-01T00:00:00.0000000Z", "invoiceName": "G77"}],
    }});
    let place = format!("{ACCOUNT}/billingProfiles/PF-1/availableBalance/default");
    let server = answers("GET", &place, answer).await;
    let balance = client(&server.uri())
        .available_balance(&profile())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(balance.amount, eur("500"));
    assert_eq!(balance.payments_on_account[0].date, Some(date(2026, 4, 1)));
}

#[tokio::test]
async fn the_older_api_gives_periods_and_links() {
    let server = MockServer::start().await;
    let base = "/subscriptions/1f2e/providers/Microsoft.Billing";
    let period = json!({"id": format!("{base}/billingPeriods/202611-1"), "name": "202611-1",
        "properties": {"billingPeriodStartDate": "2026-10-12", "billingPeriodEndDate": "2026-11-11",
            "invoiceIds": ["/x/invoices/2026-11-12-1"]}});
    let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    Mock::given(path(format!("{base}/billingPeriods")))
        .and(query_param("api-version", "2018-03-01-preview"))
        .and(query_param("$filter", "billingPeriodEndDate gt 2026-01-31"))
        .respond_with(answer(json!({"value": [period.clone()]})))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(format!("{base}/billingPeriods/202611-1")))
        .respond_with(answer(period))
        .expect(1)
        .mount(&server)
        .await;
    let invoice = json!({"name": "2026-11-12-1", "properties": {
        "invoicePeriodStartDate": "2026-10-12", "invoicePeriodEndDate": "2026-11-11",
        "billingPeriodIds": ["/x/billingPeriods/202611-1"],
        "downloadUrl": {"expiryTime": "2026-11-20T20:46:30Z",
            "url": "https://files.example/1.pdf?sig=hunter2"}}});
    Mock::given(path(format!("{base}/invoices")))
        .and(query_param("$expand", "downloadUrl"))
        .and(query_param_is_missing("$filter"))
        .respond_with(answer(json!({"value": [invoice.clone()]})))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(format!("{base}/invoices/latest")))
        .respond_with(answer(invoice))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let since = Some(date(2026, 1, 31));
    let periods: Vec<_> = client
        .billing_periods(&scope(), since)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(periods[0].start, date(2026, 10, 12));
    let one = client.billing_period(&scope(), "202611-1").await.unwrap();
    assert_eq!(one, periods[0]);
    let invoices: Vec<_> = client
        .subscription_invoices(&scope(), None)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        client.latest_subscription_invoice(&scope()).await.unwrap(),
        invoices[0]
    );
    let link = invoices[0].link.as_ref().unwrap();
    assert_eq!(link.path(), "/1.pdf");
    assert!(!format!("{invoices:?}").contains("hunter2"));
}

#[tokio::test]
async fn enrollment_accounts_name_their_owner() {
    let server = MockServer::start().await;
    let list = "/providers/Microsoft.Billing/enrollmentAccounts";
    let one = json!({"id": format!("{list}/e1"), "name": "e1",
        "properties": {"principalName": "owner@contoso.example"}});
    for (place, body) in [
        (list.to_owned(), json!({"value": [one.clone()]})),
        (format!("{list}/e1"), one),
    ] {
        Mock::given(path(place))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .expect(1)
            .mount(&server)
            .await;
    }
    let client = client(&server.uri());
    let all: Vec<_> = client.enrollment_accounts().try_collect().await.unwrap();
    assert_eq!(all[0].principal_name, "owner@contoso.example");
    assert_eq!(client.enrollment_account("e1").await.unwrap(), all[0]);
}
