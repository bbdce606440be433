//! What is measured, and what a unit of it costs.

use rust_decimal::Decimal;

use super::charge::{Charge, Rhythm};
use super::id;

/// A meter: one thing that Azure measures in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Id, in the form of a GUID.
    pub id: String,
    /// Name, for example `D8s v5`.
    pub name: String,
    /// Category, for example `Virtual Machines`.
    pub category: String,
    /// Subcategory, for example `D8s Series`; may be empty.
    pub subcategory: String,
    /// Region as meters name it, for example `EU West`.
    pub region: String,
    /// Unit of measure, for example `100 Hours`: price lists are per that many.
    pub unit_of_measure: &'static str,
    /// The number in the unit of measure.
    pub block: u32,
    /// The unit alone, as the oldest APIs have it, for example `Hours`.
    pub unit: &'static str,
    /// Part number, for example `AAH-12345`.
    pub part_number: String,
    /// Product name.
    pub product: String,
    /// Product id, for example `DZH318Z0ABCD`.
    pub product_id: String,
    /// SKU id, the product's with a suffix.
    pub sku_id: String,
    /// Name of the size in Resource Manager, for example `Standard_D8s_v5`; may be empty.
    pub arm_sku: String,
    /// Service family, for example `Compute`.
    pub family: &'static str,
    /// Service id, for example `DZH313Z7MMC8`.
    pub service_id: String,
    /// List price of a single unit, in US dollars.
    pub list_price: Decimal,
}

/// Units and their list prices, in dollars as mantissa and scale. The factors of each price are
/// 2 and 5 alone: a cost divided by it ends, so quantity times price is exactly the cost.
struct Unit {
    measure: &'static str,
    block: u32,
    single: &'static str,
    prices: &'static [(i64, u32)],
}

const HOURS: Unit = Unit {
    measure: "1 Hour",
    block: 1,
    single: "Hours",
    prices: &[(4, 2), (8, 2), (16, 2), (2, 1), (32, 2), (4, 1), (64, 2)],
};
const HUNDRED_HOURS: Unit = Unit {
    measure: "100 Hours",
    block: 100,
    single: "Hours",
    prices: &[(25, 3), (5, 2), (125, 3), (5, 1)],
};
const GB_MONTHS: Unit = Unit {
    measure: "100 GB/Month",
    block: 100,
    single: "GB/Month",
    prices: &[(16, 3), (2, 2), (125, 4), (1, 2), (128, 4)],
};
const GIGABYTES: Unit = Unit {
    measure: "1 GB",
    block: 1,
    single: "GB",
    prices: &[(8, 2), (5, 2), (64, 3), (2, 0)],
};
const OPERATIONS: Unit = Unit {
    measure: "10K",
    block: 10_000,
    single: "Operations",
    prices: &[(25, 7), (4, 6), (5, 6)],
};
const MONTHS: Unit = Unit {
    measure: "1/Month",
    block: 1,
    single: "Months",
    prices: &[(1, 0), (5, 0), (10, 0), (2, 0)],
};

fn unit(charge: &Charge) -> &'static Unit {
    if !matches!(charge.rhythm, Rhythm::Daily { .. }) {
        return &MONTHS;
    }
    match &*charge.service {
        "Storage" => &GB_MONTHS,
        "Bandwidth" | "Azure Monitor" | "Log Analytics" => &GIGABYTES,
        "Key Vault" | "Azure DNS" => &OPERATIONS,
        "Load Balancer" | "VPN Gateway" | "Azure Firewall" => &HUNDRED_HOURS,
        _ => &HOURS,
    }
}

fn family(charge: &Charge) -> &'static str {
    if charge.offer.is_some() {
        return "Azure Marketplace Services";
    }
    match &*charge.service {
        "Virtual Machines" | "Azure App Service" | "Functions" => "Compute",
        "Storage" => "Storage",
        "SQL Database" | "Azure Cosmos DB" | "Redis Cache" => "Databases",
        "Bandwidth" | "Load Balancer" | "VPN Gateway" | "Azure Firewall" | "Azure DNS" => {
            "Networking"
        }
        "Azure Monitor" | "Log Analytics" => "Management and Governance",
        "Key Vault" => "Security",
        "Azure Databricks" | "Azure Synapse Analytics" | "Azure Data Factory v2" => "Analytics",
        "Azure Machine Learning" => "AI + Machine Learning",
        "Event Hubs" => "Internet of Things",
        "Container Registry" | "Azure Kubernetes Service" => "Containers",
        _ => "Other",
    }
}

