//! From a transition to deliveries: who is told, frozen with the decision.

use alert_channels::untrusted::capped;
use alert_channels::{Because, FollowUp, Message, Notice};
use budget_engine::{AlertKey, Budget, Change, RoutedDelivery, Transition};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, Mailing, OWNERS};
use crate::outbox::{Delivery, delivery_id, history_key};

/// How long after its period a notice is still worth sending.
const WORTH_SENDING_AFTER_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// Every delivery of a transition: one for each destination, and for mail one for each recipient.
///
/// What follows up earlier notices goes exactly where they went; what is no news to people, only to
/// places that show the state of alerts. News that would reach nobody goes to the fallback
/// destination. The result depends on configuration, ledger and transition alone, and it is stored
/// with the decision. Without a budget, which may have left the configuration, only what follows up
/// has somewhere to go.
pub(crate) fn route(
    config: &Config,
    budget: Option<&Budget>,
    earlier: &[Transition],
    transition: &Transition,
) -> Vec<RoutedDelivery> {
    let unique = |places: Vec<(String, Option<String>)>| -> Vec<RoutedDelivery> {
        let mut routed: Vec<RoutedDelivery> = Vec::new();
        for (destination, recipient) in places {
            let id = delivery_id(
                &transition.id(),
                &destination,
                recipient.as_deref(),
                "first",
            );
            if routed.iter().all(|one| one.id != id) {
                routed.push(RoutedDelivery {
                    id,
                    destination,
                    recipient,
                });
            }
        }
        routed
    };
    let named = |names: &[String]| -> Vec<RoutedDelivery> {
        unique(
            names
                .iter()
                .flat_map(|name| reach(config, budget, transition, name))
                .collect(),
        )
    };
    if transition.is_answer() {
        let answered = |one: &&Transition| transition.answers().any(|id| *id == one.id());
        let told = earlier.iter().filter(answered);
        let places = told.flat_map(|one| one.route.iter().flatten());
        let is_for = |one: &&RoutedDelivery| {
            let channel = config.channels.get(&one.destination);
            transition.change.is_news() || channel.is_some_and(|one| one.kind.kind().shows_state())
        };
        return unique(
            places
                .filter(is_for)
                .map(|one| (one.destination.clone(), one.recipient.clone()))
                .collect(),
        );
    }
    let routed = named(&transition.notify);
    if routed.is_empty() {
        named(config.fallback.as_slice())
    } else {
        routed
    }
}

/// Who a name in `notify` stands for: destinations, with recipients for mail.
fn reach(
    config: &Config,
    budget: Option<&Budget>,
    transition: &Transition,
    name: &str,
) -> Vec<(String, Option<String>)> {
    if name == OWNERS {
        let Some(budget) = budget else {
            return Vec::new();
        };
        return of_owners(config, budget, &transition.status.owners);
    }
    of_channel(config, name)
}

fn mail(channel: &str, addresses: Vec<String>) -> Vec<(String, Option<String>)> {
    let addresses = addresses.into_iter();
    addresses
        .map(|address| (channel.to_owned(), Some(address)))
        .collect()
}

/// Where a notice for a channel goes: the destination, with recipients for mail.
pub(crate) fn of_channel(config: &Config, name: &str) -> Vec<(String, Option<String>)> {
    let Some(channel) = config.channels.get(name) else {
        // The channel was taken out of the configuration since the threshold fired.
        return Vec::new();
    };
    match channel.kind.mailing() {
        Some(mailing) => mail(name, mailing.to.clone()),
        None => vec![(name.to_owned(), None)],
    }
}

fn owners_mail(config: &Config) -> Option<(&str, &Mailing)> {
    let name = config.owners_channel()?;
    Some((name, config.channels.get(name)?.kind.mailing()?))
}

/// Where the owners of a budget are told; `tagged` are the addresses from the tags of what it cost.
pub(crate) fn of_owners(
    config: &Config,
    budget: &Budget,
    tagged: &[String],
) -> Vec<(String, Option<String>)> {
    owners_mail(config).map_or_else(Vec::new, |(channel, mailing)| {
        mail(channel, owners(budget, tagged, mailing))
    })
}

