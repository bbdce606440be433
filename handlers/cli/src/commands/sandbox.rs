//! `spendwatch sandbox`: a stand-in for Azure's cost APIs on this machine, over made-up costs.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use azure_sandbox::{Agreement, Faults, Options, Quota, Scenario, World, serve, write_costs};
use futures::stream;
use serde_json::error::Category;
use tokio::net::TcpListener;

use super::Exit;
use super::serve::stopped;
use crate::args::{Sandbox, wrong_use};
use crate::output::{print_text, talk};
use crate::saving::Place;
use crate::words::plain;

/// Serves until Ctrl-C or SIGTERM; nothing is kept.
pub(super) async fn run(options: &Sandbox) -> anyhow::Result<Exit> {
    if let Some(name) = &options.print_scenario {
        let text = Scenario::text(name).ok_or_else(|| {
            let is_known = Scenario::names().any(|known| known == name);
            let names = Scenario::names().filter(|name| Scenario::text(name).is_some());
            let names = names.collect::<Vec<_>>().join(", ");
            wrong_use(match is_known {
                true => format!(
                    "the scenario `{name}` has no file: the program makes it; to start one's own \
                     from there are {names}"
                ),
                false => format!("there is no scenario `{name}` to print; there are {names}"),
            })
        })?;
        print_text(text)?;
        return Ok(Exit::Fine);
    }
    let Scenario {
        world,
        mut faults,
        standing,
    } = scenario(&options.scenario)?;
    let today = options.today.unwrap_or(world.today);
    let first_day = world.first_day;
    if today < first_day {
        return Err(wrong_use(format!(
            "--today {today} is before first_day = {first_day} of the scenario; it has to be the \
             same day or later"
        )));
    }
    if let Some(file) = &options.write_costs {
        save_costs(&world.as_seen_on(today), &Place::new(file, options.force)?).await?;
        talk(&format!("the costs are in {}", file.display()));
        return Ok(Exit::Fine);
    }
    if !options.listen.ip().is_loopback() {
        return Err(wrong_use(format!(
            "{} is not a loopback address: the sandbox gives a token to everybody, so it is served \
             to this machine only",
            options.listen
        )));
    }
    if let Some(file) = &options.faults {
        faults.0.extend(read_faults(file)?.0);
    }
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    let mut settings = Options::new(today);
    settings.faults = faults;
    settings.standing = standing;
    // Azure's answers say what is left of the quotas, and clients go by that. A scope may be asked
    // as often as Azure lets it be in practice; its documentation also names far less.
    settings.quota = Some(Quota {
        requests_in_minute: 30,
        ..Quota::default()
    });
    let base = format!("http://{}", listener.local_addr()?);
    talk(&how_to_use(&base, &settings, &world));
    tokio::select! {
        served = serve(listener, world, settings) => served.context("serve the sandbox")?,
        () = stopped() => talk("stopped"),
    }
    Ok(Exit::Fine)
}

fn scenario(name: &str) -> anyhow::Result<Scenario> {
    if let Some(scenario) = Scenario::named(name) {
        return Ok(scenario);
    }
    let text = match std::fs::read_to_string(name) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let names = Scenario::names().collect::<Vec<_>>().join(", ");
            return Err(wrong_use(format!(
                "`{name}` is neither a file nor one of the built-in scenarios: {names}"
            )));
        }
        Err(error) => return Err(error).context(format!("read {name}")),
    };
    Scenario::parse(&text).map_err(|error| anyhow::anyhow!("{name}: {}", plain(&error)))
}

fn read_faults(file: &Path) -> anyhow::Result<Faults> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("read {shown}"))?;
    serde_json::from_str(&text).map_err(|error| {
        let problem = match error.classify() {
            Category::Data => plain(&error),
            _ => format!(
                "it is not JSON, at line {} column {}",
                error.line(),
                error.column()
            ),
        };
        anyhow::anyhow!(
            "{shown} is no list of faults such as \
             [{{\"what\": {{\"throttled\": {{\"Retry-After\": 3}}}}, \"operation\": \"Query_Usage\"}}]: \
             {problem}"
        )
    })
}

async fn save_costs(world: &World, place: &Place) -> anyhow::Result<()> {
    let mut file = Vec::new();
    write_costs(world.rows(), world.agreement, &mut file)?;
    place.save(None, stream::iter([Ok(file)])).await?;
    Ok(())
}

/// What to type to ask the sandbox.
fn how_to_use(base: &str, settings: &Options, world: &World) -> String {
    let today = settings.today;
    let account = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}",
        world.billing_account
    );
    let mut text = format!(
        "the sandbox is at {base}, on {today}, with made-up costs since {}; Ctrl-C stops\n\n\
         To ask it, in another terminal:\n  \
         export IDENTITY_ENDPOINT={base}/msi/token IDENTITY_HEADER={}\n  \
         spendwatch azure usage --by service --endpoint {base} --auth managed-identity \\\n    \
         --from {} --to {today} --scope SCOPE\n\n\
         As a source of a configuration:\n  \
         source = {{ kind = \"azure\", endpoint = \"{base}\", auth = \"managed-identity\" }}\n\n\
         Scopes:",
        world.first_day,
        settings.identity_secret,
        today.first_of_month(),
    );
    let mut scope = |path: &str, what: &str| text.push_str(&format!("\n  {path}  {what}"));
    scope(&account, &world.account_name);
    for parent in world.parents() {
        match world.agreement {
            Agreement::Enterprise => {
                scope(
                    &format!("{account}/departments/{}", parent.id),
                    &parent.name,
                );
            }
            Agreement::Customer | Agreement::Partner => {
                scope(
                    &format!("{account}/billingProfiles/{}", parent.id),
                    &parent.name,
                );
            }
            Agreement::PayAsYouGo => {}
        }
    }
    for subscription in &world.subscriptions {
        scope(
            &format!("/subscriptions/{}", subscription.id),
            &subscription.name,
        );
    }
    text
}