/// Regions whose meters have another name for them.
const REGIONS: [(&str, &str); 6] = [
    ("westeurope", "EU West"),
    ("northeurope", "EU North"),
    ("eastus", "US East"),
    ("westus2", "US West 2"),
    ("germanywestcentral", "DE West Central"),
    ("uksouth", "UK South"),
];

fn base(charge: &Charge) -> u64 {
    id::hash(&[&charge.service, &charge.meter, &charge.region])
}

/// List price of a single unit, in US dollars.
pub(super) fn list_price(charge: &Charge) -> Decimal {
    if let Some(price) = charge.list_price {
        return price;
    }
    let prices = unit(charge).prices;
    let (mantissa, scale) = prices[(base(charge) % prices.len() as u64) as usize];
    Decimal::new(mantissa, scale)
}

impl Meter {
    /// The meter of a charge. Charges of one service, meter name and region share it.
    pub fn of(charge: &Charge) -> Meter {
        let unit = unit(charge);
        let number = base(charge);
        let machine = charge.resource_type.ends_with("/virtualMachines");
        let size = charge.meter.split(' ').next().unwrap_or_default();
        let product_id = format!("DZH318Z{}", letters(number, 5));
        let region = REGIONS.iter().find(|(name, _)| *name == charge.region);
        Meter {
            id: id::guid(&["meter", &charge.service, &charge.meter, &charge.region]),
            name: charge.meter.clone(),
            category: charge.service.clone(),
            subcategory: if machine {
                format!("{size} Series")
            } else {
                String::new()
            },
            region: region.map_or(&*charge.region, |(_, name)| name).to_owned(),
            unit_of_measure: unit.measure,
            block: unit.block,
            unit: unit.single,
            part_number: format!("AA{}-{:05}", letters(number, 1), number % 100_000),
            product: format!("{} - {}", charge.service, charge.meter),
            sku_id: format!("{product_id}/{}", letters(number.rotate_left(20), 4)),
            product_id,
            arm_sku: if machine {
                format!("Standard_{}", charge.meter.replace(' ', "_"))
            } else {
                String::new()
            },
            family: family(charge),
            service_id: format!("DZH31{}", letters(id::hash(&[&charge.service]), 7)),
            list_price: list_price(charge),
        }
    }
}

/// Capital letters and digits, as in Microsoft's catalog ids.
fn letters(mut number: u64, count: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        text.push(char::from(LETTERS[(number % 32) as usize]));
        number /= 32;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_of_a_service_a_name_and_a_region() {
        let machine = Charge::daily(
            "Virtual Machines",
            "D8s v5",
            "Microsoft.Compute/virtualMachines",
            "10",
        );
        let meter = Meter::of(&machine);
        assert_eq!(meter.arm_sku, "Standard_D8s_v5");
        assert_eq!(meter.region, "EU West");
        assert_eq!((meter.family, meter.unit), ("Compute", "Hours"));
        let mut other = machine.clone();
        other.amount = Decimal::ONE;
        assert_eq!(Meter::of(&other), meter);
        other.region = "eastus".to_owned();
        assert_ne!(Meter::of(&other).id, meter.id);
    }

    #[test]
    fn a_measure_names_its_block() {
        let units = [
            &HOURS,
            &HUNDRED_HOURS,
            &GB_MONTHS,
            &GIGABYTES,
            &OPERATIONS,
            &MONTHS,
        ];
        for unit in units {
            let digits: String = unit
                .measure
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let number: u32 = digits.parse().unwrap();
            let thousands = if unit.measure.ends_with('K') { 1000 } else { 1 };
            assert_eq!(number * thousands, unit.block);
            for (mantissa, scale) in unit.prices {
                let price = Decimal::new(*mantissa, *scale);
                let cost: Decimal = "123456.7890123456".parse().unwrap();
                assert_eq!(cost / price * price, cost, "{price}");
            }
        }
    }
}
