//! Which column of a file holds what, told from the header's names.

use std::collections::HashMap;

use budget_engine::{Dimension, Projection};

use crate::error::Error;
use crate::report::{Format, shorten};

/// Names of one thing in Azure's files and in FOCUS, lower case and without spaces; the first one
/// that a file has counts.
struct Names {
    azure: &'static [&'static str],
    focus: &'static [&'static str],
}

const DATE: Names = Names {
    azure: &["date", "usagedatetime", "usagedate", "usagestart"],
    focus: &["chargeperiodstart"],
};
const COST: Names = Names {
    azure: &["costinbillingcurrency", "cost", "pretaxcost"],
    focus: &["billedcost"],
};
const EFFECTIVE_COST: Names = Names {
    azure: &[],
    focus: &["effectivecost"],
};
const CURRENCY: Names = Names {
    azure: &["billingcurrencycode", "billingcurrency", "currency"],
    focus: &["billingcurrency"],
};
const SUBSCRIPTION: Names = Names {
    azure: &["subscriptionid", "subscriptionguid"],
    focus: &["subaccountid", "x_subscriptionid"],
};
const RESOURCE_GROUP: Names = Names {
    azure: &["resourcegroup", "resourcegroupname"],
    focus: &["x_resourcegroupname"],
};
const CHARGE: Names = Names {
    azure: &["chargetype"],
    focus: &["chargecategory"],
};
const ACCOUNT: Names = Names {
    azure: &["billingaccountid"],
    focus: &["x_billingaccountid", "billingaccountid"],
};
const PROFILE: Names = Names {
    azure: &["billingprofileid"],
    focus: &["x_billingprofileid"],
};
const SECTION: Names = Names {
    azure: &["invoicesectionid", "departmentid"],
    focus: &["x_invoicesectionid"],
};
const ENROLLMENT_ACCOUNT: Names = Names {
    azure: &["accountid"],
    focus: &["x_accountid"],
};
const CUSTOMER: Names = Names {
    azure: &["customertenantid", "customerid"],
    focus: &["x_customerid"],
};
const TAGS: Names = Names {
    azure: &["tags"],
    focus: &["tags"],
};
const RESOURCE_ID: Names = Names {
    azure: &["resourceid", "instanceid", "instancename"],
    focus: &["resourceid"],
};

fn names_of(dimension: Dimension) -> Names {
    let (azure, focus): (&[&str], &[&str]) = match dimension {
        Dimension::ServiceName => (
            &["metercategory", "servicename"],
            &["servicename", "x_skumetercategory"],
        ),
        Dimension::ServiceSubcategory => (
            &["metersubcategory"],
            &["servicesubcategory", "x_skumetersubcategory"],
        ),
        Dimension::SkuMeter => (&["metername", "meter"], &["skumeter", "x_skumetername"]),
        Dimension::RegionId => (&["resourcelocation"], &["regionid"]),
        Dimension::ResourceId => return RESOURCE_ID,
        Dimension::ResourceType => (&["resourcetype"], &["x_resourcetype", "resourcetype"]),
        Dimension::ResourceGroupName => return RESOURCE_GROUP,
        Dimension::SubAccountId => return SUBSCRIPTION,
        Dimension::SubAccountName => (&["subscriptionname"], &["subaccountname"]),
        Dimension::ChargeFrequency => (&["frequency"], &["chargefrequency"]),
        Dimension::PricingCategory => (&["pricingmodel"], &["pricingcategory"]),
        Dimension::PublisherName => (&["publishername"], &["publishername"]),
        // A row has the one or the other, so both are read.
        Dimension::CommitmentDiscountId => {
            (&["benefitid", "reservationid"], &["commitmentdiscountid"])
        }
        Dimension::CostCenter => (&["costcenter"], &["x_costcenter"]),
        Dimension::InvoiceSectionName => (
            &["invoicesectionname", "invoicesection", "departmentname"],
            &["x_invoicesectionname"],
        ),
    };
    Names { azure, focus }
}

/// What is done with a dimension's text before it becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Text,
    Subscription,
    ResourceGroup,
    Frequency,
    /// The type is read out of the resource id.
    TypeOfResource,
}

/// Where one dimension comes from: the first of these fields that is not empty.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) slots: Vec<usize>,
    pub(crate) meaning: Meaning,
}

/// The fields that make the place, the currency and the kind of a charge; `None` where the file
/// has no such column.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) currency: usize,
    pub(crate) subscription: usize,
    pub(crate) resource_group: Option<usize>,
    pub(crate) charge: Option<usize>,
    pub(crate) account: Option<usize>,
    pub(crate) profile: Option<usize>,
    pub(crate) section: Option<usize>,
    pub(crate) enrollment_account: Option<usize>,
    pub(crate) customer: Option<usize>,
}

/// Where everything is. Numbers are slots: positions in [`Layout::columns`].
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    /// The needed columns, by their index in the file.
    pub(crate) columns: Vec<usize>,
    /// Their names as the header spells them.
    pub(crate) names: Vec<String>,
    /// Number of columns in the header.
    pub(crate) width: usize,
    pub(crate) date: usize,
    pub(crate) cost: usize,
    pub(crate) effective_cost: Option<usize>,
    pub(crate) head: Head,
    pub(crate) dimensions: Vec<Source>,
    pub(crate) tags: Option<usize>,
    pub(crate) absent: Vec<&'static str>,
}

