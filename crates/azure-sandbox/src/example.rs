//! The bill behind the first-run demonstration.
//!
//! It is told on [`AS_OF`], with six and a half months of costs behind it. With the monthly
//! budgets named at the constants, each tells one story.

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::world::{Agreement, Charge, Group, Section, Subscription, World, convert};

/// The day on which the example is told; costs are in through the day before.
pub const AS_OF: Date = date(2026, 11, 18);

/// Last day on which the research subscription has data: they are late, and nobody noticed.
pub const RESEARCH_LAST_DAY: Date = date(2026, 11, 11);

/// The day on which payments began to score transactions, which their budget did not foresee.
pub const LAUNCH: Date = date(2026, 11, 2);

/// The subscription of both product groups, in EUR; a parent budget spans it.
pub const PLATFORM_SUBSCRIPTION: &str = "7d1f6a52-90c4-4be3-8a1c-2f5b0c9e4a11";

/// The subscription of what all teams use, in USD: 4,000 a month is enough, about 85 %.
pub const SHARED_SUBSCRIPTION: &str = "b2a84c0e-3e57-4f0d-9d26-61c7f8a05b22";

/// The subscription of research, in USD, with 2,500 a month; see [`RESEARCH_LAST_DAY`].
pub const RESEARCH_SUBSCRIPTION: &str = "e95c1b37-7a68-4c92-b3f4-08d2a6e1cd33";

/// Resource group of the first story: 10,000 EUR a month, over already on day 17 of 30.
pub const PAYMENTS_GROUP: &str = "payments-prod";

/// Resource group of the second story: 15,000 EUR a month, about 60 % spent and growing so that
/// it will end at about 108 %.
pub const DATA_GROUP: &str = "data-platform";

/// The example's bill.
pub fn world() -> World {
    let yesterday = AS_OF.yesterday().expect("there is a day before 2026-11-18");
    let subscription = |id: &str, name: &str, currency: &str, last_day, groups| Subscription {
        id: id.to_owned(),
        name: name.to_owned(),
        currency: currency.to_owned(),
        section: Section::only(Agreement::Enterprise),
        last_day,
        last_day_percent: 100,
        lag_days: 1,
        unsupported_offer: None,
        created: None,
        groups,
    };
    let mut world = World {
        seed: 20_261_118,
        subscriptions: vec![
            subscription(
                PLATFORM_SUBSCRIPTION,
                "Platform",
                "EUR",
                yesterday,
                vec![payments(), data()],
            ),
            subscription(
                SHARED_SUBSCRIPTION,
                "Shared services",
                "USD",
                yesterday,
                vec![shared()],
            ),
            subscription(
                RESEARCH_SUBSCRIPTION,
                "Research",
                "USD",
                RESEARCH_LAST_DAY,
                vec![research()],
            ),
        ],
        ..World::new(Agreement::Enterprise, date(2026, 5, 1), AS_OF)
    };
    // A unit costs a tenth in every currency: quantities have the digits of the costs then, and
    // the file stays small enough to be carried along.
    let share = world.agreement.share_of_list();
    for subscription in &mut world.subscriptions {
        let tenth = convert(Decimal::new(1, 1), &subscription.currency, "USD");
        let groups = subscription.groups.iter_mut();
        for charge in groups.flat_map(|group| &mut group.charges) {
            charge.list_price = Some(tenth / share);
        }
    }
    world
}

fn group(name: &str, env: &str, team: &str, charges: Vec<Charge>) -> Group {
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Group {
        name: name.to_owned(),
        tags: vec![tag("env", env), tag("team", team)],
        charges,
    }
}