/// The owners of a budget: addresses from the configuration, and from the owner tags of what it
/// cost. A tag is written by whoever may tag a resource, so its address must be in a domain that
/// the configuration names, or in the sender's own.
fn owners(budget: &Budget, tagged: &[String], mailing: &Mailing) -> Vec<String> {
    let configured = budget
        .owners
        .iter()
        .filter(|owner| !owner.starts_with("tag:"))
        .cloned();
    let tagged = tagged.iter().map(|owner| owner.trim().to_owned());
    let tagged = tagged.filter(|owner| may_be_told(owner, mailing));
    let mut owners: Vec<String> = Vec::new();
    for owner in configured.chain(tagged) {
        if !owners
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&owner))
        {
            owners.push(owner);
        }
    }
    owners
}

/// Whether an owner from a tag is an address that may be told.
fn may_be_told(owner: &str, mailing: &Mailing) -> bool {
    let domain_of = |address: &str| -> Option<String> {
        let domain = address.trim_end_matches('>').rsplit_once('@')?.1;
        Some(domain.to_lowercase())
    };
    let mut domains = mailing.owner_domains.clone();
    if domains.is_empty() {
        domains.extend(domain_of(&mailing.from));
    }
    alert_channels::email::is_mailbox(owner)
        && domain_of(owner).is_some_and(|domain| domains.contains(&domain))
}

/// How many owners are named who are not told.
const MOST_STRANGERS: usize = 5;

/// The first of the owners from tags who are not told: untrusted text on one line each.
pub(crate) fn strangers(config: &Config, budget: &Budget, owners: &[String]) -> Vec<String> {
    let Some((_, mailing)) = owners_mail(config) else {
        return Vec::new();
    };
    let is_stranger = |owner: &&str| !may_be_told(owner, mailing);
    let tagged = owners.iter().filter(|owner| !budget.owners.contains(owner));
    let strangers = tagged.map(|owner| owner.trim()).filter(is_stranger);
    let strangers = strangers.take(MOST_STRANGERS);
    strangers.map(|owner| capped(owner, 100, 400)).collect()
}

/// Why somebody is told.
fn because(config: &Config, transition: &Transition, routed: &RoutedDelivery) -> Because {
    let status = &transition.status;
    let (budget, destination) = (status.budget.clone(), routed.destination.clone());
    let is_named = transition.notify.contains(&destination) || transition.is_answer();
    let Some(recipient) = &routed.recipient else {
        return match is_named {
            true => Because::Destination {
                budget,
                destination,
            },
            false => Because::Fallback { destination },
        };
    };
    let is_one_of = |owners: &[String]| {
        let mut owners = owners.iter();
        owners.any(|owner| owner.trim().eq_ignore_ascii_case(recipient))
    };
    let configured = config.budgets.get(&budget);
    if configured.is_some_and(|budget| is_one_of(&budget.owners)) {
        Because::Named { budget }
    } else if is_one_of(&status.owners) {
        Because::OwnerByTag { budget }
    } else if !is_named && config.fallback.as_ref() == Some(&destination) {
        Because::Fallback { destination }
    } else {
        Because::Named { budget }
    }
}

/// Conditions of other alerts that the same place was told of and that stand after a transition, oldest
/// first.
fn also_open(
    earlier: &[Transition],
    transition: &Transition,
    routed: &RoutedDelivery,
) -> Vec<String> {
    let is_told = |one: &Transition| {
        let mut route = one.route.iter().flatten();
        route.any(|to| to.destination == routed.destination && to.recipient == routed.recipient)
    };
    let mut open: Vec<&Transition> = Vec::new();
    for one in earlier.iter().chain([transition]) {
        if one.change == Change::Fired && is_told(one) {
            open.push(one);
        } else if !one.change.leaves_standing() {
            // It may end others with its own.
            open.retain(|known| known.alert != one.alert && !one.follows.contains(&known.id()));
        }
    }
    let mut conditions: Vec<String> = Vec::new();
    for one in open.iter().filter(|one| one.alert != transition.alert) {
        if !conditions.contains(&one.when) {
            conditions.push(one.when.clone());
        }
    }
    conditions
}

/// What happens while nobody acknowledges what fires, as the threshold says.
fn follow_up(budget: Option<&Budget>, transition: &Transition, period_end: Timestamp) -> FollowUp {
    let id = AlertKey::read(&transition.threshold).threshold;
    let mut thresholds = budget.into_iter().flat_map(|budget| &budget.thresholds);
    let threshold = thresholds.find(|one| one.id == id);
    let Some(set) = threshold.filter(|_| transition.change == Change::Fired) else {
        return FollowUp::default();
    };
    // Reminders end with the period.
    let is_in_period = |hours: &u32| {
        let first = transition
            .at
            .saturating_add(SignedDuration::from_hours((*hours).into()));
        first.is_ok_and(|first| first < period_end)
    };
    FollowUp {
        remind_every_hours: set.follow_up.remind_every_hours.filter(is_in_period),
        escalate_after_hours: set.follow_up.escalate_after_hours,
    }
}

