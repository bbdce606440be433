//! Notices to render in tests and to look at.

use budget_engine::{
    Breach, Cause, Change, CostBasis, DataState, Driver, Drivers, ForecastSummary, Money, Pace,
    Percent, Period, Reason, Scope, Severity, Status, ThresholdKind, TimeGrain, Transition,
};
use jiff::Timestamp;
use jiff::civil::date;
use rust_decimal::Decimal;

use crate::notice::{Link, Message, Notice};

/// The moment of all samples.
pub fn at() -> Timestamp {
    "2026-05-15T06:30:00Z"
        .parse()
        .expect("the text is a timestamp")
}

fn money(text: &str) -> Money {
    Money::parse(text).expect("the text is an amount")
}

fn driver(service_name: &str, before: &str, now: &str, cause: Cause) -> Driver {
    let (before, now) = (money(before), money(now));
    Driver {
        service_name: service_name.into(),
        before,
        now,
        change: now.checked_sub(before).expect("one currency"),
        cause,
    }
}

/// A budget at 82 % with forecast and drivers.
pub fn status() -> Status {
    let period = |start, end| Period::new(start, end).expect("the range has days");
    Status {
        budget: "payments-prod".into(),
        name: "Payments, production".into(),
        parent: Some("payments".into()),
        scopes: vec![
            Scope::parse(
                "/subscriptions/6f9b2c1e-0000-4000-8000-000000000001/resourceGroups/payments-prod",
            )
            .expect("the text is a scope"),
        ],
        cost_basis: CostBasis::Amortized,
        time_grain: TimeGrain::Monthly,
        period: period(date(2026, 5, 1), date(2026, 6, 1)),
        period_label: "2026-05".into(),
        period_key: "monthly-2026-05-01".into(),
        planned: money("10000 EUR"),
        spent: money("8214.2049 EUR"),
        remaining: money("1785.7951 EUR"),
        percent: Percent(Decimal::new(82_142_049, 6)),
        day: 15,
        elapsed_days: 14,
        daily_allowance: Some(money("105.0467 EUR")),
        pace: Some(Pace {
            expected: money("4516.13 EUR"),
            percent: Percent(Decimal::new(18189, 2)),
        }),
        forecast: Some(ForecastSummary {
            mean: money("17900 EUR"),
            range80: (money("16800 EUR"), money("19100 EUR")),
            range95: (money("16100 EUR"), money("19900 EUR")),
            probability: Decimal::new(993, 1),
            breach: Some(Breach {
                likely: date(2026, 5, 18),
                earliest: Some(date(2026, 5, 17)),
                latest: Some(date(2026, 5, 19)),
            }),
        }),
        no_forecast: None,
        drivers: Some(Drivers {
            compared_with: Some(period(date(2026, 4, 1), date(2026, 4, 15))),
            total: money("3395 EUR"),
            items: vec![
                driver("Virtual Machines", "1890 EUR", "4300 EUR", Cause::Rose),
                driver("Log Analytics", "0 EUR", "610 EUR", Cause::New),
                driver("Bandwidth", "195 EUR", "400 EUR", Cause::Rose),
            ],
            other: money("170 EUR"),
        }),
        data: DataState {
            as_of: "2026-05-15T05:10:00Z"
                .parse()
                .expect("the text is a timestamp"),
            first_day: date(2025, 11, 1),
            last_day: date(2026, 5, 14),
            settled_to: date(2026, 5, 12),
            age_days: 1,
            stale: false,
            skipped_rows: 0,
        },
        owners: vec!["platform@contoso.example".into()],
    }
}

