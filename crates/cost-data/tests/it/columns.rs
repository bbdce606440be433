//! Each documented set of columns gives the same kind of facts.

use budget_engine::{CostBasis, Dimension, Scope};
use cost_data::{Error, Format, Options};

use crate::{actual, fold_plain, fold_with, lines, projection};

const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts";

#[test]
fn enterprise_agreement() {
    // 1.5 + 2.25 on one day, whatever the letter case; a refund of 0.75; a purchase without group.
    let file = concat!(
        "InvoiceSectionName,SubscriptionId,ResourceGroup,Date,MeterCategory,CostInBillingCurrency,",
        "Tags,ChargeType,Frequency,BillingAccountId,BillingCurrencyCode,BillingProfileId,",
        "InvoiceSectionId,AccountId,ReservationId,benefitId\n",
        r#"Retail,1F2E,Shop,10/01/2026,Storage,1.5,"""env"": ""prod"",""a"": ""b""","#,
        "Usage,UsageBased,123,EUR,123,77,88,,\n",
        r#"Retail,1f2e,SHOP,10/01/2026,STORAGE,2.25,"""ENV"": ""prod""","#,
        "Usage,UsageBased,123,EUR,123,77,88,,\n",
        "Retail,1f2e,shop,10/02/2026,Storage,-0.75,,Refund,OneTime,123,EUR,123,77,88,,\n",
        "Retail,,,10/01/2026,,100,,Purchase,Recurring,123,EUR,123,77,88,r1,\n",
    );
    let kept = projection(
        &[
            Dimension::ServiceName,
            Dimension::ChargeFrequency,
            Dimension::CommitmentDiscountId,
        ],
        &["Env"],
    );
    let (report, facts) = fold_with(file, &actual(), kept).unwrap();
    let billing = format!("{ACCOUNT}/123/departments/77 {ACCOUNT}/123/enrollmentAccounts/88");
    let group = format!("/subscriptions/1F2E/resourceGroups/Shop {billing}");
    let refund = format!("/subscriptions/1f2e/resourceGroups/shop {billing}");
    let mut expected = [
        format!("{group} EUR Usage [Storage|Usage-Based|] [prod] 2026-10-01 3.75/0"),
        format!("{refund} EUR Adjustment [Storage|One-Time|] [] 2026-10-02 -0.75/0"),
        format!("{billing} EUR Purchase [|Recurring|r1] [] 2026-10-01 100/0"),
    ];
    expected.sort();
    assert_eq!(lines(&facts), expected);
    assert_eq!(report.format, Format::EnterpriseAgreement);
    assert_eq!((report.rows, report.folded), (4, 4));
    assert_eq!(report.absent, Vec::<&str>::new());
    assert_eq!(report.first_day.unwrap().to_string(), "2026-10-01");
    assert_eq!(report.last_day.unwrap().to_string(), "2026-10-02");
}

#[test]
fn customer_agreement_with_amortized_costs() {
    let file = concat!(
        "invoiceId,previousInvoiceId,billingAccountId,billingProfileId,invoiceSectionId,",
        "customerTenantId,date,SubscriptionId,resourceGroupName,chargeType,billingCurrency,",
        "pricingCurrency,costInBillingCurrency,costInPricingCurrency,tags,meterCategory\n",
        "i,,1:2_2019-05-31,P-1,S-1,,10/31/2026,sub,rg,UnusedReservation,CHF,USD,7.5,8.1,",
        r#""{""env"":""Prod""}",Storage"#,
        "\n",
        "i,,1:2_2019-05-31,P-1,,tenant,10/31/2026,sub,Not applicable,Usage,CHF,USD,0.5,0.6,,x\n",
    );
    let options = Options {
        read_at: Some(Scope::parse("/providers/Microsoft.Management/managementGroups/m").unwrap()),
        ..Options::new(CostBasis::Amortized)
    };
    let (report, facts) = fold_with(file, &options, projection(&[], &["env"])).unwrap();
    let profile = format!("{ACCOUNT}/1:2_2019-05-31/billingProfiles/P-1");
    let customer = format!("{ACCOUNT}/1:2_2019-05-31/customers/tenant");
    let root = "/providers/Microsoft.Management/managementGroups/m";
    let expected = [
        format!("/subscriptions/sub {profile} {customer} {root} CHF Usage [] [] 2026-10-31 0/0.5"),
        format!(
            "/subscriptions/sub/resourceGroups/rg {profile}/invoiceSections/S-1 {root} \
             CHF Usage [] [Prod] 2026-10-31 0/7.5"
        ),
    ];
    assert_eq!(lines(&facts), expected);
    assert_eq!(report.format, Format::CustomerAgreement);
    assert!(facts.has_basis(CostBasis::Amortized) && !facts.has_basis(CostBasis::Actual));
}

