//! From the raw bytes of a row's key fields to its series.
//!
//! Scopes, tags and values are read on the first sight of their bytes; after that a row costs a
//! few look-ups. The caches of raw bytes are emptied when they grow large, so that memory follows
//! the number of distinct values that the facts keep, and never the number of rows.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use budget_engine::{
    ChargeCategory, Currency, FactsBuilder, Place, Scope, SeriesId, SeriesKey, TagName,
};
use rustc_hash::FxHashMap;

use crate::columns::{Head, Layout, Meaning, Source};
use crate::tags;

/// Bytes of raw keys that one cache holds before it starts anew. Some 100,000 distinct tag texts.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// The part of a row that could not be read, although its cost counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) slot: usize,
    pub(crate) reason: &'static str,
}

/// The row's currency is none.
#[derive(Debug)]
pub(crate) struct NoCurrency;

/// What the engine needs to know of a row besides its cost and day.
pub(crate) struct Keys<'a> {
    layout: &'a Layout,
    read_at: Option<Scope>,
    tag_names: Vec<TagName>,
    heads: Cache<Place3, Place3>,
    texts: Vec<Cache<Box<str>, Arc<str>>>,
    tags: Cache<Vec<Arc<str>>, Vec<Arc<str>>>,
    series: FxHashMap<Box<[u32]>, SeriesId>,
    /// Kept between rows to save allocations.
    raw: Vec<u8>,
    ids: Vec<u32>,
}

/// Place, currency and kind of a charge.
type Place3 = (Arc<Place>, Currency, ChargeCategory);

/// Gives a small number to each distinct value, by way of the raw bytes that mean it.
struct Cache<K, V> {
    raw: FxHashMap<Box<[u8]>, (u32, Option<Doubt>)>,
    raw_bytes: usize,
    ids: FxHashMap<K, u32>,
    values: Vec<V>,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    fn new() -> Self {
        Cache {
            raw: FxHashMap::default(),
            raw_bytes: 0,
            ids: FxHashMap::default(),
            values: Vec::new(),
        }
    }

    fn get(&self, raw: &[u8]) -> Option<(u32, Option<Doubt>)> {
        self.raw.get(raw).copied()
    }

    /// The first value of a key stays.
    fn insert(&mut self, raw: &[u8], key: K, value: V, doubt: Option<Doubt>) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        if self.raw_bytes > CACHE_BYTES {
            self.raw.clear();
            self.raw_bytes = 0;
        }
        // The entry itself takes about as much as a short key.
        self.raw_bytes += raw.len() + 64;
        self.raw.insert(raw.into(), (id, doubt));
        id
    }
}

impl<'a> Keys<'a> {
    pub(crate) fn new(layout: &'a Layout, read_at: Option<Scope>, facts: &FactsBuilder) -> Self {
        Keys {
            layout,
            read_at,
            tag_names: facts.projection().tags.iter().cloned().collect(),
            heads: Cache::new(),
            texts: layout.dimensions.iter().map(|_| Cache::new()).collect(),
            tags: Cache::new(),
            series: FxHashMap::default(),
            raw: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// The series of a row, given by its fields.
    pub(crate) fn series<'r>(
        &mut self,
        field: impl Fn(usize) -> &'r [u8],
        facts: &mut FactsBuilder,
    ) -> Result<(SeriesId, Currency, Option<Doubt>), NoCurrency> {
        self.ids.clear();
        let mut doubt = self.push_head(&field)?;
        for (source, cache) in self.layout.dimensions.iter().zip(&mut self.texts) {
            self.ids.push(text_id(source, cache, &mut self.raw, &field));
        }
        if let Some(slot) = self.layout.tags {
            let (id, tag_doubt) = self.tag_id(slot, field(slot));
            self.ids.push(id);
            doubt = doubt.or(tag_doubt);
        }
        let (_, currency, _) = self.heads.values[self.ids[0] as usize];
        if let Some(series) = self.series.get(&*self.ids) {
            return Ok((*series, currency, doubt));
        }
        let series = facts.series(self.key());
        self.series.insert((&*self.ids).into(), series);
        Ok((series, currency, doubt))
    }

    fn key(&self) -> SeriesKey {
        let (place, currency, category) = &self.heads.values[self.ids[0] as usize];
        let dimensions = self.texts.iter().zip(&self.ids[1..]);
        let tags = match self.layout.tags {
            Some(_) => self.tags.values[self.ids[self.ids.len() - 1] as usize].clone(),
            None => vec!["".into(); self.tag_names.len()],
        };
        SeriesKey {
            place: Arc::clone(place),
            currency: *currency,
            category: *category,
            dimensions: dimensions
                .map(|(cache, id)| Arc::clone(&cache.values[*id as usize]))
                .collect(),
            tags,
        }
    }

    fn push_head<'r>(
        &mut self,
        field: &impl Fn(usize) -> &'r [u8],
    ) -> Result<Option<Doubt>, NoCurrency> {
        let head = &self.layout.head;
        let slots = [
            Some(head.currency),
            Some(head.subscription),
            head.resource_group,
            head.charge,
            head.account,
            head.profile,
            head.section,
            head.enrollment_account,
            head.customer,
        ];
        self.raw.clear();
        for slot in slots.into_iter().flatten() {
            push_raw(&mut self.raw, field(slot));
        }
        let (id, doubt) = match self.heads.get(&self.raw) {
            Some(known) => known,
            None => {
                let text = |slot: Option<usize>| slot.map_or(Cow::Borrowed(""), |s| text(field(s)));
                let currency: Currency =
                    text(Some(head.currency)).parse().map_err(|_| NoCurrency)?;
                let mut doubt = None;
                let place = place(head, text, self.read_at.as_ref(), &mut doubt);
                let category = category(&text(head.charge), self.layout, &mut doubt);
                let value = (Arc::new(place), currency, category);
                (
                    self.heads.insert(&self.raw, value.clone(), value, doubt),
                    doubt,
                )
            }
        };
        self.ids.push(id);
        Ok(doubt)
    }