/// `actual 80%` fired.
pub fn transition() -> Transition {
    Transition {
        alert: "2c7c18cee59d20de614d".into(),
        threshold: "eighty".into(),
        kind: ThresholdKind::Actual,
        when: "actual 80%".into(),
        sequence: 1,
        change: Change::Fired,
        at: at(),
        severity: Severity::Warning,
        reason: Reason::Reached {
            spent: money("8214.2049 EUR"),
            level: money("8000 EUR"),
        },
        also: vec!["actual 50%".into()],
        status: Box::new(status()),
        notify: vec!["owners".into()],
        follows: Vec::new(),
        parts: Vec::new(),
        events: Vec::new(),
        actions: Vec::new(),
        route: None,
        routed: false,
    }
}

/// A notice of a transition to one recipient.
pub fn notice(transition: Transition) -> Notice {
    Notice {
        recipient: Some("owner@contoso.example".into()),
        links: vec![
            Link {
                title: "Analysis".into(),
                url: "https://portal.contoso.example/analysis?scope=payments-prod&period=2026-05"
                    .into(),
            },
            Link {
                title: "Explain".into(),
                url: "https://costs.contoso.example/alerts/2c7c18ce".into(),
            },
        ],
        reason_for_recipient: "because you own payments-prod (tag cost-owner)".into(),
        ..Notice::new(
            "7f3c9a51e2b84d06",
            "payments-prod/monthly-2026-05-01/owner@contoso.example",
            Message::Crossing(Box::new(transition)),
        )
    }
}

/// A crossing with forecast and drivers.
pub fn crossing() -> Notice {
    notice(transition())
}

/// A crossing that is expected.
pub fn forecast() -> Notice {
    let mut transition = transition();
    transition.threshold = "forecast-100pct".into();
    transition.kind = ThresholdKind::Forecast;
    transition.when = "forecast 100%".into();
    transition.also.clear();
    transition.severity = Severity::Critical;
    transition.reason = Reason::ExpectedToReach {
        level: money("10000 EUR"),
        probability: Percent(Decimal::new(993, 1)),
        required: Percent(Decimal::from(80)),
    };
    notice(transition)
}

/// Spending ahead of the plan, sent a second time.
pub fn pace_again() -> Notice {
    let mut transition = transition();
    transition.threshold = "pace-120pct".into();
    transition.kind = ThresholdKind::Pace;
    transition.when = "pace 120%".into();
    transition.also.clear();
    transition.severity = Severity::Info;
    let pace = transition.status.pace.expect("the sample has a pace");
    transition.reason = Reason::AheadOfPlan {
        spent: transition.status.spent,
        expected: pace.expected,
        percent: pace.percent,
        required: Percent(Decimal::from(120)),
    };
    Notice {
        maybe_duplicate: true,
        ..notice(transition)
    }
}

/// Restated data have undone a crossing.
pub fn correction() -> Notice {
    let mut transition = transition();
    transition.change = Change::Withdrawn;
    transition.sequence = 2;
    transition.also.clear();
    let spent = money("7911.02 EUR");
    transition.status.spent = spent;
    transition.status.remaining = money("2088.98 EUR");
    transition.status.percent = Percent(Decimal::new(791_102, 4));
    transition.reason = Reason::Restated {
        spent,
        level: money("8000 EUR"),
    };
    Notice {
        id: "b21f6c0d93aa4e17".into(),
        ..notice(transition)
    }
}

/// No data have come for days.
pub fn stale() -> Notice {
    let mut transition = transition();
    transition.threshold = "stale-3-days".into();
    transition.kind = ThresholdKind::Stale;
    transition.when = "stale 3 days".into();
    transition.also.clear();
    let status = &mut transition.status;
    status.data.last_day = date(2026, 5, 10);
    status.data.settled_to = date(2026, 5, 10);
    status.data.age_days = 5;
    status.data.stale = true;
    status.day = 14;
    status.elapsed_days = 10;
    status.forecast = None;
    status.no_forecast = Some("the data are stale".into());
    transition.reason = Reason::DataStale {
        last_day: date(2026, 5, 10),
        age_days: 5,
        allowed_days: 3,
    };
    notice(transition)
}

