//! Notices to look at, to check templates with, and to render in tests.

mod anomalies;

use budget_engine::{
    Anomaly, AnomalyKind, Breach, Cause, Change, CostBasis, Course, DataState, Driver, Drivers,
    FewDays, ForecastSummary, Money, Pace, Part, Percent, Period, Reason, Scope, Severity, Span,
    Status, ThresholdKind, TimeGrain, Transition,
};
use jiff::Timestamp;
use jiff::civil::date;
use rust_decimal::Decimal;

use crate::notice::{
    Because, Carried, Digest, DigestMove, DigestRow, DigestUnusual, FollowUp, Link, Message,
    Notice, Standing,
};
use crate::text::Language;

pub use anomalies::{anomaly, anomaly_gone, anomaly_over, stopped, unusual};

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

/// What May has cost by the 14th, its plan, and a forecast that widens from there.
pub fn course() -> Course {
    let cents = |cents: i64| Decimal::new(cents, 2);
    // Workdays cost more than weekends, which begin on the 2nd, and the machines came on the 9th.
    let daily = [
        48_010, 23_140, 22_905, 47_260, 49_875, 48_330, 47_940, 50_115, 61_020, 60_480, 96_735,
        93_280, 92_010, 80_320,
    ];
    let spent: i64 = daily.iter().sum();
    let expected = (0..18).map(|day: i64| Span {
        low: cents(spent + day * 50_505),
        middle: cents(spent + day * 56_975),
        high: cents(spent + day * 64_034),
    });
    Course {
        step_days: 1,
        costs: daily.iter().map(|cost| Some(cents(*cost))).collect(),
        settled: 12,
        planned: (1..=31)
            .map(|day: i64| cents(1_000_000 * day / 31))
            .collect(),
        expected: expected.collect(),
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
            spent: Some(money("8214.2049 EUR")),
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
            few_days: None,
            score: None,
        }),
        no_forecast: None,
        anomalies: None,
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
        course: Some(course()),
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
        gaps: Vec::new(),
        missing: Vec::new(),
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
        anomaly: None,
        notify: vec!["owners".into()],
        follows: Vec::new(),
        corrects: Vec::new(),
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
        because: Some(Because::OwnerByTag {
            budget: "payments-prod".into(),
        }),
        links: vec![
            Link {
                title: "Cost analysis".into(),
                url: "https://portal.contoso.example/analysis?scope=payments-prod&period=2026-05"
                    .into(),
            },
            Link {
                title: "Acknowledge".into(),
                url: "https://costs.contoso.example/api/acknowledge?alert=2c7c18ce&mac=x".into(),
            },
            Link {
                title: "Explain".into(),
                url: "https://costs.contoso.example/alerts/2c7c18ce".into(),
            },
        ],
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
    status.course = None;
    status.owners.clear();
    status.data.stale = true;
    status.data.age_days = 4;
    let mut notice = notice(transition);
    notice.links.clear();
    notice.because = None;
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
        because: None,
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

/// A transition after the first, as it follows up a notice.
fn later(change: Change, reason: Reason) -> Transition {
    let mut transition = transition();
    transition.change = change;
    transition.sequence = 2;
    transition.also.clear();
    transition.reason = reason;
    transition
}

/// Nobody has acknowledged a crossing, so whoever was told is told again.
pub fn reminder() -> Notice {
    notice(later(Change::Reminded, unanswered()))
}

/// Nobody has acknowledged an expected crossing, so others are told.
pub fn escalation() -> Notice {
    let mut transition = later(Change::Escalated, unanswered());
    transition.kind = ThresholdKind::Forecast;
    transition.when = "forecast 100%".into();
    transition.severity = Severity::Critical;
    notice(transition)
}

fn unanswered() -> Reason {
    Reason::Unanswered {
        since: "2026-05-14T06:30:00Z"
            .parse()
            .expect("the text is a timestamp"),
        hours: 24,
    }
}

/// Somebody knows of a crossing.
pub fn acknowledged() -> Notice {
    notice(later(
        Change::Acknowledged,
        Reason::Acknowledged {
            by: "lead@contoso.example".into(),
            note: Some("the load test ends on Friday".into()),
        },
    ))
}

/// A forecast that was told is below its level again.
pub fn resolved() -> Notice {
    let mut transition = later(
        Change::Resolved,
        Reason::NoLongerExpected {
            level: money("10000 EUR"),
            probability: Percent(Decimal::new(412, 1)),
            required: Percent(Decimal::from(80)),
        },
    );
    transition.kind = ThresholdKind::Forecast;
    transition.when = "forecast 100%".into();
    transition.also = vec!["forecast 90%".into()];
    let status = &mut transition.status;
    status.forecast = Some(ForecastSummary {
        mean: money("9850 EUR"),
        range80: (money("9420 EUR"), money("10310 EUR")),
        range95: (money("9130 EUR"), money("10640 EUR")),
        probability: Decimal::new(412, 1),
        breach: None,
        few_days: None,
        score: None,
    });
    notice(transition)
}