#[test]
fn pay_as_you_go() {
    let file = concat!(
        "SubscriptionGuid,ResourceGroup,ResourceLocation,UsageDateTime,MeterCategory,PreTaxCost,",
        "ResourceType,InstanceId,Tags,Currency\n",
        "1f2e,rg,EU West,2020-02-29,Storage,1.980949998e-06,Microsoft.Storage/storageAccounts,",
        "/subscriptions/1f2e/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a,,EUR\n",
        "1f2e,rg,EU West,2020-02-29,Storage,0.000000000000002,,",
        "/subscriptions/1f2e/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a,,EUR\n",
    );
    let kept = projection(&[Dimension::RegionId, Dimension::ServiceName], &[]);
    let (report, facts) = fold_with(file, &actual(), kept).unwrap();
    assert_eq!(
        lines(&facts),
        [
            "/subscriptions/1f2e/resourceGroups/rg EUR Usage [Storage|EU West] [] \
          2020-02-29 0.00000198095/0"
        ]
    );
    assert_eq!(report.format, Format::PayAsYouGo);
}

#[test]
fn focus_carries_both_costs() {
    let file = concat!(
        "BilledCost,BillingAccountId,BillingCurrency,ChargeCategory,ChargeClass,ChargePeriodEnd,",
        "ChargePeriodStart,EffectiveCost,ServiceName,SubAccountId,Tags,x_BillingAccountId,",
        "x_BillingProfileId,x_InvoiceSectionId,x_ResourceGroupName,x_SkuMeterCategory\n",
        "0,ignored,EUR,Usage,,2026-11-01T00:00:00Z,2026-10-31T00:00:00Z,3.5,Storage,",
        r#"/subscriptions/1f2e,"{""env"": ""prod""}",1:2,P,S,rg,other"#,
        "\n",
        "-2,ignored,EUR,Usage,Correction,2026-11-01T00:00Z,2026-10-31T00:00Z,-1.5,Storage,",
        "/Subscriptions/1F2E,{},1:2,P,S,RG,other\n",
        "40,ignored,EUR,Purchase,,2026-11-01T00:00:00Z,2026-10-31T00:00:00Z,0,,,,1:2,P,S,,\n",
    );
    let kept = projection(&[Dimension::SubAccountId, Dimension::ServiceName], &["env"]);
    let (report, facts) = fold_with(file, &actual(), kept).unwrap();
    let section = format!("{ACCOUNT}/1:2/billingProfiles/P/invoiceSections/S");
    let mut expected = [
        format!(
            "/subscriptions/1f2e/resourceGroups/rg {section} EUR Usage [Storage|1f2e] [prod] \
             2026-10-31 0/3.5"
        ),
        format!(
            "/subscriptions/1f2e/resourceGroups/rg {section} EUR Usage [Storage|1f2e] [] \
             2026-10-31 -2/-1.5"
        ),
        format!("{section} EUR Purchase [|] [] 2026-10-31 40/0"),
    ]
    .map(|line| line.replace("/subscriptions/1f2e/resourceGroups/rg", "GROUP"));
    expected.sort();
    // The place keeps the spelling in which each series came first.
    let mut found = lines(&facts);
    for line in &mut found {
        for spelling in [
            "/subscriptions/1f2e/resourceGroups/rg",
            "/subscriptions/1F2E/resourceGroups/RG",
        ] {
            *line = line.replace(spelling, "GROUP");
        }
    }
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(report.format, Format::Focus);
    assert!(facts.has_basis(CostBasis::Amortized) && facts.has_basis(CostBasis::Actual));
}

#[test]
fn focus_without_azure_columns_still_has_subscriptions() {
    let file = concat!(
        "ChargePeriodStart,BilledCost,BillingCurrency,SubAccountId,ChargeCategory\n",
        "2026-10-31T00:00:00Z,4,USD,/subscriptions/s,Tax\n",
    );
    let (_, facts) = fold_plain(file).unwrap();
    assert_eq!(
        lines(&facts),
        ["/subscriptions/s USD Tax [] [] 2026-10-31 4/0"]
    );
    assert!(!facts.has_basis(CostBasis::Amortized));
}

#[test]
fn names_match_in_any_case_order_and_spacing() {
    for header in [
        "date,subscriptionid,cost,billingcurrency",
        "DATE,SUBSCRIPTIONID,COST,BILLINGCURRENCY",
        "Usage Date Time,Subscription GUID,Pre Tax Cost,Currency",
        " Date , \"Subscription Id\" ,Cost In Billing Currency,Billing Currency Code",
        "UsageDate,SubscriptionGuid,costInBillingCurrency,billingCurrencyCode",
    ] {
        let header = header.replace("\" ,", "\",").replace(", \"", ",\"");
        let (_, facts) = fold_plain(format!("{header}\n10/31/2026,s,1,eur\n")).unwrap();
        let expected = ["/subscriptions/s EUR Usage [] [] 2026-10-31 1/0"];
        assert_eq!(lines(&facts), expected, "{header}");
    }
}