/// How far ahead of the clock a decision may be dated.
const DATED_AHEAD: SignedDuration = SignedDuration::from_secs(5);

/// How long a reminder is worth sending; another one follows.
const WORTH_REMINDING: SignedDuration = SignedDuration::from_hours(24);

/// The document of one routed delivery of a transition that came after `earlier` ones.
pub(crate) fn delivery(
    config: &Config,
    earlier: &[Transition],
    transition: &Transition,
    routed: &RoutedDelivery,
) -> Delivery {
    let status = &transition.status;
    let to = routed.recipient.as_deref().unwrap_or(&routed.destination);
    let thread = format!("{}/{}/{to}", status.budget, status.period_key);
    let mut notice = Notice::new(
        &routed.id,
        thread,
        Message::Crossing(Box::new(transition.clone())),
    );
    notice.recipient = routed.recipient.clone();
    let because = because(config, transition, routed);
    let budget = config.budgets.get(&status.budget);
    let strangers = match (&because, budget) {
        (Because::Fallback { .. }, Some(budget))
            if transition.notify.iter().any(|one| one == OWNERS) =>
        {
            strangers(config, budget, &status.owners)
        }
        _ => Vec::new(),
    };
    if strangers.is_empty() {
        notice.because = Some(because);
    } else {
        notice.reason_for_recipient = format!(
            "because {} is the fallback destination, and the owners that tags name are not in \
             `owner_domains`: {}",
            routed.destination,
            strangers.join(", ")
        );
    }
    notice.language = config.language_of(&routed.destination, routed.recipient.as_deref());
    let at = transition.at;
    let after =
        |span: SignedDuration, from: Timestamp| from.saturating_add(span).unwrap_or(Timestamp::MAX);
    let period_end = status
        .period
        .end()
        .to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |midnight| midnight.timestamp());
    notice.follow_up = follow_up(budget, transition, period_end);
    let channel = config.channels.get(&routed.destination);
    if channel.is_some_and(|channel| channel.kind.kind().remembers_threads()) {
        notice.also_open = also_open(earlier, transition, routed);
    }
    let expires_at = match transition.is_repeated() {
        true => after(WORTH_REMINDING, at),
        // A late restatement may be decided after its period.
        false => after(WORTH_SENDING_AFTER_PERIOD, period_end.max(at)),
    };
    let mut delivery = Delivery::new(&routed.destination, notice, at, expires_at);
    // What is decided second in a second is dated a moment later, and is as due as the first.
    delivery.next_at = at.saturating_sub(DATED_AHEAD).unwrap_or(at);
    delivery.after = earlier
        .iter()
        .filter(|one| transition.answers().any(|id| *id == one.id()))
        .flat_map(|one| one.route.iter().flatten().map(move |route| (one.at, route)))
        .filter(|(_, route)| {
            route.destination == routed.destination && route.recipient == routed.recipient
        })
        .map(|(at, route)| history_key(at, &route.id))
        .collect();
    delivery
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;

    #[test]
    fn owners_by_tag_outside_of_the_domains_are_strangers_and_those_by_configuration_are_not() {
        let text = r#"
            version = 1
            currency = "EUR"
            [source]
            kind = "files"
            paths = ["costs.csv"]
            [channel.mail]
            kind = "email"
            smtp = "smtp://relay.contoso.example"
            from = "Cost <cost@contoso.example>"
            [[budget]]
            id = "web"
            scopes = ["/subscriptions/a"]
            amount = 1
            owners = ["boss@partner.example", "tag:owner"]
            notify = ["owners"]
        "#;
        let config = Config::parse(&[("spendwatch.toml".into(), text.to_owned())]).unwrap();
        let budget = config.budgets.get("web").unwrap();
        let named = [
            "boss@partner.example",
            "eve@evil.example",
            "ann@contoso.example",
            "Bob",
        ];
        let named: Vec<String> = named.map(str::to_owned).to_vec();
        assert_eq!(
            strangers(&config, budget, &named),
            ["eve@evil.example", "Bob"]
        );
        let told = of_owners(&config, budget, &named);
        let told: Vec<&str> = told.iter().filter_map(|(_, to)| to.as_deref()).collect();
        assert_eq!(told, ["boss@partner.example", "ann@contoso.example"]);
    }
}
