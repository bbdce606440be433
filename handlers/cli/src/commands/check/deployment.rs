//! `check --deployment`: what a deployment needs to work, a line for each thing.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use spendwatch::jobs::deployment::{self, Line, State};
use spendwatch::{Environment, Live};
use url::Url;

use crate::args::Global;
use crate::commands::Exit;
use crate::figures::word;
use crate::output::{self, Answer, Block, Cell, Color, Records, talk};
use crate::setup;
use crate::words::counted;

/// What was looked at.
#[derive(Debug, Serialize, Deserialize)]
struct Lines {
    lines: Vec<Line>,
}

impl Answer for Lines {
    fn blocks(&self) -> Vec<Block> {
        let lines = self.lines.iter().map(|line| {
            let color = match line.state {
                State::Ok => Color::Green,
                State::Warning => Color::Yellow,
                State::Failed => Color::Red,
            };
            let text = format!("{}: {}: {}", word(line.state), line.about, line.message);
            Cell::colored(text, color)
        });
        vec![Block::Lines(lines.collect())]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["state", "about", "message"]);
        for line in &self.lines {
            records.add(vec![
                word(line.state),
                line.about.clone(),
                line.message.clone(),
            ]);
        }
        records
    }
}

pub(super) async fn run(global: &Global, address: Option<&Url>) -> anyhow::Result<Exit> {
    let environment = Environment::from_process();
    let lines = match address {
        Some(address) => asked(address, &environment).await?,
        None => {
            let place = setup::config_place(global)?;
            let state = setup::location_for(global, &environment, &place)?;
            deployment::run(&Live::at(place, state, environment)).await
        }
    };
    let answer = Lines { lines };
    output::print(global.output, &answer)?;
    let count = |state| {
        answer
            .lines
            .iter()
            .filter(|line| line.state == state)
            .count()
    };
    let (failed, warnings) = (count(State::Failed), count(State::Warning));
    talk(&format!(
        "{} not working, {}",
        counted(failed, "thing", "things"),
        counted(warnings, "warning", "warnings")
    ));
    Ok(if failed > 0 { Exit::Failed } else { Exit::Fine })
}

/// Asks a deployment about itself.
async fn asked(address: &Url, environment: &Environment) -> anyhow::Result<Vec<Line>> {
    let host = address.host_str().unwrap_or_default();
    let has_secret = address.query().is_some() || !address.username().is_empty();
    ensure!(
        !has_secret,
        "the address of {host} holds more than a place: give the key by SPENDWATCH_API_KEY, not in the address"
    );
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    ensure!(
        address.scheme() == "https" || (address.scheme() == "http" && is_here),
        "{address} is not reached by https, so the key could be read on its way"
    );
    let base = address.as_str().trim_end_matches('/');
    let base = base.strip_suffix("/api").unwrap_or(base);
    let mut request = spendwatch::sources::http()?.get(format!("{base}/api/check"));
    if let Some(key) = environment.get("SPENDWATCH_API_KEY") {
        request = request.header("x-functions-key", key);
    }
    let answer = request.send().await.map_err(reqwest::Error::without_url);
    let answer = answer.with_context(|| format!("ask {host}"))?;
    match answer.status().as_u16() {
        200 => {}
        401 | 403 => bail!(
            "{host} wants a key: set SPENDWATCH_API_KEY; of a function app \
             `az functionapp keys list --resource-group GROUP --name APP --query functionKeys.default` shows it"
        ),
        404 => bail!(
            "{host} answers, but has no function `check`: is the app deployed, and not an older one?"
        ),
        status => bail!("{host} answered {status}; the log of the app says why"),
    }
    let bytes = answer.bytes().await.map_err(reqwest::Error::without_url)?;
    let lines: Lines = serde_json::from_slice(&bytes)
        .with_context(|| format!("{host} answered something else than a list of checks"))?;
    Ok(lines.lines)
}
