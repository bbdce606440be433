//! Microsoft.Commerce: usage without prices, and the price list of an offer to go with it. Both
//! have been a preview for ever; pay-as-you-go subscriptions have nothing better for prices.

pub(crate) mod pricing;
pub(crate) mod rate_card;
pub(crate) mod usage_aggregates;

const API_VERSION: &str = "api-version=2015-06-01-preview";