#[test]
fn a_better_name_wins_over_a_known_one() {
    let file = concat!(
        "Cost,CostInBillingCurrency,Currency,BillingCurrencyCode,Date,SubscriptionId\n",
        "9,1,USD,EUR,10/31/2026,s\n",
    );
    let (_, facts) = fold_plain(file).unwrap();
    assert_eq!(
        lines(&facts),
        ["/subscriptions/s EUR Usage [] [] 2026-10-31 1/0"]
    );
}

#[test]
fn a_missing_column_is_named_with_its_spellings_and_the_header() {
    for (header, column, accepted) in [
        ("SubscriptionId,Cost,Currency", "day", "usagedatetime"),
        ("Date,SubscriptionId,Currency", "cost", "pretaxcost"),
        (
            "Date,SubscriptionId,Cost",
            "currency",
            "billingcurrencycode",
        ),
        ("Date,Cost,Currency", "subscription", "subscriptionguid"),
        (
            "ChargePeriodStart,BilledCost,BillingCurrency",
            "subscription",
            "subaccountid",
        ),
    ] {
        let error = fold_plain(format!("{header}\n")).unwrap_err();
        assert!(matches!(error, Error::MissingColumn { .. }), "{error:?}");
        let message = error.to_string();
        for part in [header, column, accepted] {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[test]
fn a_needed_column_twice_is_an_error_and_another_one_is_not() {
    let file = "Date,SubscriptionId,Cost,Currency,cost\n";
    let error = fold_plain(file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the column `Cost` occurs 2 times in the header"
    );
    let file = "Date,SubscriptionId,Cost,Currency,Note,note\n10/31/2026,s,1,EUR,,\n";
    assert_eq!(fold_plain(file).unwrap().0.folded, 1);
}

#[test]
fn a_kept_column_that_the_file_lacks_is_reported() {
    let file = "Date,SubscriptionId,Cost,Currency\n10/31/2026,s,1,EUR\n";
    let kept = projection(&[Dimension::CostCenter, Dimension::SubAccountId], &["env"]);
    let (report, facts) = fold_with(file, &actual(), kept).unwrap();
    assert_eq!(report.absent, ["x_CostCenter", "Tags"]);
    assert_eq!(
        lines(&facts),
        ["/subscriptions/s EUR Usage [s|] [] 2026-10-31 1/0"]
    );
}

#[test]
fn a_resource_type_is_read_from_the_resource_id() {
    let header = "Date,SubscriptionId,Cost,Currency,ResourceId\n";
    for (id, expected) in [
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/x/databases/y",
            "Microsoft.Sql/servers/databases",
        ),
        (
            "/providers/Microsoft.Capacity/reservationOrders/1",
            "Microsoft.Capacity/reservationOrders",
        ),
        ("something", ""),
        ("", ""),
    ] {
        let file = format!("{header}10/31/2026,s,1,EUR,{id}\n");
        let kept = projection(&[Dimension::ResourceType], &[]);
        let (_, facts) = fold_with(file, &actual(), kept).unwrap();
        assert_eq!(&*facts.series()[0].key.dimensions[0], expected);
    }
}

#[test]
fn words_for_no_resource_group_mean_the_subscription() {
    for group in ["", "Others", "not applicable", "NULL", "unassigned"] {
        let file = format!(
            "Date,SubscriptionId,ResourceGroup,Cost,Currency\n10/31/2026,s,{group},1,EUR\n"
        );
        let kept = projection(&[Dimension::ResourceGroupName], &[]);
        let (report, facts) = fold_with(file, &actual(), kept).unwrap();
        let expected = ["/subscriptions/s EUR Usage [] [] 2026-10-31 1/0"];
        assert_eq!(lines(&facts), expected, "{group}");
        assert_eq!(report.doubtful_count, 0);
    }
}

#[test]
fn billing_ids_may_be_whole_paths() {
    let file = concat!(
        "Date,SubscriptionId,Cost,Currency,BillingAccountId,BillingProfileId,InvoiceSectionId\n",
        "10/31/2026,,1,EUR,/providers/Microsoft.Billing/billingAccounts/A,",
        "/providers/Microsoft.Billing/billingAccounts/A/billingProfiles/P,",
        "/providers/Microsoft.Billing/billingAccounts/A/billingProfiles/P/invoiceSections/S\n",
    );
    let (_, facts) = fold_plain(file).unwrap();
    let section = format!("{ACCOUNT}/A/billingProfiles/P/invoiceSections/S");
    assert_eq!(
        lines(&facts),
        [format!("{section} EUR Usage [] [] 2026-10-31 1/0")]
    );
}
