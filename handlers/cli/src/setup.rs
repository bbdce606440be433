//! From the command line and the environment to a configuration and a wired application.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use spendwatch::{App, ConfigPlace, Environment, ManualClock, StateLocation};

use crate::args::Global;

/// What a command does with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Reads and writes.
    Written,
    /// Reads only: what is not there is not made.
    Looked,
    /// Needs none.
    Unused,
}

const DEFAULT_FILE: &str = "spendwatch.toml";
const DEFAULT_FOLDER: &str = "spendwatch";
/// Name of the state folder beside the configuration.
pub(crate) const STATE_FOLDER: &str = ".spendwatch";

/// The configuration that is named, or the one in a default place, if there is one.
pub(crate) fn find_config(global: &Global) -> Option<PathBuf> {
    let named = global.config.as_ref();
    if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
        return Some(path.clone());
    }
    let file = Path::new(DEFAULT_FILE);
    let folder = Path::new(DEFAULT_FOLDER);
    // A folder with a Cargo manifest is a checkout of this program, not a configuration.
    let is_config = holds_toml(folder) && !folder.join("Cargo.toml").exists();
    if file.is_file() {
        Some(file.to_owned())
    } else {
        is_config.then(|| folder.to_owned())
    }
}

/// The configuration; an error says where it was looked for.
pub(crate) fn config_path(global: &Global) -> anyhow::Result<PathBuf> {
    find_config(global).with_context(|| {
        format!(
            "there is no configuration: neither ./{DEFAULT_FILE} nor ./{DEFAULT_FOLDER}/ exists; \
             name one with --config or SPENDWATCH_CONFIG, or run `spendwatch` without a command \
             for an example"
        )
    })
}

fn holds_toml(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|end| end == "toml"))
}

/// Where the configuration is: a file, a folder, or a blob container.
pub(crate) fn config_place(global: &Global) -> anyhow::Result<ConfigPlace> {
    let path = config_path(global)?;
    match path.to_str() {
        Some(text) => ConfigPlace::parse(text),
        None => Ok(ConfigPlace::Path(path)),
    }
}

/// The application of the configuration, on the machine's clock or at noon UTC of a day.
pub(crate) async fn app(global: &Global, state: State, as_of: Option<Date>) -> anyhow::Result<App> {
    let place = config_place(global)?;
    let environment = Environment::from_process();
    // What was told later says nothing about an earlier day: on it, it would look undone.
    let state = as_of.map_or(state, |_| State::Unused);
    let location = match state {
        State::Unused => StateLocation::Memory,
        State::Written => location_for(global, &environment, &place)?,
        State::Looked => match location_for(global, &environment, &place)? {
            StateLocation::Folder(folder) if !folder.exists() => StateLocation::Memory,
            location => location,
        },
    };
    let app = spendwatch::open(&place, &environment, location).await?;
    let Some(day) = as_of else { return Ok(app) };
    let noon = day
        .at(12, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .context("the day lies outside of the calendar")?;
    Ok(app.with_clock(Arc::new(ManualClock::new(noon.timestamp()))))
}

/// The state for a command that works without one, too: a folder that is there, and what lies
/// elsewhere only if the command may ask for it.
pub(crate) fn state_to_look_at(
    global: &Global,
    environment: &Environment,
    config: &ConfigPlace,
    online: bool,
) -> anyhow::Result<StateLocation> {
    Ok(match location_for(global, environment, config)? {
        StateLocation::Folder(folder) if folder.exists() => StateLocation::Folder(folder),
        location @ StateLocation::Azure { .. } if online => location,
        _ => StateLocation::Memory,
    })
}

/// Where the state is: the option, then the environment, then beside the configuration. One that lies in a
/// container has nothing beside it.
pub(crate) fn location_for(
    global: &Global,
    environment: &Environment,
    place: &ConfigPlace,
) -> anyhow::Result<StateLocation> {
    match place {
        ConfigPlace::Path(path) => location(global, environment, &beside(path)),
        ConfigPlace::Container(_) => location(global, environment, Path::new(STATE_FOLDER)),
    }
}

/// Where the state is: the option, then the environment, then the default.
pub(crate) fn location(
    global: &Global,
    environment: &Environment,
    default: &Path,
) -> anyhow::Result<StateLocation> {
    let mut variables = environment.variables().clone();
    if let Some(state) = &global.state {
        anyhow::ensure!(!state.trim().is_empty(), "--state is empty");
        variables.insert("SPENDWATCH_STATE".to_owned(), state.clone());
    }
    let environment: Environment = variables.into_iter().collect();
    let located = StateLocation::from_environment(&environment)?;
    Ok(located.unwrap_or_else(|| StateLocation::Folder(default.to_owned())))
}

/// The state folder beside a configuration file or folder.
fn beside(config: &Path) -> PathBuf {
    let folder = match config.file_name() {
        Some(_) => config.parent().unwrap_or(Path::new("")),
        // `.` and `..` are folders that have no name to be beside of.
        None => config,
    };
    folder.join(STATE_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_lies_beside_the_configuration() {
        for (config, expected) in [
            ("spendwatch.toml", ".spendwatch"),
            ("spendwatch", ".spendwatch"),
            ("/etc/costs/spendwatch.toml", "/etc/costs/.spendwatch"),
            ("/etc/costs/", "/etc/.spendwatch"),
            ("..", "../.spendwatch"),
        ] {
            assert_eq!(beside(Path::new(config)), Path::new(expected), "{config}");
        }
    }
}
