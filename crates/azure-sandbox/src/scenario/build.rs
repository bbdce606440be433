//! From a scenario file to a world.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use toml::Spanned;

use super::file::{self, File, Habits};
use super::standing::{self, Tables};
use super::{Scenario, ScenarioError, sense};
use crate::world::{
    Agreement, Charge, Group, Lot, LotSource, Named, Offer, Plan, Reservation, Restatement, Rhythm,
    Section, Subscription, Term, World, guid,
};

/// What a service is metered by and runs as where a charge does not say so, and its share of the
/// usual bill in percent.
const SERVICES: [(&str, &str, &str, u32); 8] = [
    (
        "Virtual Machines",
        "D4s v5",
        "Microsoft.Compute/virtualMachines",
        40,
    ),
    ("SQL Database", "vCore", "Microsoft.Sql/servers", 20),
    (
        "Storage",
        "Hot LRS Data Stored",
        "Microsoft.Storage/storageAccounts",
        15,
    ),
    (
        "Bandwidth",
        "Standard Data Transfer Out",
        "Microsoft.Network/publicIPAddresses",
        10,
    ),
    (
        "Azure Monitor",
        "Analytics Logs Data Ingestion",
        "Microsoft.OperationalInsights/workspaces",
        10,
    ),
    ("Key Vault", "Operations", "Microsoft.KeyVault/vaults", 5),
    (
        "Azure App Service",
        "P1 v3 App",
        "Microsoft.Web/serverFarms",
        0,
    ),
    (
        "Azure Support",
        "Standard Support",
        "Microsoft.Support/supportPlans",
        0,
    ),
];

pub(super) fn scenario(file: File, text: &str) -> Result<Scenario, ScenarioError> {
    sense::check(&file, text)?;
    let agreement = Agreement::from(file.agreement);
    let today = file.today.0;
    let year_ago = today.saturating_sub(1.year()).first_of_month();
    let first_day = file.first_day.map_or(year_ago, |day| day.get_ref().0);
    let mut world = World::new(agreement, first_day, today);
    world.seed = file.seed;
    world.tax_percent = file.tax_percent.0;
    set(&mut world.tenant, file.tenant.map(Spanned::into_inner));
    set(&mut world.billing_account, file.account);
    set(&mut world.account_name, file.account_name);
    set(&mut world.management_group, file.management_group);
    set(
        &mut world.currency,
        file.currency.map(|currency| currency.0),
    );

    for subscription in file.subscription {
        let built = subscription_of(&world, subscription, |span, message| {
            ScenarioError::at(text, span, message)
        })?;
        world.subscriptions.push(built);
    }
    let find = |world: &World, key: &str, name: &Spanned<String>| {
        let known =
            |each: &Subscription| each.name == *name.get_ref() || each.id == *name.get_ref();
        let found = world.subscriptions.iter().position(known);
        found.ok_or_else(|| {
            let names = world.subscriptions.iter();
            let names: Vec<String> = names.map(|each| format!("\"{}\"", each.name)).collect();
            let message = format!(
                "{key}.subscription = \"{}\" is no subscription here; there is {}",
                name.get_ref(),
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            );
            ScenarioError::at(text, name.span(), message)
        })
    };
    for each in file.marketplace {
        let at = find(&world, "marketplace", &each.subscription)?;
        let charge = marketplace(each);
        into_group(&mut world.subscriptions[at], "marketplace", charge);
    }
    for each in file.refund {
        let at = find(&world, "refund", &each.subscription)?;
        let mut charge = Charge::of_day(
            "Virtual Machines",
            "D4s v5",
            "Microsoft.Compute/virtualMachines",
            -each.amount.0,
        );
        charge.rhythm = Rhythm::Once(each.day.get_ref().0);
        charge.charge_type = "Refund".to_owned();
        into_group(&mut world.subscriptions[at], "refunds", charge);
    }
    for each in file.reservation {
        let at = find(&world, "reservation", &each.subscription)?;
        let reservation = reservation(&world, &world.subscriptions[at], each);
        world.reservations.push(reservation);
    }
    for each in file.restatement {
        let whose = each.subscription.as_ref();
        let whose = whose
            .map(|name| find(&world, "restatement", name))
            .transpose()?;
        world.restatements.push(Restatement {
            subscription: whose.map(|at| world.subscriptions[at].id.clone()),
            first: each.first.0,
            last: each.last.get_ref().0,
            percent: each.percent.0,
            seen: each.seen.get_ref().0,
        });
    }
    for (lot, number) in file.lot.into_iter().zip(1..) {
        let profile = match (&lot.profile, lot.source) {
            (Some(name), _) => Some(profile(&world, name, text)?),
            (None, file::Source::Commitment) => None,
            // Credits belong to a profile: the first one, if the file does not say.
            (None, _) if agreement.is_modern() => {
                world.parents().first().map(|profile| profile.id.clone())
            }
            (None, _) => None,
        };
        world.lots.push(Lot {
            id: guid(&["lot", &number.to_string(), &world.billing_account]),
            source: match lot.source {
                file::Source::Purchased => LotSource::Purchased,
                file::Source::Promotional => LotSource::Promotional,
                file::Source::Commitment => LotSource::Commitment,
            },
            profile,
            amount: lot.amount.0,
            start: lot.start.0,
            expiration: lot.expiration.get_ref().0,
        });
    }
    let tables = Tables {
        action_group: file.action_group,
        budget: file.budget,
        anomaly_rule: file.anomaly_rule,
        export: file.export,
    };
    let standing = standing::standing(&tables, &world, text)?;
    Ok(Scenario {
        world,
        faults: file.faults,
        standing,
    })
}