/// Spending is no longer ahead of the plan.
pub fn back_on_plan() -> Notice {
    let mut transition = later(
        Change::Resolved,
        Reason::BackOnPlan {
            spent: money("8214.2049 EUR"),
            expected: money("7900 EUR"),
            percent: Percent(Decimal::new(10397, 2)),
            required: Percent(Decimal::from(120)),
        },
    );
    transition.kind = ThresholdKind::Pace;
    transition.when = "pace 120%".into();
    notice(transition)
}

/// Data arrive after they were missing.
pub fn data_again() -> Notice {
    let mut transition = later(
        Change::Resolved,
        Reason::DataArrived {
            last_day: date(2026, 5, 14),
            age_days: 1,
        },
    );
    transition.kind = ThresholdKind::Stale;
    transition.when = "stale 3 days".into();
    notice(transition)
}

/// A raised amount has undone a crossing.
pub fn plan_changed() -> Notice {
    let mut transition = later(
        Change::Withdrawn,
        Reason::PlanChanged {
            before: money("10000 EUR"),
            now: money("12000 EUR"),
            level: money("9600 EUR"),
        },
    );
    let status = &mut transition.status;
    status.planned = money("12000 EUR");
    status.remaining = money("3785.7951 EUR");
    status.percent = Percent(Decimal::new(68_451, 3));
    notice(transition)
}

/// The period of an alert is over.
pub fn closed() -> Notice {
    let end = date(2026, 6, 1);
    notice(later(Change::Closed, Reason::PeriodEnded { end }))
}

/// The condition of an alert was rewritten.
pub fn reconfigured() -> Notice {
    let now = "actual 85%".into();
    notice(later(Change::Closed, Reason::Reconfigured { now }))
}

/// A crossing of a budget with parts, during a planned event.
pub fn family() -> Notice {
    let mut transition = transition();
    transition.status.name = "Payments".into();
    transition.parts = vec![
        Part {
            budget: "payments-prod".into(),
            name: "Payments, production".into(),
            when: "actual 80%".into(),
            percent: Percent(Decimal::new(910, 1)),
        },
        Part {
            budget: "payments-test".into(),
            name: "Payments, test".into(),
            when: "forecast 100%".into(),
            percent: Percent(Decimal::new(555, 1)),
        },
    ];
    transition.events = vec!["Load test before the spring release".into()];
    Notice {
        follow_up: FollowUp {
            remind_every_hours: Some(24),
            escalate_after_hours: Some(48),
        },
        ..notice(transition)
    }
}

/// The first period of a budget, before any data of it have come.
pub fn first_days() -> Notice {
    let mut transition = transition();
    transition.also.clear();
    let status = &mut transition.status;
    status.period_label = "2026-Q2".into();
    status.elapsed_days = 0;
    status.pace = None;
    status.forecast = None;
    let why = "no day of the history is settled, so there is nothing to forecast from";
    status.no_forecast = Some(why.into());
    status.course = None;
    status.data.skipped_rows = 2;
    status.data.settled_to = date(2025, 10, 30);
    if let Some(drivers) = &mut status.drivers {
        drivers.compared_with = None;
    }
    let mut notice = notice(transition);
    notice.because = Some(Because::Fallback {
        destination: "finops".into(),
    });
    notice
}

/// A budget whose costs began last week: its forecast rests on five days, and on the weekdays of the
/// budget that it is a part of.
pub fn young() -> Notice {
    let mut transition = transition();
    transition.also.clear();
    if let Some(forecast) = &mut transition.status.forecast {
        forecast.few_days = Some(FewDays {
            settled: 5,
            weekdays_of: Some("payments".into()),
        });
    }
    notice(transition)
}

/// A year, drawn by six days at a time, with credits in it.
pub fn yearly() -> Notice {
    let mut transition = transition();
    let status = &mut transition.status;
    status.time_grain = TimeGrain::Annually;
    status.period = Period::new(date(2026, 1, 1), date(2027, 1, 1)).expect("a year has days");
    status.period_label = "2026".into();
    status.period_key = "annually-2026-01-01".into();
    (status.day, status.elapsed_days) = (135, 134);
    let costs: Vec<Decimal> = (0..23)
        .map(|step: i64| match step {
            9 => Decimal::from(-420),
            step => Decimal::from(330 + 11 * step),
        })
        .collect();
    let spent: Decimal = costs.iter().sum();
    let expected = (0..39).map(|step: i64| Span {
        low: spent + Decimal::from(380 * step),
        middle: spent + Decimal::from(560 * step),
        high: spent + Decimal::from(790 * step),
    });
    status.course = Some(Course {
        step_days: 6,
        costs: costs.into_iter().map(Some).collect(),
        settled: 22,
        planned: (1..=61)
            .map(|step| Decimal::from(10_000 * step / 61))
            .collect(),
        expected: expected.collect(),
    });
    notice(transition)
}