    fn tag_id(&mut self, slot: usize, raw: &[u8]) -> (u32, Option<Doubt>) {
        if let Some(known) = self.tags.get(raw) {
            return known;
        }
        let mut doubt = None;
        let values = tags::parse(&unquote(raw), &self.tag_names).unwrap_or_else(|| {
            doubt = Some(Doubt {
                slot,
                reason: "are no tags as JSON; the cost counts without tags",
            });
            vec!["".into(); self.tag_names.len()]
        });
        let id = self.tags.insert(raw, values.clone(), values, doubt);
        (id, doubt)
    }
}

fn text_id<'r>(
    source: &Source,
    cache: &mut Cache<Box<str>, Arc<str>>,
    scratch: &mut Vec<u8>,
    field: &impl Fn(usize) -> &'r [u8],
) -> u32 {
    let raw = match &*source.slots {
        [slot] => field(*slot),
        slots => {
            scratch.clear();
            for slot in slots {
                push_raw(scratch, field(*slot));
            }
            &**scratch
        }
    };
    if let Some((id, _)) = cache.get(raw) {
        return id;
    }
    let mut values = source.slots.iter().map(|slot| text(field(*slot)));
    let found = values.find(|value| !value.is_empty()).unwrap_or_default();
    let value = match source.meaning {
        Meaning::Text => &*found,
        Meaning::Subscription => subscription_id(&found),
        Meaning::ResourceGroup => resource_group(&found),
        Meaning::Frequency => frequency(&found),
        Meaning::TypeOfResource => {
            let value = resource_type(&found);
            return cache.insert(raw, value.to_lowercase().into(), value.into(), None);
        }
    };
    cache.insert(raw, value.to_lowercase().into(), value.into(), None)
}

/// Adds one field so that no two lists of fields give the same bytes.
fn push_raw(raw: &mut Vec<u8>, field: &[u8]) {
    raw.extend_from_slice(&field.len().to_le_bytes());
    raw.extend_from_slice(field);
}

/// The field's text, trimmed.
fn text(field: &[u8]) -> Cow<'_, str> {
    match unquote(field) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes.trim_ascii()),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(bytes.trim_ascii()).into_owned()),
    }
}