impl Layout {
    /// Reads a header line.
    pub(crate) fn read(line: &[u8], projection: &Projection) -> Result<Layout, Error> {
        let mut header = Header::split(line);
        let date = header.need("day of the charge", &DATE)?;
        let cost = header.need("cost in billing currency", &COST)?;
        let effective_cost = header.take(&EFFECTIVE_COST)?;
        let head = Head {
            currency: header.need("billing currency", &CURRENCY)?,
            subscription: header.need("subscription", &SUBSCRIPTION)?,
            resource_group: header.take(&RESOURCE_GROUP)?,
            charge: header.take(&CHARGE)?,
            account: header.take(&ACCOUNT)?,
            profile: header.take(&PROFILE)?,
            section: header.take(&SECTION)?,
            enrollment_account: header.take(&ENROLLMENT_ACCOUNT)?,
            customer: header.take(&CUSTOMER)?,
        };
        let mut absent = Vec::new();
        let mut dimensions = Vec::new();
        for dimension in &projection.dimensions {
            let source = header.source(*dimension)?;
            if source.slots.is_empty() {
                absent.push(dimension.as_str());
            }
            dimensions.push(source);
        }
        let mut tags = None;
        if !projection.tags.is_empty() {
            tags = header.take(&TAGS)?;
            if tags.is_none() {
                absent.push("Tags");
            }
        }
        let format = header.format();
        let names = header.columns.iter().map(|column| {
            let name = header.spelled[*column].trim();
            shorten(name, 60)
        });
        Ok(Layout {
            format,
            names: names.collect(),
            width: header.spelled.len(),
            columns: header.columns,
            date,
            cost,
            effective_cost,
            head,
            dimensions,
            tags,
            absent,
        })
    }
}

struct Header {
    spelled: Vec<String>,
    /// Where each folded name stands.
    places: HashMap<String, Vec<usize>>,
    columns: Vec<usize>,
    is_focus: bool,
}

impl Header {
    fn split(line: &[u8]) -> Header {
        let spelled: Vec<String> = fields(line)
            .map(|field| String::from_utf8_lossy(&crate::keys::unquote(field)).into_owned())
            .collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in spelled.iter().enumerate() {
            let folded: String = name
                .chars()
                .filter(|c| !c.is_whitespace())
                .flat_map(char::to_lowercase)
                .collect();
            places.entry(folded).or_default().push(index);
        }
        let is_focus = places.contains_key("chargeperiodstart")
            || (places.contains_key("billedcost") && !places.contains_key("date"));
        Header {
            spelled,
            places,
            columns: Vec::new(),
            is_focus,
        }
    }

    fn choose(&self, names: &Names) -> &'static [&'static str] {
        if self.is_focus {
            names.focus
        } else {
            names.azure
        }
    }

    fn slot(&mut self, name: &str) -> Result<Option<usize>, Error> {
        let column = match self.places.get(name).map(Vec::as_slice) {
            None => return Ok(None),
            Some([column]) => *column,
            Some(columns) => {
                return Err(Error::DuplicateColumn {
                    column: self.spelled[columns[0]].trim().to_owned(),
                    count: columns.len(),
                });
            }
        };
        let known = self.columns.iter().position(|known| *known == column);
        Ok(Some(known.unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        })))
    }

    fn take(&mut self, names: &Names) -> Result<Option<usize>, Error> {
        for name in self.choose(names) {
            if let Some(slot) = self.slot(name)? {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn need(&mut self, column: &'static str, names: &Names) -> Result<usize, Error> {
        if let Some(slot) = self.take(names)? {
            return Ok(slot);
        }
        let accepted = if self.is_focus {
            format!("{} (FOCUS)", names.focus.join(" or "))
        } else {
            let azure = names.azure.join(", ");
            format!("{azure} (Azure) or {} (FOCUS)", names.focus.join(", "))
        };
        Err(Error::MissingColumn {
            column,
            accepted,
            found: shorten(&self.spelled.join(","), 2000),
        })
    }

    fn source(&mut self, dimension: Dimension) -> Result<Source, Error> {
        let meaning = match dimension {
            Dimension::SubAccountId => Meaning::Subscription,
            Dimension::ResourceGroupName => Meaning::ResourceGroup,
            Dimension::ChargeFrequency => Meaning::Frequency,
            _ => Meaning::Text,
        };
        let slots = self.all(&names_of(dimension))?;
        if slots.is_empty() && dimension == Dimension::ResourceType {
            return Ok(Source {
                slots: self.all(&RESOURCE_ID)?,
                meaning: Meaning::TypeOfResource,
            });
        }
        Ok(Source { slots, meaning })
    }

    fn all(&mut self, names: &Names) -> Result<Vec<usize>, Error> {
        let mut slots = Vec::new();
        for name in self.choose(names) {
            slots.extend(self.slot(name)?);
        }
        Ok(slots)
    }

    fn format(&self) -> Format {
        let has = |names: &[&str]| names.iter().any(|name| self.places.contains_key(*name));
        if self.is_focus {
            Format::Focus
        } else if has(&[
            "pricingcurrency",
            "pricingcurrencycode",
            "costinpricingcurrency",
            "costinusd",
            "customertenantid",
            "previousinvoiceid",
        ]) {
            Format::CustomerAgreement
        } else if has(&["pretaxcost", "usagedatetime"])
            && !has(&["accountownerid", "departmentname"])
        {
            Format::PayAsYouGo
        } else {
            Format::EnterpriseAgreement
        }
    }
}

/// The fields of one row whose quotes are known to be in place.
fn fields(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut in_quotes = false;
    row.split(move |byte| {
        in_quotes ^= *byte == b'"';
        *byte == b',' && !in_quotes
    })
}
