//! The configurations that schedules run under, and change between.

use std::fmt::Write as _;
use std::path::PathBuf;

use spendwatch::{Config, Environment};

/// A text that stands in every secret, and must stand nowhere else.
pub(crate) const CANARY: &str = "canary7secret";

/// Groups of budgets: one alone, two beside each other, two below a parent.
pub(crate) const FAMILIES: usize = 3;

/// Variants of each group.
pub(crate) const VARIANTS: usize = 9;

/// The resource groups that have costs, each with a budget of its own name.
pub(crate) const GROUPS: [&str; 2] = ["payments", "data"];

/// What differs between the variants.
struct Variant {
    /// Planned amount of `payments`.
    amount: u32,
    /// The condition of the threshold `main`.
    main: &'static str,
    /// Whether the destination `chat` is there.
    has_chat: bool,
    /// Whether the destination `pager` is there.
    has_pager: bool,
    /// When people are left alone, and how often they are told.
    attention: &'static str,
    /// When they are told again.
    defaults: &'static str,
}

/// Nobody is told anything by night.
const QUIET: &str =
    "[[quiet_hours]]\nfrom = \"17:00\"\nuntil = \"08:00\"\nlet_through = \"nothing\"\n";
/// The same, and what is over by the morning is not told at all.
const QUIET_AND_FORGETFUL: &str = "[alerts]\nended_while_held = \"nothing\"\n\
    [[quiet_hours]]\nfrom = \"12:00\"\nuntil = \"09:00\"\nlet_through = \"nothing\"\n";
/// More than two notices in two hours come in one.
const FEW: &str = "[alerts]\nallowance = { notices = 2, hours = 2 }\n";
/// Whoever says nothing hears again, and somebody else does.
const AGAIN: &str = "remind_every_hours = 5\nescalate_after_hours = 9\nescalate_to = [\"mail\"]\n";

fn variant(number: usize) -> Variant {
    let base = Variant {
        amount: 1000,
        main: "actual 80%",
        has_chat: true,
        has_pager: false,
        attention: "",
        defaults: "",
    };
    match number {
        1 => Variant {
            has_chat: false,
            ..base
        },
        2 => Variant {
            has_pager: true,
            ..base
        },
        3 => Variant {
            amount: 1500,
            ..base
        },
        4 => Variant {
            amount: 700,
            ..base
        },
        5 => Variant {
            main: "actual 60%",
            ..base
        },
        6 => Variant {
            attention: QUIET,
            defaults: AGAIN,
            ..base
        },
        7 => Variant {
            attention: QUIET_AND_FORGETFUL,
            ..base
        },
        8 => Variant {
            attention: FEW,
            defaults: AGAIN,
            ..base
        },
        _ => base,
    }
}

/// The secrets that all configurations refer to, each with the canary in it.
pub(crate) fn environment() -> Environment {
    let url = |name: &str| format!("https://{name}.contoso.example/hooks/{CANARY}");
    // Base64 of 24 bytes: `canary7secret` and what fills them up.
    let signing = format!("whsec_{CANARY}AAAAAAAAAAAAAAAAAAA");
    [
        ("CHAT_URL", url("chat")),
        ("HOOK_URL", url("hook")),
        ("PAGER_URL", url("pager")),
        ("SIGNING", signing),
        ("SMTP_USERNAME", format!("user-{CANARY}")),
        ("SMTP_PASSWORD", format!("password-{CANARY}")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// The configuration of a family and variant.
pub(crate) fn configuration(family: usize, number: usize) -> Config {
    let text = text(family, &variant(number));
    match Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]) {
        Ok(config) => config,
        Err(error) => panic!("configuration {family}/{number}: {error}"),
    }
}

fn text(family: usize, variant: &Variant) -> String {
    let mut text = r#"
        version = 1
        currency = "EUR"
        fallback = "hook"
        [source]
        kind = "files"
        paths = ["replaced-by-the-simulation.csv"]
        [delivery]
        send_timeout_seconds = 20
        lease_seconds = 120
        retry_seconds = [30, 120, 600, 1800]
        [channel.hook]
        kind = "webhook"
        url = { secret = "HOOK_URL" }
        signing = { secret = "SIGNING" }
        [channel.mail]
        kind = "email"
        smtp = "smtp://relay.contoso.example:587"
        from = "Cost alerts <cost@contoso.example>"
        to = ["first@contoso.example", "second@contoso.example"]
        username = { secret = "SMTP_USERNAME" }
        password = { secret = "SMTP_PASSWORD" }
        "#
    .to_owned();
    text += variant.attention;
    if !variant.defaults.is_empty() {
        text += "[defaults]\n";
        text += variant.defaults;
    }
    if variant.has_chat {
        text += "[channel.chat]\nkind = \"slack\"\nurl = { secret = \"CHAT_URL\" }\n";
    }
    if variant.has_pager {
        text += "[channel.pager]\nkind = \"webhook\"\nurl = { secret = \"PAGER_URL\" }\n\
                 signing = { secret = \"SIGNING\" }\n";
    }
    let chat = if variant.has_chat { "\"chat\"," } else { "" };
    let pager = if variant.has_pager { "\"pager\"," } else { "" };
    let parent = if family == 2 { "parent = \"all\"" } else { "" };
    let _ = write!(
        text,
        r#"
        [[budget]]
        id = "payments"
        scopes = ["/subscriptions/a/resourceGroups/payments"]
        amount = {amount}
        {parent}
        [[budget.threshold]]
        id = "main"
        when = "{main}"
        notify = [{chat} {pager} "hook"]
        [[budget.threshold]]
        id = "over"
        when = "actual 100%"
        notify = ["mail", "hook"]
        [[budget.threshold]]
        id = "old"
        when = "stale 2 days"
        notify = ["hook"]
        "#,
        amount = variant.amount,
        main = variant.main,
    );
    if family >= 1 {
        let _ = write!(
            text,
            r#"
            [[budget]]
            id = "data"
            scopes = ["/subscriptions/a/resourceGroups/data"]
            amount = 1000
            {parent}
            [[budget.threshold]]
            id = "steps"
            when = "actual every 250"
            notify = [{chat} "mail"]
            [[budget.threshold]]
            id = "likely"
            when = "forecast 100%"
            notify = [{pager} "hook"]
            "#
        );
    }
    if family == 2 {
        let _ = write!(
            text,
            r#"
            [[budget]]
            id = "all"
            amount = 1800
            [[budget.threshold]]
            id = "sum"
            when = "actual 60%"
            notify = [{chat} "hook"]
            [[budget.threshold]]
            id = "ahead"
            when = "pace 120%"
            notify = ["hook"]
            "#
        );
    }
    text
}