fn held_back() -> Vec<Carried> {
    let carried = |delivery: &str, at: &str, budget: &str, when: &str, change, percent| Carried {
        delivery: delivery.into(),
        alert: "2c7c18cee59d20de614d".into(),
        at: at.parse().expect("the text is a timestamp"),
        budget: budget.into(),
        period_label: "2026-05".into(),
        when: when.into(),
        also: Vec::new(),
        change,
        percent: Percent(Decimal::new(percent, 1)),
    };
    vec![
        carried(
            "a1",
            "2026-05-14T22:10:00Z",
            "Data platform",
            "actual 80%",
            Change::Fired,
            803,
        ),
        carried(
            "a2",
            "2026-05-15T01:10:00Z",
            "Data platform",
            "actual 90%",
            Change::Fired,
            921,
        ),
        carried(
            "a3",
            "2026-05-15T04:10:00Z",
            "Web shop",
            "pace 120%",
            Change::Resolved,
            377,
        ),
    ]
}

/// A crossing with what was held back before it.
pub fn released() -> Notice {
    Notice {
        carried: held_back(),
        ..crossing()
    }
}

/// More notices than the recipient gets single ones for.
pub fn bundle() -> Notice {
    Notice {
        recipient: Some("owner@contoso.example".into()),
        carried: held_back(),
        because: Some(Because::Several),
        ..Notice::new(
            "c41be7730f5d9a26",
            "bundle/owner@contoso.example",
            Message::Bundle {
                at: at(),
                allowance: 2,
                hours: 24,
            },
        )
    }
}

/// A crossing that did not reach the chat it was meant for.
pub fn instead() -> Notice {
    let mut notice = crossing();
    notice.instead_of = Some("finops-teams".into());
    notice.because = Some(Because::Named {
        budget: "payments-prod".into(),
    });
    notice
}

/// Where three of five budgets need a look.
pub fn digest() -> Notice {
    let row = |budget: &str, spent, percent: i64, forecast: Option<i64>, standing| DigestRow {
        budget: budget.into(),
        period_label: "2026-05".into(),
        spent: money(spent),
        planned: money("10000 EUR"),
        percent: Percent(Decimal::new(percent, 1)),
        forecast_percent: forecast.map(|percent| Percent(Decimal::from(percent))),
        poor_forecast: false,
        standing,
    };
    let moved = |service: &str, cause, change| DigestMove {
        budget: "Data platform".into(),
        service_name: service.into(),
        cause,
        change: money(change),
    };
    let event = |budget: &str, event: Anomaly| DigestUnusual {
        budget: budget.into(),
        event: Anomaly {
            drivers: Vec::new(),
            ..event
        },
    };
    let digest = Digest {
        at: at(),
        rows: vec![
            row(
                "Data platform",
                "10400 EUR",
                1040,
                Some(212),
                Standing::Over,
            ),
            row(
                "Payments, production",
                "8214.20 EUR",
                821,
                Some(179),
                Standing::ExpectedOver,
            ),
            row("Web shop", "4100 EUR", 410, None, Standing::Stale),
        ],
        unevaluated: Vec::new(),
        more: 1,
        fine: 2,
        moved: vec![
            moved("Azure Databricks", Cause::New, "2210 EUR"),
            moved("HDInsight", Cause::Stopped, "-804.5 EUR"),
        ],
        unusual: vec![
            event("Payments, production", unusual()),
            event(
                "Web shop",
                Anomaly {
                    kind: AnomalyKind::Spike,
                    first: date(2026, 5, 8),
                    last: date(2026, 5, 8),
                    is_open: false,
                    impact: money("411.80 EUR"),
                    ..unusual()
                },
            ),
        ],
        more_unusual: 1,
        days_checked: 42,
        budgets_checked: 6,
    };
    Notice {
        recipient: Some("owner@contoso.example".into()),
        because: Some(Because::Digest { destination: None }),
        ..Notice::new(
            "3e90b1d75ac2f846",
            "digest/owner@contoso.example",
            Message::Digest(Box::new(digest)),
        )
    }
}

/// The same notice in another language.
pub fn in_language(notice: Notice, language: Language) -> Notice {
    Notice { language, ..notice }
}

/// All of them with their names, in English.
pub fn all() -> Vec<(&'static str, Notice)> {
    vec![
        ("crossing", crossing()),
        ("forecast", forecast()),
        ("pace_again", pace_again()),
        ("correction", correction()),
        ("stale", stale()),
        ("anomaly", anomaly()),
        ("anomaly_over", anomaly_over()),
        ("anomaly_gone", anomaly_gone()),
        ("stopped", stopped()),
        ("bare", bare()),
        ("hostile", hostile()),
        ("probe", probe()),
        ("trouble", trouble()),
        ("action", action()),
        ("reminder", reminder()),
        ("escalation", escalation()),
        ("acknowledged", acknowledged()),
        ("resolved", resolved()),
        ("back_on_plan", back_on_plan()),
        ("data_again", data_again()),
        ("plan_changed", plan_changed()),
        ("closed", closed()),
        ("reconfigured", reconfigured()),
        ("family", family()),
        ("first_days", first_days()),
        ("young", young()),
        ("yearly", yearly()),
        ("released", released()),
        ("bundle", bundle()),
        ("instead", instead()),
        ("digest", digest()),
    ]
}