fn payments() -> Group {
    let use_of = |service, meter, kind, amount, resources| {
        Charge::daily(service, meter, kind, amount)
            .with_resources(resources)
            .with_weekends(85)
            .with_growth(1)
            .with_noise(6)
    };
    let scoring = Charge::daily(
        "Azure Machine Learning",
        "NC24ads A100 v4",
        "Microsoft.MachineLearningServices/workspaces",
        "381",
    );
    let charges = vec![
        use_of(
            "Virtual Machines",
            "D8s v5",
            "Microsoft.Compute/virtualMachines",
            "108",
            4,
        ),
        use_of("SQL Database", "vCore", "Microsoft.Sql/servers", "76", 3),
        use_of(
            "Storage",
            "Hot LRS Data Stored",
            "Microsoft.Storage/storageAccounts",
            "19",
            3,
        ),
        use_of(
            "Bandwidth",
            "Standard Data Transfer Out",
            "Microsoft.Network/publicIPAddresses",
            "23",
            2,
        ),
        use_of(
            "Azure Monitor",
            "Analytics Logs Data Ingestion",
            "Microsoft.OperationalInsights/workspaces",
            "17",
            1,
        ),
        use_of(
            "Load Balancer",
            "Standard Included LB Rules",
            "Microsoft.Network/loadBalancers",
            "8",
            1,
        ),
        use_of(
            "Key Vault",
            "Operations",
            "Microsoft.KeyVault/vaults",
            "1.40",
            1,
        ),
        scoring.with_resources(3).with_noise(8).with_launch(LAUNCH),
    ];
    group(PAYMENTS_GROUP, "prod", "payments", charges)
}

fn data() -> Group {
    let use_of = |service, meter, kind, amount, resources, growth| {
        Charge::daily(service, meter, kind, amount)
            .with_resources(resources)
            .with_weekends(65)
            .with_growth(growth)
            .with_noise(7)
    };
    let charges = vec![
        use_of(
            "Azure Databricks",
            "Premium All-purpose Compute DBU",
            "Microsoft.Databricks/workspaces",
            "56",
            3,
            60,
        ),
        use_of(
            "Virtual Machines",
            "E16ds v5",
            "Microsoft.Compute/virtualMachines",
            "53",
            3,
            38,
        ),
        use_of(
            "Storage",
            "Hot ZRS Data Stored",
            "Microsoft.Storage/storageAccounts",
            "23",
            4,
            30,
        ),
        use_of(
            "Azure Synapse Analytics",
            "Serverless SQL Pool Data Processed",
            "Microsoft.Synapse/workspaces",
            "19",
            2,
            15,
        ),
        use_of(
            "Azure Data Factory v2",
            "Cloud Data Movement",
            "Microsoft.DataFactory/factories",
            "12",
            2,
            10,
        ),
        use_of(
            "Event Hubs",
            "Standard Throughput Unit",
            "Microsoft.EventHub/namespaces",
            "9.50",
            2,
            0,
        ),
    ];
    group(DATA_GROUP, "prod", "data", charges)
}

fn shared() -> Group {
    let use_of = |service, meter, kind, amount, resources| {
        Charge::daily(service, meter, kind, amount)
            .with_resources(resources)
            .with_noise(4)
    };
    let charges = vec![
        Charge::monthly(
            "Azure Support",
            "Standard Support",
            "Microsoft.Support/supportPlans",
            "100",
        ),
        Charge::monthly(
            "Virtual Machines",
            "D4s v5 Reservation",
            "Microsoft.Capacity/reservationOrders",
            "520",
        ),
        use_of(
            "Azure Firewall",
            "Standard Deployment",
            "Microsoft.Network/azureFirewalls",
            "30",
            1,
        ),
        use_of(
            "VPN Gateway",
            "VpnGw1",
            "Microsoft.Network/virtualNetworkGateways",
            "9.12",
            2,
        ),
        use_of(
            "Container Registry",
            "Premium Registry Unit",
            "Microsoft.ContainerRegistry/registries",
            "5",
            1,
        ),
        use_of(
            "Azure DNS",
            "Private Queries",
            "Microsoft.Network/privateDnsZones",
            "0.85",
            1,
        ),
        use_of(
            "Log Analytics",
            "Pay-as-you-go Data Ingestion",
            "Microsoft.OperationalInsights/workspaces",
            "36",
            2,
        ),
        use_of(
            "Storage",
            "Cool LRS Data Stored",
            "Microsoft.Storage/storageAccounts",
            "11",
            2,
        ),
    ];
    group("shared-services", "prod", "platform", charges)
}