/// The bytes that a field means: without its quotes, doubled quotes made single.
pub(crate) fn unquote(field: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ ..] = field else {
        return Cow::Borrowed(field);
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if !inner.contains(&b'"') {
        return Cow::Borrowed(inner);
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let [byte, tail @ ..] = rest {
        bytes.push(*byte);
        rest = match (byte, tail) {
            (b'"', [b'"', after @ ..]) => after,
            _ => tail,
        };
    }
    Cow::Owned(bytes)
}

fn subscription_id(text: &str) -> &str {
    const PREFIX: &str = "/subscriptions/";
    let id = match text.split_at_checked(PREFIX.len()) {
        Some((start, id)) if start.eq_ignore_ascii_case(PREFIX) => id,
        _ => text,
    };
    known(id)
}

/// Azure writes these words for charges that have no resource group.
fn resource_group(text: &str) -> &str {
    let is_none = ["others", "not applicable", "unassigned"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if is_none { "" } else { known(text) }
}

fn known(text: &str) -> &str {
    if text.eq_ignore_ascii_case("null") {
        ""
    } else {
        text
    }
}

/// The FOCUS word for Azure's.
fn frequency(text: &str) -> &str {
    let words = [
        ("OneTime", "One-Time"),
        ("UsageBased", "Usage-Based"),
        ("Recurring", "Recurring"),
    ];
    let found = words
        .iter()
        .find(|(azure, _)| azure.eq_ignore_ascii_case(text));
    found.map_or(text, |(_, focus)| focus)
}

/// `Microsoft.Sql/servers/databases` from `…/providers/Microsoft.Sql/servers/s/databases/d`.
fn resource_type(id: &str) -> String {
    let segments: Vec<&str> = id.trim_matches('/').split('/').collect();
    let provider = segments
        .iter()
        .rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let Some(provider) = provider else {
        return String::new();
    };
    let mut parts: Vec<&str> = segments
        .iter()
        .skip(provider + 1)
        .take(1)
        .copied()
        .collect();
    parts.extend(segments.iter().skip(provider + 2).step_by(2));
    parts.join("/")
}

fn category(text: &str, layout: &Layout, doubt: &mut Option<Doubt>) -> ChargeCategory {
    if layout.format != crate::Format::Focus {
        return ChargeCategory::from_charge_type(text);
    }
    text.parse().unwrap_or_else(|_| {
        *doubt = doubt.or(layout.head.charge.map(|slot| Doubt {
            slot,
            reason: "is no charge category; the cost counts as usage",
        }));
        ChargeCategory::Usage
    })
}

fn place<'r>(
    head: &Head,
    text: impl Fn(Option<usize>) -> Cow<'r, str>,
    read_at: Option<&Scope>,
    doubt: &mut Option<Doubt>,
) -> Place {
    let mut scope = |path: String, slot: Option<usize>, reason: &'static str| {
        let scope = Scope::parse(&path).ok();
        if scope.is_none() {
            *doubt = doubt.or(slot.map(|slot| Doubt { slot, reason }));
        }
        scope
    };
    let subscription = text(Some(head.subscription));
    let subscription = subscription_id(&subscription);
    let group = text(head.resource_group);
    let group = resource_group(&group);
    let resource = (!subscription.is_empty()).then(|| {
        let path = format!("/subscriptions/{subscription}");
        let reason = "is no subscription id; the cost counts without a subscription";
        let whole = scope(path, Some(head.subscription), reason)?;
        if group.is_empty() {
            return Some(whole);
        }
        let path = format!("{whole}/resourceGroups/{group}");
        let reason = "is no resource group name; the cost counts in the subscription";
        scope(path, head.resource_group, reason).or(Some(whole))
    });
    let billing = billing_paths(head, text).into_iter();
    let reason = "is no billing scope id; the cost counts outside of it";
    Place {
        resource: resource.flatten(),
        billing: billing
            .filter_map(|(path, slot)| scope(path, slot, reason))
            .collect(),
        read_at: read_at.cloned(),
    }
}

/// The billing scopes that hold a row, the narrowest of each branch: a customer agreement has
/// profiles with sections, an enterprise agreement departments and enrollment accounts. An
/// enterprise agreement repeats the account as the profile.
fn billing_paths<'r>(
    head: &Head,
    text: impl Fn(Option<usize>) -> Cow<'r, str>,
) -> Vec<(String, Option<usize>)> {
    let id = |slot: Option<usize>, kind: &str| {
        let whole = text(slot);
        let mut segments = whole.split('/').filter(|segment| !segment.is_empty());
        let after_kind = segments
            .clone()
            .skip_while(|s| !s.eq_ignore_ascii_case(kind));
        let id = after_kind.clone().nth(1).or_else(|| segments.next_back());
        known(id.unwrap_or_default()).to_owned()
    };
    let account = id(head.account, "billingAccounts");
    let profile = id(head.profile, "billingProfiles");
    let section = id(head.section, "invoiceSections");
    let customer = id(head.customer, "customers");
    let enrollment_account = id(head.enrollment_account, "enrollmentAccounts");
    if account.is_empty() {
        return Vec::new();
    }
    let account_path = format!("/providers/Microsoft.Billing/billingAccounts/{account}");
    let mut paths = Vec::new();
    if !profile.is_empty() && !profile.eq_ignore_ascii_case(&account) {
        let profile_path = format!("{account_path}/billingProfiles/{profile}");
        if section.is_empty() {
            paths.push((profile_path, head.profile));
        } else {
            let path = format!("{profile_path}/invoiceSections/{section}");
            paths.push((path, head.section));
        }
    } else {
        for (kind, id, slot) in [
            ("departments", section, head.section),
            (
                "enrollmentAccounts",
                enrollment_account,
                head.enrollment_account,
            ),
        ] {
            if !id.is_empty() {
                paths.push((format!("{account_path}/{kind}/{id}"), slot));
            }
        }
    }
    if !customer.is_empty() {
        let path = format!("{account_path}/customers/{customer}");
        paths.push((path, head.customer));
    }
    if paths.is_empty() {
        paths.push((account_path, head.account));
    }
    paths
}
