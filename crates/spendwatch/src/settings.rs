//! The settings that the process reads from its environment, each once. The templates under `infra/` write
//! them and `docs/functions.md` explains them; a test holds the three together.

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Who reads it.
    pub reader: Reader,
}

/// Who reads a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The Functions host: a schedule, its storage, its telemetry.
    Host,
    /// This program.
    Program,
    /// Both.
    Both,
}

const fn setting(name: &'static str, reader: Reader) -> Setting {
    Setting { name, reader }
}

/// All settings of the function app, in the order of their names. Secrets have names of their own: those that
/// the configuration gives them.
pub const SETTINGS: [Setting; 19] = [
    setting("ACTIONS_CLIENT_ID", Reader::Program),
    setting("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", Reader::Host),
    setting("APPLICATIONINSIGHTS_CONNECTION_STRING", Reader::Host),
    setting("AZURE_CLIENT_ID", Reader::Program),
    setting("AzureFunctionsJobHost__functionTimeout", Reader::Both),
    setting("AzureWebJobsStorage__blobServiceUri", Reader::Both),
    setting("AzureWebJobsStorage__clientId", Reader::Host),
    setting("AzureWebJobsStorage__credential", Reader::Host),
    setting("AzureWebJobsStorage__queueServiceUri", Reader::Both),
    setting("AzureWebJobsStorage__tableServiceUri", Reader::Host),
    setting("EVALUATE_SCHEDULE", Reader::Host),
    setting("OTEL_EXPORTER_OTLP_ENDPOINT", Reader::Program),
    setting("SPENDWATCH_API_KEY", Reader::Program),
    setting("SPENDWATCH_CONFIG", Reader::Program),
    setting("SPENDWATCH_LOG", Reader::Program),
    setting("SPENDWATCH_QUEUES", Reader::Program),
    setting("SPENDWATCH_STATE", Reader::Program),
    setting("SYNC_SCHEDULE", Reader::Host),
    setting("WEBSITE_HOSTNAME", Reader::Program),
];

/// Settings that look like ours and are none, each with the one that was probably meant.
pub fn unknown<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Option<&'static str>)> {
    let is_ours = |name: &str| name.starts_with("SPENDWATCH_");
    let known = |name: &str| SETTINGS.iter().any(|setting| setting.name == name);
    names
        .filter(|name| is_ours(name) && !known(name))
        .map(|name| (name, nearest(name)))
        .collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    let names = SETTINGS.iter().map(|setting| setting.name);
    let near = names.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = near.min()?;
    (distance <= 3).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_explained() {
        let docs = ["functions.md", "serve.md"].map(|name| {
            let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        });
        for setting in SETTINGS {
            let word = format!("`{}`", setting.name);
            assert!(docs.iter().any(|text| text.contains(&word)), "{word}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_found_and_those_of_others_are_not() {
        let names = [
            "SPENDWATCH_CONFG",
            "SPENDWATCH_CONFIG",
            "PATH",
            "SPENDWATCH_COLOUR_OF_MAILS",
        ];
        assert_eq!(
            unknown(names.into_iter()),
            [
                ("SPENDWATCH_CONFG", Some("SPENDWATCH_CONFIG")),
                ("SPENDWATCH_COLOUR_OF_MAILS", None)
            ]
        );
    }
}