fn research() -> Group {
    let use_of = |service, meter, kind, amount, resources| {
        Charge::daily(service, meter, kind, amount)
            .with_resources(resources)
            .with_weekends(45)
            .with_noise(20)
    };
    let charges = vec![
        use_of(
            "Virtual Machines",
            "NV12ads A10 v5",
            "Microsoft.Compute/virtualMachines",
            "52",
            3,
        ),
        use_of(
            "Azure Machine Learning",
            "Compute Instance",
            "Microsoft.MachineLearningServices/workspaces",
            "14",
            2,
        ),
        use_of(
            "Storage",
            "Hot LRS Data Stored",
            "Microsoft.Storage/storageAccounts",
            "6",
            2,
        ),
    ];
    group("research-lab", "dev", "research", charges)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::files::write_costs;
    use crate::world::CostRow;

    const BEGIN: Date = date(2026, 11, 1);

    /// The same world, told at the end of the month: what a perfect forecast would say.
    fn month_end() -> World {
        let mut world = world();
        for subscription in &mut world.subscriptions {
            subscription.last_day = date(2026, 11, 30);
        }
        world
    }

    #[track_caller]
    fn check(
        story: &str,
        counts: impl Fn(&CostRow) -> bool,
        budget: u32,
        spent_percent: std::ops::Range<u32>,
        end_percent: std::ops::Range<u32>,
    ) {
        let percent = |world: &World, from: Date, to: Date| {
            let rows = world.rows_between(from, to).filter(|row| counts(row));
            let sum: Decimal = rows.map(|row| row.cost).sum();
            sum * Decimal::ONE_HUNDRED / Decimal::from(budget)
        };
        let within = |found: Decimal, range: &std::ops::Range<u32>| {
            found >= range.start.into() && found < range.end.into()
        };
        let spent = percent(&world(), BEGIN, AS_OF);
        assert!(within(spent, &spent_percent), "{story}: {spent} % spent");
        let end = percent(&month_end(), BEGIN, date(2026, 11, 30));
        assert!(within(end, &end_percent), "{story}: {end} % at the end");
        for month in 5..=10 {
            let first = date(2026, month, 1);
            let before = percent(&world(), first, first.last_of_month());
            assert!(
                before < Decimal::ONE_HUNDRED,
                "{story}: {before} % in month {month}"
            );
        }
    }

    #[test]
    fn payments_are_over_already_because_of_the_launch() {
        let payments = |row: &CostRow| row.group.name == PAYMENTS_GROUP;
        check("payments-prod", payments, 10_000, 103..105, 180..190);
        let without = |row: &CostRow| payments(row) && row.charge.launched.is_none();
        check(
            "payments-prod without the launch",
            without,
            10_000,
            40..45,
            70..80,
        );
        let world = world();
        let launched = world.rows().filter(|row| row.charge.launched.is_some());
        assert_eq!(launched.map(|row| row.date).min(), Some(LAUNCH));
    }

    #[test]
    fn the_data_platform_will_end_above_its_budget() {
        let data = |row: &CostRow| row.group.name == DATA_GROUP;
        check("data-platform", data, 15_000, 59..61, 107..109);
    }

    #[test]
    fn shared_services_keep_within_their_budget() {
        let shared = |row: &CostRow| row.subscription.id == SHARED_SUBSCRIPTION;
        check("shared-services", shared, 4_000, 50..57, 84..86);
    }

    #[test]
    fn research_is_late_and_would_be_fine() {
        let research = |row: &CostRow| row.subscription.id == RESEARCH_SUBSCRIPTION;
        check("research", research, 2_500, 20..30, 60..80);
        let world = world();
        let last = world.rows().filter(research).map(|row| row.date).max();
        assert_eq!(last, Some(date(2026, 11, 11)));
    }

    #[test]
    fn the_platform_is_both_groups_and_each_subscription_has_one_currency() {
        let world = world();
        let platform = &world.subscriptions[0];
        assert_eq!(platform.id, PLATFORM_SUBSCRIPTION);
        let groups: Vec<&str> = platform.groups.iter().map(|group| &*group.name).collect();
        assert_eq!(groups, [PAYMENTS_GROUP, DATA_GROUP]);
        let currencies = world.subscriptions.iter().map(|each| &*each.currency);
        assert_eq!(currencies.collect::<Vec<_>>(), ["EUR", "USD", "USD"]);
        assert_eq!(
            world.rows().map(|row| row.date).max(),
            AS_OF.yesterday().ok()
        );
        assert_eq!(
            world.rows().map(|row| row.date).min(),
            Some(date(2026, 5, 1))
        );
    }

    #[test]
    fn the_file_is_small() {
        let mut file = Vec::new();
        let rows = write_costs(world().rows(), Agreement::Enterprise, &mut file).unwrap();
        assert!(rows < 25_000, "{rows} rows");
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&file).unwrap();
        let bytes = packed.finish().unwrap().len();
        assert!(bytes < 300_000, "{rows} rows take {bytes} bytes");
    }
}