/// Over the planned amount, without forecast, drivers, owners or recent data.
pub fn bare() -> Notice {
    let mut transition = transition();
    transition.when = "actual every 5000".into();
    transition.threshold = "every-5000#2".into();
    transition.also.clear();
    let status = &mut transition.status;
    status.name = String::new();
    status.spent = money("10400 EUR");
    status.remaining = money("-400 EUR");
    status.percent = Percent(Decimal::from(104));
    status.daily_allowance = None;
    status.pace = None;
    status.forecast = None;
    status.drivers = None;
    status.owners.clear();
    status.data.stale = true;
    status.data.age_days = 4;
    let mut notice = notice(transition);
    notice.links.clear();
    notice.reason_for_recipient.clear();
    notice
}

/// Names that try everything.
pub fn hostile() -> Notice {
    let evil = "\u{202e}<script>alert(1)</script>\r\nBcc: evil@contoso.example\r\n\r\n<at>all</at> \
                <!channel> @everyone [x](https://evil.contoso.example) **b** {{ 7*7 }} =?utf-8?q?x?= \
                \0\u{200b}\"'`&amp;";
    let mut transition = transition();
    transition.also = vec![evil.into()];
    let status = &mut transition.status;
    status.name = evil.into();
    status.period_label = evil.into();
    status.owners = vec![evil.into(), "<!here>".into()];
    if let Some(drivers) = &mut status.drivers {
        drivers.items[0].service_name = evil.into();
        drivers.items[1].service_name = "a".repeat(5000);
        drivers.items[2].service_name = format!("z{}", "\u{302}".repeat(5000));
    }
    Notice {
        links: vec![Link {
            title: evil.into(),
            url: "javascript:alert(1)".into(),
        }],
        reason_for_recipient: evil.into(),
        thread: evil.into(),
        id: "../../etc\r\npasswd".into(),
        ..notice(transition)
    }
}

/// A test of a destination.
pub fn probe() -> Notice {
    Notice {
        recipient: Some("owner@contoso.example".into()),
        ..Notice::new(
            "0d0e5c7a11f24b3c",
            "probe",
            Message::Probe {
                at: at(),
                from: "contoso".into(),
            },
        )
    }
}

/// A destination that fails.
pub fn trouble() -> Notice {
    Notice {
        recipient: Some("owner@contoso.example".into()),
        ..Notice::new(
            "5ad2c1f00b7e4c88",
            "trouble/finops-teams",
            Message::Trouble {
                at: at(),
                title: "destination finops-teams has failed 4 times".into(),
                lines: vec![
                    "not-found: status 404".into(),
                    "3 notices are waiting".into(),
                ],
                advice: Some(
                    "Create the workflow again and update TEAMS_WEBHOOK_URL; the notices are kept."
                        .into(),
                ),
            },
        )
    }
}

/// An action that waits for its approval.
pub fn action() -> Notice {
    Notice {
        recipient: Some("owner@contoso.example".into()),
        links: vec![Link {
            title: "Approve".into(),
            url: "https://cost.contoso.example/api/approve-action?action=7f3a&mac=x".into(),
        }],
        ..Notice::new(
            "91c0aa37e5b84d12",
            "payments-prod/2026-05/action",
            Message::Action {
                at: at(),
                title: "night-stop waits for approval: deallocate 2 virtual machines".into(),
                lines: vec!["Payments, production has used EUR 8,200.00 of EUR 10,000.00".into()],
                advice: Some("Approve it by the link; it ends on 2026-05-17.".into()),
            },
        )
    }
}

/// All of them with their names.
pub fn all() -> Vec<(&'static str, Notice)> {
    vec![
        ("crossing", crossing()),
        ("forecast", forecast()),
        ("pace_again", pace_again()),
        ("correction", correction()),
        ("stale", stale()),
        ("bare", bare()),
        ("hostile", hostile()),
        ("probe", probe()),
        ("trouble", trouble()),
        ("action", action()),
    ]
}