fn set(field: &mut String, value: Option<String>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn profile(world: &World, name: &Spanned<String>, text: &str) -> Result<String, ScenarioError> {
    let wanted = name.get_ref();
    let profiles = world.parents();
    let mut known = profiles.iter();
    let found = known.find(|profile| profile.name == *wanted || profile.id == *wanted);
    found.map(|profile| profile.id.clone()).ok_or_else(|| {
        let names: Vec<String> = profiles
            .iter()
            .map(|profile| format!("\"{}\"", profile.name))
            .collect();
        let message = format!(
            "lot.profile = \"{wanted}\" is no billing profile here; there is {}",
            names.join(", ")
        );
        ScenarioError::at(text, name.span(), message)
    })
}

fn subscription_of(
    world: &World,
    file: file::Subscription,
    wrong: impl Fn(std::ops::Range<usize>, String) -> ScenarioError,
) -> Result<Subscription, ScenarioError> {
    let span = file.name.span();
    let habits = file.habits();
    let section = section(world.agreement, &file, |message| {
        wrong(span.clone(), message)
    })?;
    let name = file.name.into_inner();
    let currency = file
        .currency
        .map_or_else(|| world.currency.clone(), |each| each.into_inner().0);
    let mut groups: Vec<Group> = Vec::new();
    for group in file.group {
        groups.push(Group {
            name: group.name.into_inner(),
            tags: group.tags.into_iter().collect(),
            charges: (group.charge.into_iter())
                .map(|each| charge(each, habits))
                .collect(),
        });
    }
    if let Some(monthly) = file.monthly {
        let resources = file.resources.as_ref().map_or(2, |count| count.get_ref().0);
        groups.extend(usual(&name, monthly.0, resources, habits));
    }
    if groups.iter().all(|group| group.charges.is_empty()) {
        let message = format!(
            "subscription \"{name}\" costs nothing; it needs monthly = \"…\" or \
             [[subscription.group]] with [[subscription.group.charge]]"
        );
        return Err(wrong(span, message));
    }
    Ok(Subscription {
        id: (file.id.map(Spanned::into_inner)).unwrap_or_else(|| guid(&["subscription", &name])),
        name,
        currency,
        section,
        // Far enough for a today that moves on.
        last_day: file.until.map_or_else(
            || world.today.saturating_add(400.days()),
            |day| day.get_ref().0,
        ),
        last_day_percent: file.last_day_percent.map_or(100, |percent| percent.0),
        lag_days: file.lag_days.map_or(1, |lag| lag.0),
        unsupported_offer: file.unsupported_offer,
        created: file.created.map(|day| day.0),
        groups,
    })
}

/// Where a subscription is paid; keys of another agreement are refused.
fn section(
    agreement: Agreement,
    file: &file::Subscription,
    wrong: impl Fn(String) -> ScenarioError,
) -> Result<Section, ScenarioError> {
    let modern = agreement.is_modern();
    let enterprise = agreement == Agreement::Enterprise;
    let keys = [
        ("department", &file.department, enterprise),
        ("enrollment_account", &file.enrollment_account, enterprise),
        ("profile", &file.profile, modern),
        ("section", &file.section, modern),
        ("customer", &file.customer, agreement == Agreement::Partner),
    ];
    for (key, value, fits) in keys {
        if let (Some(value), false) = (value, fits) {
            return Err(wrong(format!(
                "subscription \"{}\" has {key} = \"{value}\", but the agreement is {agreement}; \
                 departments and enrollment accounts are of enterprise, profiles and sections of \
                 customer and partner, customers of partner",
                file.name.get_ref()
            )));
        }
    }
    let mut section = Section::only(agreement);
    let named = |kind: &str, name: &str| {
        let id = match kind {
            "customer" => guid(&["customer", name]),
            _ if enterprise => {
                let digits = guid(&[kind, name]).replace(|c: char| !c.is_ascii_digit(), "");
                digits.chars().take(6).collect()
            }
            _ => guid(&[kind, name]).to_uppercase()[..18].replace('-', "") + "-BG7",
        };
        Named::new(id, name)
    };
    if let Some(name) = file.department.as_ref().or(file.profile.as_ref()) {
        section.parent = named("parent", name);
        // Each department or profile has parts of its own.
        section.part = named("part", &format!("{name} 1"));
    }
    if let Some(name) = file.enrollment_account.as_ref().or(file.section.as_ref()) {
        section.part = named("part", name);
    }
    if let Some(name) = &file.customer {
        section.customer = Some(named("customer", name));
    }
    Ok(section)
}

fn usual(name: &str, monthly: Decimal, resources: u32, habits: Habits) -> Vec<Group> {
    let words = name
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let daily = monthly / Decimal::from(30);
    // Three parts are production, one is development.
    [("prod", 75), ("dev", 25)]
        .into_iter()
        .map(|(env, part)| Group {
            name: format!("{words}-{env}"),
            tags: vec![
                ("env".to_owned(), env.to_owned()),
                ("team".to_owned(), words.clone()),
            ],
            charges: SERVICES
                .iter()
                .filter(|(.., share)| *share > 0)
                .map(|(service, meter, kind, share)| {
                    let amount = daily * Decimal::from(share * part) / Decimal::from(10_000);
                    let mut charge = Charge::of_day(service, meter, kind, amount.round_dp(4));
                    charge.resources = resources;
                    behave(&mut charge, habits, habits);
                    charge
                })
                .collect(),
        })
        .collect()
}

fn charge(file: file::Charge, usual: Habits) -> Charge {
    let habits = file.habits();
    let known = SERVICES.iter().find(|(name, ..)| *name == file.service);
    let (meter, kind) = known.map_or(("Standard", "Microsoft.Resources/other"), |each| {
        (each.1, each.2)
    });
    let meter = file.meter.as_deref().unwrap_or(meter);
    let kind = file.resource_type.as_deref().unwrap_or(kind);
    let mut charge = Charge::of_day(&file.service, meter, kind, file.amount.0);
    set(&mut charge.region, file.region);
    charge.resources = file.resources.map_or(1, |count| count.0);
    behave(&mut charge, habits, usual);
    if file.rhythm == file::Rhythm::Monthly {
        charge.rhythm = Rhythm::Monthly;
        charge.charge_type = "Purchase".to_owned();
    }
    charge
}

fn behave(charge: &mut Charge, own: Habits, usual: Habits) {
    let weekend = own.weekend_percent.or(usual.weekend_percent);
    charge.rhythm = Rhythm::Daily {
        weekend_percent: weekend.map_or(100, |percent| percent.0),
    };
    let growth = own.growth_percent.or(usual.growth_percent);
    charge.growth_percent = growth.map_or(0, |percent| percent.0);
    let noise = own.noise_percent.or(usual.noise_percent);
    charge.noise_percent = noise.map_or(0, |percent| percent.0);
    charge.launched = own.launched.or(usual.launched).map(|day| day.0);
    charge.stopped = own.stopped.or(usual.stopped).map(|day| day.0);
}

fn marketplace(file: file::Marketplace) -> Charge {
    let mut charge = Charge::of_day(
        "SaaS",
        &file.offer,
        "Microsoft.SaaS/resources",
        file.amount.0,
    );
    if file.rhythm == file::Rhythm::Monthly {
        charge.rhythm = Rhythm::Monthly;
        charge.charge_type = "Purchase".to_owned();
    }
    charge.launched = file.launched.map(|day| day.0);
    charge.stopped = file.stopped.map(|day| day.get_ref().0);
    charge.with_offer(Offer {
        publisher: file.publisher,
        name: file.offer,
        plan: file.plan.unwrap_or_else(|| "standard".to_owned()),
    })
}

fn into_group(subscription: &mut Subscription, name: &str, charge: Charge) {
    let groups = &mut subscription.groups;
    match groups.iter_mut().find(|group| group.name == name) {
        Some(group) => group.charges.push(charge),
        None => groups.push(Group {
            name: name.to_owned(),
            tags: Vec::new(),
            charges: vec![charge],
        }),
    }
}

fn reservation(world: &World, subscription: &Subscription, file: file::Reservation) -> Reservation {
    let term = match file.term {
        file::Term::P1Y => Term::OneYear,
        file::Term::P3Y => Term::ThreeYears,
    };
    let plan = match file.plan {
        file::Plan::Upfront => Plan::Upfront,
        file::Plan::Monthly => Plan::Monthly,
    };
    let bought: Date = file.purchased.0;
    let mut reservation = Reservation::new(
        file.name.get_ref(),
        &subscription.id,
        file.sku.get_ref(),
        file.quantity.0,
        Decimal::ZERO,
        bought,
    )
    .with_term(term)
    .with_plan(plan);
    reservation.price = file.price.map_or_else(
        || {
            let hour = world.price(&reservation.usage, &subscription.currency);
            let hours = Decimal::from(730 * term.months());
            (hour * term.share_of_list() * hours).round_dp(2)
        },
        |price| price.0,
    );
    reservation.returned = file.returned.map(|day| day.get_ref().0);
    let weekday = file.use_percent.map_or(90, |percent| percent.0);
    let weekend = file.weekend_percent.map_or(weekday, |percent| percent.0);
    reservation.with_use(weekday, weekend)
}
